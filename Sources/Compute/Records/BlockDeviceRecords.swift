import CloudCore
import CloudStore

extension BlockDevice.Source: SQLConvertible {}
extension BlockDeviceMapping.State: SQLConvertible {}

extension ComputeSchema {
    /// The volumes of servers.
    static let blockDevices = Migration(8, "servers' block devices", [
        """
        CREATE TABLE compute_block_devices (
            id TEXT PRIMARY KEY, server_id TEXT NOT NULL REFERENCES compute_servers (id) ON DELETE CASCADE, number BIGINT NOT NULL,
            source TEXT NOT NULL, source_id TEXT, volume_id TEXT NOT NULL, attachment_id TEXT, state TEXT NOT NULL,
            boot_index BIGINT, size_gib BIGINT, disk_bus TEXT, device_name TEXT, tag TEXT, volume_type TEXT,
            deletes_on_termination BIGINT NOT NULL, is_shared BIGINT NOT NULL, UNIQUE (server_id, volume_id))
        """,
        "CREATE INDEX compute_block_devices_by_volume ON compute_block_devices (volume_id)",
    ])
}

/// The rows of servers' volumes.
enum BlockDeviceRecords {
    private static let columns: SQL = """
        id, server_id, number, source, source_id, volume_id, attachment_id, state, boot_index, size_gib, disk_bus, device_name, tag, \
        volume_type, deletes_on_termination, is_shared
        """

    private static func mapping(_ row: borrowing Row) throws -> BlockDeviceMapping {
        BlockDeviceMapping(
            id: try row[0], serverID: try row[1], number: try row[2], source: try row[3], sourceID: try row[4], volumeID: try row[5],
            attachmentID: try row[6], state: try row[7], bootIndex: try row[8], sizeGiB: try row[9], diskBus: try row[10],
            deviceName: try row[11], tag: try row[12], volumeType: try row[13], deletesOnTermination: try row[14],
            isShared: try row[15])
    }

    /// A server's volumes in their order.
    static func all(server id: String, in reader: any Reader) throws -> [BlockDeviceMapping] {
        try reader.all("SELECT \(columns) FROM compute_block_devices WHERE server_id = \(id) ORDER BY number, id", mapping)
    }

    /// The volumes of servers by server, in one query; servers without any are absent.
    static func all(servers ids: [String], in reader: any Reader) throws -> [String: [BlockDeviceMapping]] {
        guard !ids.isEmpty else { return [:] }
        let rows = try reader.all(
            "SELECT \(columns) FROM compute_block_devices WHERE server_id IN \(in: ids) ORDER BY server_id, number, id", mapping)
        return Dictionary(grouping: rows, by: \.serverID)
    }

    /// The servers' rows that name a volume; those of servers that were deleted are not among them.
    static func all(volume id: String, in reader: any Reader) throws -> [BlockDeviceMapping] {
        try reader.all(
            """
            SELECT \(columns) FROM compute_block_devices WHERE volume_id = \(id)
                AND server_id IN (SELECT id FROM compute_servers WHERE deleted_at IS NULL) ORDER BY server_id
            """, mapping)
    }

    /// A server's volume.
    static func find(volume: String, server: String, in reader: any Reader) throws -> BlockDeviceMapping? {
        try reader.first("SELECT \(columns) FROM compute_block_devices WHERE server_id = \(server) AND volume_id = \(volume)", mapping)
    }

    /// A row by its id.
    static func find(id: String, in reader: any Reader) throws -> BlockDeviceMapping? {
        try reader.first("SELECT \(columns) FROM compute_block_devices WHERE id = \(id)", mapping)
    }

    /// Whether a server has a row.
    static func exist(server id: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT COUNT(*) FROM compute_block_devices WHERE server_id = \(id)") ?? 0 > 0
    }

    /// Adds a row.
    static func insert(_ mapping: BlockDeviceMapping, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_block_devices (\(columns)) VALUES (
                \(mapping.id), \(mapping.serverID), \(mapping.number), \(mapping.source), \(mapping.sourceID), \(mapping.volumeID),
                \(mapping.attachmentID), \(mapping.state), \(mapping.bootIndex), \(mapping.sizeGiB), \(mapping.diskBus),
                \(mapping.deviceName), \(mapping.tag), \(mapping.volumeType), \(mapping.deletesOnTermination), \(mapping.isShared))
            """)
    }

    /// Reads a row, changes it and saves what may change of it.
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout BlockDeviceMapping) throws -> Void) throws {
        guard var mapping = try find(id: id, in: transaction) else { return }
        try change(&mapping)
        try transaction.execute(
            """
            UPDATE compute_block_devices SET volume_id = \(mapping.volumeID), attachment_id = \(mapping.attachmentID),
                state = \(mapping.state), size_gib = \(mapping.sizeGiB), device_name = \(mapping.deviceName),
                deletes_on_termination = \(mapping.deletesOnTermination), is_shared = \(mapping.isShared)
            WHERE id = \(id)
            """)
    }

    /// Removes a row. A repeat is harmless.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_block_devices WHERE id = \(id)")
    }
}
