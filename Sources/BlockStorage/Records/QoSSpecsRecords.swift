import CloudCore
import CloudStore

extension QoSSpecs.Consumer: SQLConvertible {}

/// The rows of QoS specs.
enum QoSSpecsRecords {
    private static let columns: SQL = "id, name, consumer, specs, created_at"

    private static func specs(_ row: borrowing Row) throws -> QoSSpecs {
        let specs: JSON = try row[3]
        return QoSSpecs(
            id: try row[0], name: try row[1], consumer: try row[2], specs: specs.stringDictionary, createdAt: try row[4])
    }

    static func find(_ id: String, in reader: any Reader) throws -> QoSSpecs? {
        try reader.first("SELECT \(columns) FROM volume_qos_specs WHERE id = \(id)", specs)
    }

    static func find(name: String, in reader: any Reader) throws -> QoSSpecs? {
        try reader.first("SELECT \(columns) FROM volume_qos_specs WHERE name = \(name)", specs)
    }

    /// Those of a volume type; nil when it has none.
    static func find(typeID: String, in reader: any Reader) throws -> QoSSpecs? {
        try reader.first(
            "SELECT \(columns) FROM volume_qos_specs WHERE id = (SELECT qos_specs_id FROM volume_types WHERE id = \(typeID))", specs)
    }

    /// A page of a list.
    static func list(_ selection: ListSelection, _ table: ListTable, in reader: any Reader) throws -> [QoSSpecs] {
        try reader.all("SELECT \(columns) FROM volume_qos_specs\(try selection.clause(table, in: reader))", specs)
    }

    static func insert(_ specs: QoSSpecs, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_qos_specs (\(columns))
            VALUES (\(specs.id), \(specs.name), \(specs.consumer), \(JSON(specs.specs)), \(specs.createdAt))
            """)
    }

    static func update(_ specs: QoSSpecs, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volume_qos_specs SET consumer = \(specs.consumer), specs = \(JSON(specs.specs)) WHERE id = \(specs.id)
            """)
    }

    /// Removes QoS specs, and takes them from all types that had them.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try dissociate(id, in: transaction)
        try transaction.execute("DELETE FROM volume_qos_specs WHERE id = \(id)")
    }

    /// Gives a type QoS specs, or none.
    static func associate(_ id: String?, typeID: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE volume_types SET qos_specs_id = \(id), updated_at = \(Timestamp.now) WHERE id = \(typeID)")
    }

    /// Takes QoS specs from all types that had them.
    static func dissociate(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE volume_types SET qos_specs_id = NULL, updated_at = \(Timestamp.now) WHERE qos_specs_id = \(id)")
    }
}
