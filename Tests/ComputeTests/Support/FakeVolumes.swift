import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Synchronization

@testable import Compute

/// Block storage in two tables: volumes are there as soon as they are asked for, and their bytes nowhere.
struct FakeVolumes: ComputeVolumes {
    let database: SQLiteDatabase
    let orders: Orders

    static let migration = Migration(
        3, "volumes",
        [
            """
            CREATE TABLE fake_volumes (id TEXT PRIMARY KEY, status TEXT NOT NULL, size BIGINT NOT NULL, multiattach BIGINT NOT NULL)
            """,
            """
            CREATE TABLE fake_attachments (id TEXT PRIMARY KEY, volume TEXT NOT NULL, server TEXT NOT NULL, host TEXT,
                device TEXT)
            """,
            "CREATE TABLE fake_snapshots (id TEXT PRIMARY KEY, volume TEXT NOT NULL)",
        ])

    func volume(_ id: String, for token: TokenContext) async throws -> ServerVolume? {
        try await database.read { try volumes([id], in: $0)[id] }
    }

    func snapshot(_ id: String, for token: TokenContext) async throws -> VolumeSnapshot? {
        try await database.read { try snapshots([id], in: $0)[id] }
    }

    func hasVolumeType(_ nameOrID: String, for token: TokenContext) async throws -> Bool { nameOrID == "fast" }

    func volumes(_ ids: [String], in reader: any Reader) throws -> [String: ServerVolume] {
        guard !ids.isEmpty else { return [:] }
        let rows = try reader.all("SELECT id, status, size, multiattach FROM fake_volumes WHERE id IN \(in: ids)") { row in
            ServerVolume(
                id: try row[0], status: try row[1], sizeGiB: try row[2], isBootable: true, isMultiattach: try row[3],
                migrationStatus: nil, imageProperties: ["image_id": FakeImages.image])
        }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0) })
    }

    func create(_ volume: NewServerVolume) async throws {
        try await orders.run("create-volume", host: "")
        try await put(volume.id, size: volume.sizeGiB ?? 1)
    }

    /// Puts a volume there, unless it is.
    func put(_ id: String, size: Int = 1, isShared: Bool = false) async throws {
        try await database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO fake_volumes (id, status, size, multiattach) VALUES (\(id), 'available', \(size), \(isShared))
                ON CONFLICT (id) DO NOTHING
                """)
        }
    }

    func delete(volume id: String) async throws {
        try await database.write { transaction in
            let count: Int = try transaction.scalar("SELECT COUNT(*) FROM fake_attachments WHERE volume = \(id)") ?? 0
            guard count == 0 else { throw VolumeRefusal(.invalid, "The volume is in use.") }
            try transaction.execute("DELETE FROM fake_volumes WHERE id = \(id)")
        }
    }

    func reimage(volume id: String, image: String, projectID: String, token: String) async throws {
        try await orders.run("reimage", host: "")
    }

    func reserve(_ attachment: NewVolumeAttachment, in transaction: any Transaction) throws {
        guard let volume = try volumes([attachment.volumeID], in: transaction)[attachment.volumeID] else {
            throw VolumeRefusal(.notFound, "There is no such volume.")
        }
        guard volume.status == "available" || volume.isMultiattach || attachment.isSecond else {
            throw VolumeRefusal(.invalid, "The volume is \(volume.status).")
        }
        try transaction.execute(
            """
            INSERT INTO fake_attachments (id, volume, server) VALUES (\(attachment.id), \(volume.id), \(attachment.serverID))
            ON CONFLICT (id) DO NOTHING
            """)
        if volume.status == "available" { try set("reserved", volume.id, in: transaction) }
    }

    private func set(_ status: String, _ volume: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE fake_volumes SET status = \(status) WHERE id = \(volume)")
    }

    func connect(attachment id: String, connector: ServerVolumeConnector) async throws -> ServerVolumeAccess {
        try await orders.run("connect", host: connector.host)
        try await database.write { try $0.execute("UPDATE fake_attachments SET host = \(connector.host) WHERE id = \(id)") }
        guard let access = try await access(attachment: id) else { throw VolumeRefusal(.notFound, "There is no such attachment.") }
        return access
    }

    func access(attachment id: String) async throws -> ServerVolumeAccess? {
        let host: String? = try await database.read {
            try $0.scalar("SELECT host FROM fake_attachments WHERE id = \(id) AND host IS NOT NULL")
        }
        return host.map {
            ServerVolumeAccess(connection: .file(path: "/volumes/\($0)/\(id)", format: "raw"), qosSpecs: ["total_iops_sec": "500"])
        }
    }

    func complete(attachment id: String, device: String, in transaction: any Transaction) throws {
        let volume: String? = try transaction.scalar("SELECT volume FROM fake_attachments WHERE id = \(id)")
        guard let volume else { return }
        try transaction.execute("UPDATE fake_attachments SET device = \(device) WHERE id = \(id)")
        try set("in-use", volume, in: transaction)
    }

    func disconnect(attachment id: String) async throws {
        try await orders.run("disconnect", host: "")
        try await database.write { try $0.execute("UPDATE fake_attachments SET host = NULL WHERE id = \(id)") }
    }

    func release(attachment id: String, in transaction: any Transaction) throws {
        let volume: String? = try transaction.scalar("SELECT volume FROM fake_attachments WHERE id = \(id)")
        guard let volume else { return }
        try transaction.execute("DELETE FROM fake_attachments WHERE id = \(id)")
        let left: Int = try transaction.scalar("SELECT COUNT(*) FROM fake_attachments WHERE volume = \(volume)") ?? 0
        if left == 0 { try set("available", volume, in: transaction) }
    }

    func setDetaching(volume id: String, _ isDetaching: Bool, in transaction: any Transaction) throws {
        guard let volume = try volumes([id], in: transaction)[id] else { return }
        guard !isDetaching || volume.status == "in-use" else { throw VolumeRefusal(.invalid, "The volume is \(volume.status).") }
        try set(isDetaching ? "detaching" : "in-use", id, in: transaction)
    }

    func createSnapshot(_ snapshot: NewVolumeSnapshot) async throws {
        try await orders.run("create-snapshot", host: "")
        try await database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO fake_snapshots (id, volume) VALUES (\(snapshot.id), \(snapshot.volumeID)) ON CONFLICT (id) DO NOTHING
                """)
        }
    }

    func snapshots(_ ids: [String], in reader: any Reader) throws -> [String: VolumeSnapshot] {
        guard !ids.isEmpty else { return [:] }
        let rows = try reader.all("SELECT id, volume FROM fake_snapshots WHERE id IN \(in: ids)") { row in
            VolumeSnapshot(id: try row[0], status: "available", sizeGiB: 1, volumeID: try row[1])
        }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0) })
    }

    func delete(snapshot id: String) async throws {
        try await database.write { try $0.execute("DELETE FROM fake_snapshots WHERE id = \(id)") }
    }

    func completeMigration(from old: String, to new: String, hasFailed: Bool, in transaction: any Transaction) throws -> String {
        hasFailed ? old : new
    }
}

/// The volumes that fake guests have.
final class FakeDisks: Sendable {
    private let disks = Mutex<[String: [String]]>([:])
    private let specs = Mutex<[String: [String: String]]>([:])

    /// Gives a guest these volumes and no others.
    func set(_ volumes: [String], of guest: String) { disks.withLock { $0[guest] = volumes } }

    /// Gives a guest the volumes of a message and no others.
    func set(_ guest: GuestSpecification) {
        set(guest.volumes.map(\.id), of: guest.id)
        specs.withLock { specs in
            for volume in guest.volumes { specs[volume.id] = volume.qosSpecs }
        }
    }

    /// What the last message with a volume said of its QoS specs.
    func qosSpecs(of volume: String) -> [String: String]? { specs.withLock { $0[volume] } }

    /// A guest's volumes.
    func volumes(of guest: String) -> [String] { disks.withLock { $0[guest] ?? [] } }

    /// Everything.
    var all: [String: [String]] { disks.withLock { $0 } }
}

extension FakeAgents {
    func serveVolumes(on service: inout BusService, host: String) {
        service.on(AttachVolume.self) { request, _ in
            try await self.begin("attach-volume", host)
            self.disks.set(request.guest)
            return AttachedVolume(deviceName: request.volume.deviceName ?? "/dev/vdb")
        }
        service.on(DetachVolume.self) { request, _ in
            try await self.begin("detach-volume", host)
            self.disks.set(request.guest)
            return BusNothing()
        }
        service.on(SwapVolume.self) { request, _ in
            try await self.begin("swap-volume", host)
            self.disks.set(request.guest)
            return BusNothing()
        }
        service.on(ListGuestVolumes.self) { _, _ in
            let present = Set(self.guests(on: host).keys)
            return self.disks.all.filter { present.contains($0.key) }
        }
    }
}
