import CloudCore
import Foundation
import Testing
import VolumeMessages

@testable import VolumeBackends

/// What a back end in Ceph does beside what all do.
@Suite(.serialized, .enabled(if: RBDArm.cluster != nil), .timeLimit(.minutes(5))) struct RBDBackendTests {
    private func withBackend(_ body: (RBDBackend, RBDArm) async throws -> Void) async throws {
        let arm = try RBDArm(pool: "others")
        do {
            let backend = try await arm.openCeph()
            try await body(backend, arm)
            await backend.stop()
        } catch {
            await arm.close()
            throw error
        }
        await arm.close()
    }

    private func images(_ backend: RBDBackend) async throws -> [String] { try await backend.client.entries().map(\.image) }

    @Test func deletedVolumesLiveOnBelowTheirClones() async throws {
        try await withBackend { backend, _ in
            let (source, copy, second) = (volume(), volume(), volume())
            try await backend.create(source, .blank)
            try await backend.put(5, in: source)
            let taken = snapshot(of: source)
            _ = try await backend.createSnapshot(taken, isAttached: false, isCopied: false)
            #expect(await code { try await backend.delete(source) } == .busy)
            try await backend.create(copy, .snapshot(taken))
            try await backend.create(second, .volume(copy))
            try await backend.deleteSnapshot(taken)
            try await backend.delete(source)
            try await backend.delete(copy)
            #expect(try await backend.volumes(in: "").map(\.name) == [second.name])
            #expect(try await backend.pattern(in: second) == 5)
            #expect(try await images(backend).filter { $0.hasPrefix(RBDLeftovers.hidden) }.count == 2)
            // The last one's going takes the hidden ones with it, at the next look at the latest.
            try await backend.delete(second)
            try await backend.leftovers.sweep()
            try await backend.leftovers.sweep()
            #expect(try await images(backend).isEmpty)
        }
    }

    @Test func clonesOfClonesEndSomewhere() async throws {
        try await withBackend { backend, _ in
            var last = volume()
            try await backend.create(last, .blank)
            try await backend.put(6, in: last)
            for _ in 1...6 {
                let next = volume()
                try await backend.create(next, .volume(last))
                last = next
            }
            #expect(try await backend.client.image(last.name)?.parent == nil)
            #expect(try await backend.pattern(in: last) == 6)
        }
    }

    @Test func encryptedVolumesHoldCiphertext() async throws {
        try await withBackend { backend, arm in
            let encryption = VolumeEncryption(keyID: Identifier.uuid(), passphrase: Identifier.hex())
            let path = arm.folder.path + "/image.raw"
            try Files.write([UInt8](repeating: 0, count: 5 << 20) + sample(8), to: path)
            var one = volume(encryption: encryption)
            try await backend.create(one, .image(ImageFile(path: path, format: "raw", virtualSize: (5 << 20) + sampleLength)))
            let bytes = try await backend.open(one, writing: false)
            let header = try #require(LUKS.payloadOffset(try await bytes.read(0..<108)))
            let place = header + (5 << 20)
            #expect(bytes.size == header + (1 << 30))
            #expect(try await bytes.read(place..<place + sampleLength) != sample(8))
            await bytes.close()
            one.sizeGiB = 2
            #expect(try await backend.extend(one, isAttached: true) == false)
            #expect(try await backend.bytes(of: one) == header + (2 << 30))
            // Without a key of its own, the copy is in the clear; with the same one, it lies on the first.
            let (plain, same) = (volume(gib: 2), volume(gib: 2, encryption: encryption))
            try await backend.create(plain, .volume(one))
            #expect(try await backend.pattern(in: plain) == 8)
            try await backend.create(same, .volume(one))
            #expect(try await backend.client.image(same.name)?.parent?.image == one.name)
            #expect(try Files.names(in: arm.folder.path + "/parts").isEmpty)
        }
    }

    @Test func connectedVolumesAreReadAsOfOneMoment() async throws {
        try await withBackend { backend, _ in
            let one = volume()
            try await backend.create(one, .blank)
            try await backend.put(2, in: one)
            let writer = try await backend.open(one, writing: true)
            guard case .rbd(let pool, let image, let monitors, let user, let secret) = try await backend.connect(
                one, attachmentID: Identifier.uuid(), connector: someHost)
            else {
                Issue.record("no connection to Ceph")
                return await writer.close()
            }
            #expect([pool, image, user] == ["others", one.name, "altostack"])
            #expect(monitors.count == 1)
            #expect(try secret == backend.client.key())
            let reader = try await backend.open(one, writing: false)
            try await writer.write(sample(3)[...], at: 5 << 20)
            try await writer.flush()
            #expect(try await reader.read((5 << 20)..<(5 << 20) + sampleLength) == sample(2))
            await reader.close()
            #expect(try await backend.client.snapshots(of: one.name).isEmpty)
            #expect(await code { _ = try await backend.open(one, writing: true) } == .busy)
            await writer.close()
        }
    }

    @Test func whatAKilledProgramLeftIsRemoved() async throws {
        try await withBackend { backend, arm in
            let one = volume()
            try await backend.create(one, .blank)
            // What a program does before it is killed: notes, and then makes.
            let part = RBDLeftovers.prefix + "part.left"
            let moment = RBDLeftovers.prefix + "moment.left"
            try Files.write(Array(part.utf8), to: arm.folder.path + "/leftovers/1")
            try Files.write(Array("\(one.name)@\(moment)".utf8), to: arm.folder.path + "/leftovers/2")
            try await backend.client.rbd(["create", "--size", "1G", backend.client.path(part)])
            try await backend.client.rbd(["snap", "create", "--no-progress", backend.client.path(one.name, moment)])
            #expect(try await backend.volumes(in: "").map(\.name) == [one.name])
            #expect(try await backend.snapshots(in: "").isEmpty)
            let again = try await arm.openCeph()
            #expect(try await images(again) == [one.name])
            #expect(try Files.names(in: arm.folder.path + "/leftovers").isEmpty)
            await again.stop()
        }
    }
}
