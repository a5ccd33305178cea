import CloudCore
import CloudStore

/// The trunks' rows, with their subports.
enum TrunkRecords {
    private static let columns: SQL = """
        id, project_id, name, port_id, admin_state_up, status, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("trunks", [
        "port_id": .column("port_id"), "admin_state_up": .column("admin_state_up", .boolean), "status": .column("status"),
    ], isTagged: true)

    private static func trunk(_ row: borrowing Row) throws -> Trunk {
        Trunk(
            id: try row[0], projectID: try row[1], name: try row[2], portID: try row[3], isAdminUp: try row[4],
            status: try row[5], standard: try StandardAttributes(row, at: 6))
    }

    /// Inserts the row; its subports follow by `add`.
    static func insert(_ trunk: Trunk, in transaction: any Transaction) throws {
        let standard = trunk.standard
        try transaction.execute(
            """
            INSERT INTO trunks (id, project_id, name, port_id, admin_state_up, status, description,
                created_at, updated_at, revision_number)
            VALUES (\(trunk.id), \(trunk.projectID), \(trunk.name), \(trunk.portID), \(trunk.isAdminUp), \(trunk.status),
                \(standard.description), \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ trunk: Trunk, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE trunks SET name = \(trunk.name), admin_state_up = \(trunk.isAdminUp), status = \(trunk.status),
                description = \(trunk.standard.description), updated_at = \(trunk.standard.updatedAt),
                revision_number = \(trunk.standard.revision)
            WHERE id = \(trunk.id)
            """)
    }

    /// Deletes the row; its subports' rows go with it.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM trunks WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> Trunk? {
        try complete(try reader.all("SELECT \(columns) FROM trunks WHERE id = \(id)", trunk), in: reader).first
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [Trunk] {
        let condition: SQL? =
            switch visibility {
            case .everything: nil
            case .project(let project): "project_id = \(project)"
            case .sharedOnly: "1 = 0"
            }
        return try complete(try reader.page(columns, listing, request, visibility: condition, trunk), in: reader)
    }

    /// The trunks whose parents these ports are, by port.
    static func all(parents ports: RowSelection, in reader: any Reader) throws -> [String: Trunk] {
        // Most clouds have none, and to look for each of a thousand ports takes its time.
        guard try reader.exists("SELECT 1 FROM trunks LIMIT 1") else { return [:] }
        let trunks = try reader.grouped(ports, of: "trunks", by: "port_id", { "SELECT \(columns) FROM \($0)" }) { row in
            let trunk = try trunk(row)
            return (trunk.portID, trunk)
        }.compactMap(\.value.first)
        return Dictionary(try complete(trunks, in: reader).map { ($0.portID, $0) }) { first, _ in first }
    }

    /// The trunk that a port is a subport of; nil when it is of none.
    static func trunk(carrying port: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT trunk_id FROM trunk_subports WHERE port_id = \(port)")
    }

    /// For the projection to the data plane: the parent's id and the tag of ports that trunks carry, by port.
    static func carriers(of ports: [String], in reader: any Reader) throws -> [String: (parentID: String, tag: Int)] {
        try reader.grouped(
            ports,
            {
                """
                SELECT s.port_id, t.port_id, s.segmentation_id FROM trunk_subports s JOIN trunks t ON t.id = s.trunk_id
                WHERE s.port_id IN \(in: $0)
                """
            }
        ) { (try $0[0] as String, (parentID: try $0[1] as String, tag: try $0[2] as Int)) }.compactMapValues(\.first)
    }

    /// Has the subports under a port be where it is and as it is: there is no device of their own for a host to speak of.
    static func settleSubports(of parent: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE ports SET host = (SELECT p.host FROM ports p WHERE p.id = \(parent)),
                status = (SELECT p.status FROM ports p WHERE p.id = \(parent))
            WHERE id IN (SELECT s.port_id FROM trunk_subports s JOIN trunks t ON t.id = s.trunk_id WHERE t.port_id = \(parent))
            """)
    }

    /// Adds subports behind those there are.
    static func add(_ subports: [Subport], to trunk: String, in transaction: any Transaction) throws {
        let last: Int = try transaction.scalar("SELECT COALESCE(MAX(position), 0) FROM trunk_subports WHERE trunk_id = \(trunk)") ?? 0
        for (offset, subport) in subports.enumerated() {
            try transaction.execute(
                """
                INSERT INTO trunk_subports (port_id, trunk_id, segmentation_type, segmentation_id, position)
                VALUES (\(subport.portID), \(trunk), \(subport.segmentationType), \(subport.segmentationID), \(last + offset + 1))
                """)
        }
    }

    static func remove(subport port: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM trunk_subports WHERE port_id = \(port)")
    }

    private static func complete(_ trunks: [Trunk], in reader: any Reader) throws -> [Trunk] {
        guard !trunks.isEmpty else { return [] }
        let subports = try reader.grouped(
            trunks.map(\.id),
            {
                """
                SELECT trunk_id, port_id, segmentation_type, segmentation_id FROM trunk_subports
                WHERE trunk_id IN \(in: $0) ORDER BY position
                """
            }
        ) { row in
            (try row[0] as String, Subport(portID: try row[1], segmentationType: try row[2], segmentationID: try row[3]))
        }
        return trunks.map { trunk in
            var trunk = trunk
            trunk.subports = subports[trunk.id] ?? []
            return trunk
        }
    }
}
