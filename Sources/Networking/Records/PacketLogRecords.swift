import CloudCore
import CloudStore

extension PacketLog.Event: SQLConvertible {}

/// The packet logs' rows. A log goes with its security group and its port.
enum PacketLogRecords {
    private static let columns: SQL = """
        id, project_id, name, resource_type, resource_id, target_id, event, enabled, \
        description, created_at, updated_at, revision_number
        """

    static let listing = Listing("network_logs", [
        "resource_type": .column("resource_type"), "resource_id": .column("resource_id"), "target_id": .column("target_id"),
        "event": .column("event", isSorted: false), "enabled": .column("enabled", .boolean),
    ])

    private static func log(_ row: borrowing Row) throws -> PacketLog {
        PacketLog(
            id: try row[0], projectID: try row[1], name: try row[2], resourceType: try row[3], resourceID: try row[4],
            targetID: try row[5], event: try row[6], isEnabled: try row[7], standard: try StandardAttributes(row, at: 8))
    }

    static func insert(_ log: PacketLog, in transaction: any Transaction) throws {
        let standard = log.standard
        try transaction.execute(
            """
            INSERT INTO network_logs (id, project_id, name, description, resource_type, resource_id, target_id, event, enabled,
                created_at, updated_at, revision_number)
            VALUES (\(log.id), \(log.projectID), \(log.name), \(standard.description), \(log.resourceType), \(log.resourceID),
                \(log.targetID), \(log.event), \(log.isEnabled), \(standard.createdAt), \(standard.updatedAt),
                \(standard.revision))
            """)
    }

    static func update(_ log: PacketLog, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE network_logs SET name = \(log.name), description = \(log.standard.description), enabled = \(log.isEnabled),
                updated_at = \(log.standard.updatedAt), revision_number = \(log.standard.revision)
            WHERE id = \(log.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_logs WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> PacketLog? {
        try reader.first("SELECT \(columns) FROM network_logs WHERE id = \(id)", log)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [PacketLog] {
        try reader.page(columns, listing, request, visibility: visibility.ownRows, log)
    }
}
