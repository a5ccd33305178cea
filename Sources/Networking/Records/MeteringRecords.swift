import CloudCore
import CloudStore

/// The metering labels' rows.
enum MeteringLabelRecords {
    private static let columns: SQL = "id, project_id, name, description, shared"

    static let listing = Listing("metering_labels", [
        "shared": .column("shared", .boolean), "description": .column("description"),
    ], without: ["revision_number", "created_at", "updated_at"])

    private static func label(_ row: borrowing Row) throws -> MeteringLabel {
        MeteringLabel(
            id: try row[0], projectID: try row[1], name: try row[2], description: try row[3], isShared: try row[4])
    }

    static func insert(_ label: MeteringLabel, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO metering_labels (id, project_id, name, description, shared)
            VALUES (\(label.id), \(label.projectID), \(label.name), \(label.description), \(label.isShared))
            """)
    }

    /// Deletes the row; its rules go with it.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM metering_labels WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> MeteringLabel? {
        try reader.first("SELECT \(columns) FROM metering_labels WHERE id = \(id)", label)
    }

    /// The projects of labels by label.
    static func projects(_ ids: [String], in reader: any Reader) throws -> [String: String] {
        try reader.grouped(ids, { "SELECT id, project_id FROM metering_labels WHERE id IN \(in: $0)" }) {
            (try $0[0] as String, try $0[1] as String)
        }.compactMapValues(\.first)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [MeteringLabel] {
        try reader.page(columns, listing, request, visibility: visibility.ownRows, label)
    }
}

/// The metering rules' rows.
enum MeteringRuleRecords {
    private static let columns: SQL = """
        id, metering_label_id, direction, excluded, remote_ip_prefix, source_ip_prefix, destination_ip_prefix
        """

    static let listing = Listing("metering_label_rules", [
        "metering_label_id": .column("metering_label_id"), "direction": .column("direction"),
        "excluded": .column("excluded", .boolean), "remote_ip_prefix": .column("remote_ip_prefix"),
        "source_ip_prefix": .column("source_ip_prefix"), "destination_ip_prefix": .column("destination_ip_prefix"),
    ], without: ["name", "description", "project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    private static func rule(_ row: borrowing Row) throws -> MeteringRule {
        MeteringRule(
            id: try row[0], labelID: try row[1], direction: try row[2], isExcluded: try row[3], remote: try row[4],
            source: try row[5], destination: try row[6])
    }

    static func insert(_ rule: MeteringRule, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO metering_label_rules (id, metering_label_id, direction, excluded, remote_ip_prefix,
                source_ip_prefix, destination_ip_prefix)
            VALUES (\(rule.id), \(rule.labelID), \(rule.direction), \(rule.isExcluded), \(rule.remote), \(rule.source),
                \(rule.destination))
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM metering_label_rules WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> MeteringRule? {
        try reader.first("SELECT \(columns) FROM metering_label_rules WHERE id = \(id)", rule)
    }

    /// A label's rules.
    static func all(label: String, in reader: any Reader) throws -> [MeteringRule] {
        try reader.all("SELECT \(columns) FROM metering_label_rules WHERE metering_label_id = \(label) ORDER BY id", rule)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [MeteringRule] {
        let own = visibility.ownRows.map { "metering_label_id IN (SELECT id FROM metering_labels WHERE \($0))" as SQL }
        return try reader.page(columns, listing, request, visibility: own, rule)
    }
}
