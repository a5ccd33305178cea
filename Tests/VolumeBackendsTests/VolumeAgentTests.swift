import CloudBus
import CloudCore
import CloudCrypto
import Foundation
import HostCommands
import Synchronization
import Testing
import VolumeMessages

@testable import VolumeBackends

/// What the agent adds to its back ends, in the words of the messages that reach it.
@Suite(.timeLimit(.minutes(2))) struct VolumeAgentTests {
    /// Two simulated back ends behind a bus.
    struct Host {
        let folder: TemporaryFolder
        let bus = InProcessBus()
        let first = SimulatedBackend(name: "first")
        let second = SimulatedBackend(name: "second")
        let images = MemoryImages()
        let agent: VolumeAgent

        init() async throws {
            folder = try TemporaryFolder()
            let backups = PieceBackupStore(in: FolderBackupPlace(folder: folder.path + "/backups"), chunk: 1 << 20)
            agent = VolumeAgent(
                host: "storage-1", backends: [first, second], backups: ["file": backups], bus: bus, source: images, sink: images,
                options: VolumeAgentOptions(scratch: folder.path + "/scratch"))
            try await agent.start()
        }

        func call<R: BusRequest>(_ request: R) async throws -> R.Reply {
            try await bus.call(request, to: BusAddress(topic: VolumeTopic.agent, host: "storage-1"), deadline: .seconds(60))
        }
    }

    @Test func volumesMoveBetweenBackends() async throws {
        let host = try await Host()
        let (source, target) = (volume(), volume())
        _ = try await host.call(CreateVolume(backend: "first", volume: source, content: .blank))
        try await host.first.put(5, in: source)
        // The target breaks off in the middle: the source is whole, and a repeat begins again.
        host.second.faults.order(.fail(.backendError, "out of order"), on: .write)
        let copy = CopyVolume(backend: "first", volume: source, targetBackend: "second", target: target)
        #expect(await code { _ = try await host.call(copy) } == .backendError)
        #expect(try await host.second.holds(target) == false)
        for _ in 1...2 { _ = try await host.call(copy) }
        #expect(try await host.second.pattern(in: target) == 5)
        #expect(try await host.first.pattern(in: source) == 5)
        #expect(await code { _ = try await host.call(DeleteVolume(backend: "third", volume: source)) } == .unknownBackend)
    }

    @Test(arguments: ["first", "second"]) func copiesAreEncryptedAsTheirTargetIs(backend: String) async throws {
        let host = try await Host()
        let key = VolumeEncryption(keyID: Identifier.uuid(), passphrase: "secret", cipher: nil, keyBits: nil)
        let (source, target) = (volume(), volume(encryption: key))
        _ = try await host.call(CreateVolume(backend: "first", volume: source, content: .blank))
        try await host.first.put(5, in: source)
        let copy = CopyVolume(backend: "first", volume: source, targetBackend: backend, target: target)
        // Broken off in the middle, it leaves nothing; a repeat is whole.
        if backend == "second" {
            host.second.faults.order(.fail(.backendError, "out of order"), on: .write)
            #expect(await code { _ = try await host.call(copy) } == .backendError)
            #expect(try await host.first.volumes(in: "").map(\.name) == [source.name])
        }
        _ = try await host.call(copy)
        // A crash may leave what lay between.
        if backend == "second" {
            _ = try await host.call(CreateVolume(backend: "first", volume: volume(CopyVolume.betweenName(of: target.name)), content: .blank))
        }
        _ = try await host.call(copy)
        let other = backend == "first" ? host.first : host.second
        #expect(try await other.pattern(in: target) == 5)
        #expect(try other.existing(target.name).keyID == key.keyID)
        let expected = backend == "first" ? [source.name, target.name] : [source.name]
        #expect(try await host.first.volumes(in: "").map(\.name) == expected.sorted())
    }

    @Test(.enabled(if: isInstalled("qemu-img"))) func imagesComeAndGo() async throws {
        let host = try await Host()
        let (image, bytes) = (Identifier.uuid(), [UInt8](repeating: 0, count: 5 << 20) + sample(6))
        host.images.put(image, bytes)
        let sum = Hexadecimal.text(Digest.of(bytes, .sha512))
        let one = volume()
        let wrong = CreateVolume(
            backend: "first", volume: one, content: .image(id: image, format: "raw", checksum: String(repeating: "0", count: 128)))
        #expect(await code { _ = try await host.call(wrong) } == .imageUnavailable)
        _ = try await host.call(CreateVolume(backend: "first", volume: one, content: .image(id: image, format: "raw", checksum: sum)))
        #expect(try await host.first.pattern(in: one) == 6)
        #expect(try Files.names(in: host.folder.path + "/scratch").isEmpty)

        // As qcow2, which holds what was written alone: a raw image would be all of the volume's bytes.
        let made = Identifier.uuid()
        let reply = try await host.call(UploadVolume(backend: "first", volume: one, imageID: made, format: "qcow2"))
        #expect(host.images.bytes(made)?.count == Int(reply.bytes))
        let again = volume()
        _ = try await host.call(CreateVolume(backend: "first", volume: again, content: .image(id: made, format: "qcow2", checksum: nil)))
        #expect(try await host.first.pattern(in: again) == 6)
        #expect(await code {
            _ = try await host.call(UploadVolume(backend: "first", volume: one, imageID: made, format: "ploop"))
        } == .unsupported)
    }

    @Test func backupsAddToEachOther() async throws {
        let host = try await Host()
        let (one, restored) = (volume(), volume())
        for volume in [one, restored] { _ = try await host.call(CreateVolume(backend: "first", volume: volume, content: .blank)) }
        try await host.first.put(1, in: one)
        let full = BackupSpecification(id: Identifier.uuid(), driver: "file")
        let increment = BackupSpecification(id: Identifier.uuid(), driver: "file", parentID: full.id)
        let first = try await host.call(CreateBackup(backend: "first", volume: one, snapshot: nil, backup: full))
        #expect(first.objectCount == 1)
        try await host.first.put(2, at: 100 << 20, in: one)
        let second = try await host.call(CreateBackup(backend: "first", volume: one, snapshot: nil, backup: increment))
        #expect(second.objectCount == 1)
        // What the volume had before is gone: zeros are written too.
        try await host.first.put(9, at: 500 << 20, in: restored)
        _ = try await host.call(RestoreBackup(backend: "first", volume: restored, backup: increment))
        #expect(try await host.first.pattern(in: restored) == 1)
        #expect(try await host.first.pattern(at: 100 << 20, in: restored) == 2)
        #expect(try await host.first.pattern(at: 500 << 20, in: restored) == 0)
        _ = try await host.call(RestoreBackup(backend: "first", volume: restored, backup: full))
        #expect(try await host.first.pattern(at: 100 << 20, in: restored) == 0)

        // A byte that changed on the disk is noticed.
        let piece = "\(host.folder.path)/backups/volumebackups/\(full.id)/5"
        try Files.remove(piece)
        try Files.write(sample(3, count: 1 << 20), to: piece)
        let damaged = RestoreBackup(backend: "first", volume: restored, backup: increment)
        #expect(await code { _ = try await host.call(damaged) } == .backupDamaged)
        for _ in 1...2 { _ = try await host.call(DeleteBackup(backup: increment)) }
        #expect(await code { _ = try await host.call(damaged) } == .backupDamaged)
        let elsewhere = BackupSpecification(id: Identifier.uuid(), driver: "file", container: "../../etc")
        #expect(await code {
            _ = try await host.call(CreateBackup(backend: "first", volume: one, snapshot: nil, backup: elsewhere))
        } == .unsupported)
    }

    @Test func theControllersHearOfRoomAndTrouble() async throws {
        let (bus, folder) = (InProcessBus(), try TemporaryFolder())
        let heard = Mutex<VolumeHostReport?>(nil)
        let (stream, bell) = AsyncStream<Void>.makeStream()
        var controller = BusService()
        controller.on(VolumeHostReport.self) { report, _ in
            heard.withLock { $0 = report }
            bell.yield()
            return BusNothing()
        }
        _ = try await bus.serve(controller, at: BusAddress(topic: VolumeTopic.controller), concurrency: 1, queueLimit: 8)
        let broken = FileBackend(name: "broken", options: .init(directory: "not/absolute"))
        let agent = VolumeAgent(
            host: "storage-1", backends: [SimulatedBackend(name: "good"), broken], bus: bus,
            options: VolumeAgentOptions(scratch: folder.path + "/scratch"))
        try await agent.start()
        for await _ in stream { break }
        let report = try #require(heard.withLock { $0 })
        #expect(report.pools.map(\.backend) == ["good"])
        #expect(report.pools.map(\.host) == ["storage-1"])
        #expect(report.failures.keys.sorted() == ["broken"])
    }

    @Test func oneOperationAtATimeOnAVolume() async throws {
        let (turns, inside) = (Turns<Int>(limit: 1), Inside())
        await withDiscardingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    try? await turns.run(1) {
                        inside.enter()
                        await Task.yield()
                        inside.leave()
                    }
                }
            }
        }
        #expect(inside.most == 1)
    }

    /// How many were at the same place at the same time.
    private final class Inside: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var most: Int { state.withLock { $0.most } }
        func enter() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { state.withLock { $0.now -= 1 } }
    }
}
