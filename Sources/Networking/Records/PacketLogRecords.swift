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

    /// Which rows of `security_groups`, as `g`, a row of `network_logs`, as `l`, is about: its group, its port's groups, or all
    /// of its project's.
    private static let isAbout: SQL = """
        (l.resource_id = g.id OR l.resource_id IS NULL AND l.target_id IS NULL AND l.project_id = g.project_id
        OR l.resource_id IS NULL AND EXISTS (SELECT 1 FROM port_security_groups m
            WHERE m.port_id = l.target_id AND m.security_group_id = g.id))
        """

    /// The groups that logs are about.
    static func groups(of log: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT g.id FROM network_logs l JOIN security_groups g ON \(isAbout) WHERE l.id = \(log)") { try $0[0] }
    }

    /// What is to be logged of groups, by group.
    static func events(groups: [String], in reader: any Reader) throws -> [String: [PacketLog.Event]] {
        try reader.grouped(
            groups,
            {
                """
                SELECT g.id, l.event FROM security_groups g JOIN network_logs l ON \(isAbout)
                WHERE l.enabled <> 0 AND g.id IN \(in: $0)
                """
            }
        ) { (try $0[0], try $0[1]) }
    }

    /// Whether a log is about a port.
    static func watches(port: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM network_logs WHERE target_id = \(port) LIMIT 1")
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [PacketLog] {
        try reader.page(columns, listing, request, visibility: visibility.ownRows, log)
    }
}
