import CloudCore
import Foundation
import Testing
import VolumeMessages

@testable import VolumeBackends

/// What every back end has to do.
@Suite(.serialized, .timeLimit(.minutes(5))) struct BackendConformanceTests {
    private func with(_ kind: ArmKind, _ body: (any VolumeBackend, any BackendArm) async throws -> Void) async throws {
        let arm = try kind.make()
        do {
            let backend = try await arm.open()
            try await body(backend, arm)
            await backend.stop()
        } catch {
            await arm.close()
            throw error
        }
        await arm.close()
    }

    @Test(arguments: ArmKind.available) func aVolumeLives(kind: ArmKind) async throws {
        try await with(kind) { backend, arm in
            var one = volume()
            try await backend.create(one, .blank)
            #expect(try await backend.bytes(of: one) == 1 << 30)
            #expect(try await backend.pattern(in: one) == 0)
            try await backend.put(7, in: one)
            // A repeat finds what is there.
            try await backend.create(one, .blank)
            #expect(try await backend.pattern(in: one) == 7)
            one.sizeGiB = 2
            #expect(try await backend.extend(one, isAttached: false) == false)
            #expect(try await backend.extend(one, isAttached: false) == false)
            #expect(try await backend.bytes(of: one) == 2 << 30)
            #expect(try await backend.pattern(in: one) == 7)
            try await backend.put(9, at: (2 << 30) - sampleLength, in: one)
            #expect(try await backend.volumes(in: "").map(\.name) == [one.name])

            // The program is killed and begins again.
            let again = try await arm.open()
            #expect(try await again.pattern(in: one) == 7)
            #expect(try await again.pattern(at: (2 << 30) - sampleLength, in: one) == 9)
            let pool = try #require(try await again.pools().first)
            #expect(pool.provisionedGiB >= 2)
            try await again.delete(one)
            try await again.delete(one)
            #expect(try await again.holds(one) == false)
            #expect(await code { _ = try await again.open(one, writing: false) } == .notFound)
            await again.stop()
        }
    }

    @Test(arguments: ArmKind.available) func snapshotsKeepTheirBytes(kind: ArmKind) async throws {
        try await with(kind) { backend, _ in
            let source = volume()
            try await backend.create(source, .blank)
            try await backend.put(1, in: source)
            let first = snapshot(of: source)
            for _ in 1...2 { #expect(try await backend.createSnapshot(first, isAttached: false, isCopied: false) == nil) }
            try await backend.put(2, in: source)
            #expect(try await backend.pattern(in: first) == 1)
            #expect(try await backend.snapshots(in: "").map(\.volumeName) == [source.name])

            let (old, new) = (volume(gib: 2), volume())
            try await backend.create(old, .snapshot(first))
            try await backend.create(new, .volume(source))
            #expect(try await backend.bytes(of: old) == 2 << 30)
            #expect(try await backend.pattern(in: old) == 1)
            #expect(try await backend.pattern(in: new) == 2)

            try await backend.revert(to: first)
            #expect(try await backend.pattern(in: source) == 1)
            // What was made of something outlives it.
            for _ in 1...2 { try await backend.deleteSnapshot(first) }
            #expect(await code { try await backend.create(volume(), .snapshot(first)) } == .notFound)
            try await backend.delete(source)
            #expect(try await backend.pattern(in: old) == 1)
            #expect(try await backend.pattern(in: new) == 2)
            try await backend.delete(old)
            try await backend.delete(new)
            #expect(try await backend.volumes(in: "").isEmpty)
        }
    }

    @Test(arguments: ArmKind.available) func anAttachedVolumeIsCopiedByItsHost(kind: ArmKind) async throws {
        try await with(kind) { backend, arm in
            let source = volume()
            try await backend.create(source, .blank)
            try await backend.put(4, in: source)
            _ = try await backend.connect(source, attachmentID: Identifier.uuid(), connector: someHost)
            let taken = snapshot(of: source)
            if let target = try await backend.createSnapshot(taken, isAttached: true, isCopied: false) {
                #expect(await code { _ = try await backend.open(taken) } == .notFound)
                try await arm.write(4, to: target)
                #expect(try await backend.createSnapshot(taken, isAttached: true, isCopied: true) == nil)
            }
            #expect(try await backend.pattern(in: taken) == 4)
            // One that was begun and given up leaves nothing.
            let dropped = snapshot(of: source)
            _ = try await backend.createSnapshot(dropped, isAttached: true, isCopied: false)
            try await backend.deleteSnapshot(dropped)
            #expect(try await backend.snapshots(in: "").map(\.name) == [taken.name])
        }
    }

    @Test(arguments: ArmKind.available) func overwritingKeepsSnapshots(kind: ArmKind) async throws {
        try await with(kind) { backend, _ in
            let (one, other) = (volume(), volume())
            for made in [one, other] { try await backend.create(made, .blank) }
            try await backend.put(1, in: one)
            try await backend.put(2, at: 9 << 20, in: one)
            let before = snapshot(of: one)
            _ = try await backend.createSnapshot(before, isAttached: false, isCopied: false)
            try await backend.put(7, in: other)
            let (source, target) = (try await backend.open(other, writing: false), try await backend.open(one, writing: true))
            try await target.overwrite(with: source)
            await target.close()
            await source.close()
            #expect(try await backend.pattern(in: one) == 7)
            #expect(try await backend.pattern(at: 9 << 20, in: one) == 0)
            #expect(try await backend.pattern(in: before) == 1)
            #expect(try await backend.pattern(at: 9 << 20, in: before) == 2)
        }
    }

    @Test(arguments: ArmKind.available) func connectionsOutliveTheProgram(kind: ArmKind) async throws {
        try await with(kind) { backend, arm in
            let one = volume()
            try await backend.create(one, .blank)
            let (first, second) = (Identifier.uuid(), Identifier.uuid())
            let connection = try await backend.connect(one, attachmentID: first, connector: someHost)
            #expect(try await backend.connect(one, attachmentID: first, connector: someHost) == connection)
            _ = try await backend.connect(one, attachmentID: second, connector: someHost)
            #expect(await code { try await backend.delete(one) } == .busy)
            let again = try await arm.open()
            #expect(Set(try await again.connections().map(\.attachmentID)) == [first, second])
            #expect(try await again.connect(one, attachmentID: first, connector: someHost) == connection)
            for id in [first, first, second] { try await again.disconnect(one, attachmentID: id) }
            #expect(try await again.connections().isEmpty)
            try await again.delete(one)
            #expect(await code { _ = try await again.connect(one, attachmentID: first, connector: someHost) } == .notFound)
            await again.stop()
        }
    }

    @Test(arguments: ArmKind.available) func halfAVolumeIsNone(kind: ArmKind) async throws {
        try await with(kind) { backend, arm in
            let one = volume()
            await #expect(throws: (any Error).self) { try await backend.create(one, .bytes(BrokenBytes())) }
            #expect(try await backend.holds(one) == false)
            #expect(try await backend.volumes(in: "").isEmpty)
            let again = try await arm.open()
            try await again.create(one, .blank)
            #expect(try await again.pattern(in: one) == 0)
            await again.stop()
        }
    }

    @Test(arguments: ArmKind.available) func volumesAreMadeOfImages(kind: ArmKind) async throws {
        try await with(kind) { backend, _ in
            let folder = try TemporaryFolder()
            let path = folder.path + "/image.raw"
            try Files.write([UInt8](repeating: 0, count: 5 << 20) + sample(8), to: path)
            let image = ImageFile(path: path, format: "raw", virtualSize: (5 << 20) + 8192)
            let one = volume()
            try await backend.create(one, .image(image))
            #expect(try await backend.pattern(in: one) == 8)
            #expect(try await backend.bytes(of: one) == 1 << 30)
            var large = image
            large.virtualSize = 2 << 30
            #expect(await code { try await backend.create(volume(), .image(large)) } == .imageUnavailable)
        }
    }

    @Test(arguments: ArmKind.available) func namesChange(kind: ArmKind) async throws {
        try await with(kind) { backend, _ in
            let found = volume("by-hand")
            try await backend.create(found, .blank)
            try await backend.put(3, in: found)
            let kept = snapshot(of: found)
            _ = try await backend.createSnapshot(kept, isAttached: false, isCopied: false)
            let ours = volume()
            for _ in 1...2 {
                let renamed = try await backend.rename(found.name, to: ours.name, of: nil, in: "")
                #expect(renamed.name == ours.name)
                #expect(renamed.bytes == 1 << 30)
            }
            #expect(try await backend.pattern(in: ours) == 3)
            #expect(await code { _ = try await backend.rename("nothing", to: "other", of: nil, in: "") } == .notFound)
            _ = try await backend.rename(kept.name, to: "snapshot-new", of: ours.name, in: "")
            let moved = SnapshotSpecification(id: kept.id, name: "snapshot-new", volume: ours)
            #expect(try await backend.pattern(in: moved) == 3)
            let other = volume()
            try await backend.create(other, .blank)
            #expect(await code { _ = try await backend.rename(ours.name, to: other.name, of: nil, in: "") } == .busy)
        }
    }
}
