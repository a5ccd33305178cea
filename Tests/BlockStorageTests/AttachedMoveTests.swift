import CloudAPI
import CloudCore
import CloudStore
import Synchronization
import Testing
import VolumeMessages

@testable import BlockStorage

/// Compute as block storage sees it while a volume's server goes over to another volume.
final class GoingOver: VolumeServers {
    private let storage = Mutex<BlockStorage?>(nil)
    private let held = Mutex<[String]>([])
    /// Whether the host can't copy.
    let fails: Bool

    init(fails: Bool = false) { self.fails = fails }

    /// What was asked of guests: "hold" and "let go" with their servers.
    var calls: [String] { held.withLock { $0 } }
    func connect(_ storage: BlockStorage) { self.storage.withLock { $0 = storage } }

    func hold(server: String) async throws { held.withLock { $0.append("hold \(server)") } }
    func letGo(server: String) async throws { held.withLock { $0.append("let go \(server)") } }
    func extended(server: String, volume: String, newSizeGiB: Int, needsResize: Bool, requestID: String?, key: String) async throws {}
    func copy(server: String, volume: String, to target: VolumeConnection, key: String) async throws -> Bool { false }

    func swap(server: String, from volume: String, to newVolume: String, key: String) async throws {
        guard let storage = storage.withLock({ $0 }) else { throw VolumeNeighbourMissing("There is no block storage.") }
        let database = storage.parts.database
        try await database.write { transaction in
            try storage.setDetaching(volume: volume, true, in: transaction)
            try storage.reserve(
                attachment: "second", volume: newVolume, server: server, projectID: "blue", isReadOnly: false, isSecond: false,
                in: transaction)
        }
        _ = try await storage.connect(attachment: "second", host: "compute-1", address: "10.0.0.9", device: nil)
        if fails {
            try await database.write { _ = try storage.completeMigration(from: volume, to: newVolume, hasFailed: true, in: $0) }
            try await storage.disconnect(attachment: "second")
            try await database.write { try storage.release(attachment: "second", in: $0) }
            return
        }
        try await database.write { try storage.complete(attachment: "second", device: "/dev/vdb", in: $0) }
        try await storage.disconnect(attachment: "first")
        try await database.write { try storage.release(attachment: "first", in: $0) }
        try await database.write { _ = try storage.completeMigration(from: volume, to: newVolume, hasFailed: false, in: $0) }
    }
}

/// What happens to a volume's place, type and size while a server has it.
struct AttachedMoveTests {
    private static let server = "7d8b1b7c-9d5e-4b30-9f7c-0c3a36c6a5d1"

    /// A site whose host "one" has two back ends, and a volume of it that a server has.
    private func with(_ servers: GoingOver, _ body: (StorageSite, String) async throws -> Void) async throws {
        try await StorageSite.with(servers: servers) { site in
            servers.connect(site.storage)
            var slow = StorageSite.pool("one", free: 50)
            (slow.backend, slow.backendName) = ("slow", "slow")
            try await VolumeReports(storage: site.storage.parts).record(
                VolumeHostReport(host: "one", pools: [StorageSite.pool("one", free: 200), slow]))
            let id = try await site.makeVolume()
            try await site.database.write { transaction in
                try site.storage.reserve(
                    attachment: "first", volume: id, server: Self.server, projectID: "blue", isReadOnly: false, isSecond: false,
                    in: transaction)
            }
            _ = try await site.storage.connect(attachment: "first", host: "compute-1", address: "10.0.0.9", device: nil)
            try await site.database.write { try site.storage.complete(attachment: "first", device: "/dev/vdb", in: $0) }
            try await body(site, id)
        }
    }

    private func migrate(_ id: String, _ site: StorageSite) async throws {
        let answer = await site.send(
            .post, "/volumes/\(id)/action", token: StorageSite.admin, ["os-migrate_volume": ["host": "one@slow"]])
        #expect(answer.status == .accepted, "\(answer.text)")
        try await site.settle()
    }

    private func rows(_ site: StorageSite) async throws -> [String] {
        try await site.database.read { try VolumeRecords.all(where: "1 = 1", in: $0).map(\.id) }
    }

    @Test func aServerKeepsItsVolumeWhileTheBytesMove() async throws {
        try await with(GoingOver()) { site, id in
            try await migrate(id, site)
            let volume = try #require(try await site.volume(id))
            #expect(volume.status == .inUse && volume.attachStatus == .attached)
            #expect(volume.host == "one@slow" && volume.migrationStatus == "success")
            let target = try #require(volume.details.nameID)
            #expect(site.hosts["one"]?.volumes == ["volume-\(target)"])
            #expect(site.hosts["one"]?.connections == ["second": "volume-\(target)"])
            #expect(try await rows(site) == [id])
        }
    }

    @Test func aMoveThatFailsLeavesTheVolumeAsItWas() async throws {
        try await with(GoingOver(fails: true)) { site, id in
            try await migrate(id, site)
            let volume = try #require(try await site.volume(id))
            #expect(volume.status == .inUse && volume.attachStatus == .attached)
            #expect(volume.host == "one@fast" && volume.migrationStatus == "error")
            #expect(site.hosts["one"]?.volumes == ["volume-\(id)"])
            #expect(site.hosts["one"]?.connections == ["first": "volume-\(id)"])
            #expect(try await rows(site) == [id])
        }
    }

    @Test func aVolumeIsReservedWhileItsServerIsOnNoHost() async throws {
        try await with(GoingOver()) { site, id in
            try await site.storage.disconnect(attachment: "first")
            let waiting = try #require(try await site.volume(id))
            #expect(waiting.status == .reserved && waiting.attachStatus == .detached)
            _ = try await site.storage.connect(attachment: "first", host: "compute-2", address: "10.0.0.10", device: "/dev/vdb")
            try await site.database.write { try site.storage.complete(attachment: "first", device: "/dev/vdb", in: $0) }
            let back = try #require(try await site.volume(id))
            #expect(back.status == .inUse && back.attachStatus == .attached)
        }
    }

    @Test func aVolumeOnItsWayOutOfAGuestIsSoUntilItsAttachmentEnds() async throws {
        try await with(GoingOver()) { site, id in
            try await site.database.write { try site.storage.setDetaching(volume: id, true, in: $0) }
            try await site.storage.disconnect(attachment: "first")
            #expect(try await site.volume(id)?.status == .detaching)
            try await site.database.write { try site.storage.release(attachment: "first", in: $0) }
            #expect(try await site.volume(id)?.status == .available)
        }
    }

    @Test func guestsAreHeldOnlyWhereTheBackEndAsksForIt() async throws {
        let servers = GoingOver()
        try await with(servers) { site, id in
            _ = await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": 2]])
            try await site.settle()
            #expect(try await site.volume(id)?.size == 2)
            #expect(servers.calls == [])
            site.hosts["one"]?.fail(ExtendVolume.method, .openInGuest)
            _ = await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": 3]])
            try await site.settle()
            // This host asks for it however often guests are held; each time they are let go.
            #expect(servers.calls.first == "hold \(Self.server)" && servers.calls.last == "let go \(Self.server)")
            #expect(servers.calls.filter { $0.hasPrefix("hold") }.count < servers.calls.filter { $0.hasPrefix("let") }.count + 1)
            #expect(try await site.volume(id)?.size == 2)
        }
    }
}
