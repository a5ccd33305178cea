import CloudCore
import CloudStore

extension SharingAction: SQLConvertible {}

/// The RBAC policies' rows.
enum SharingRecords {
    static let columns: SQL = "id, project_id, object_type, object_id, target_project, action"

    static let listing = Listing("network_rbac", [
        "id": .column("id", isSorted: false), "project_id": .column("project_id", isSorted: false),
        "tenant_id": .column("project_id", isSorted: false), "object_type": .column("object_type", isSorted: false),
        "object_id": .column("object_id", isSorted: false), "target_tenant": .column("target_project", isSorted: false),
        "action": .column("action", isSorted: false),
    ], without: ["name", "description", "revision_number", "created_at", "updated_at"])

    static func policy(_ row: borrowing Row) throws -> SharingPolicy {
        SharingPolicy(
            id: try row[0], projectID: try row[1], objectType: try row[2], objectID: try row[3], target: try row[4],
            action: try row[5])
    }

    static func insert(_ policy: SharingPolicy, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO network_rbac (id, project_id, object_type, object_id, target_project, action)
            VALUES (\(policy.id), \(policy.projectID), \(policy.objectType), \(policy.objectID), \(policy.target),
                \(policy.action))
            """)
    }

    static func update(_ policy: SharingPolicy, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE network_rbac SET target_project = \(policy.target) WHERE id = \(policy.id)")
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_rbac WHERE id = \(id)")
    }

    /// Takes away an object's policies: all of them, as when it is deleted, or those of one action.
    static func removeAll(of object: String, _ action: SharingAction? = nil, in transaction: any Transaction) throws {
        let condition: SQL = action.map { " AND action = \($0)" } ?? ""
        try transaction.execute("DELETE FROM network_rbac WHERE object_id = \(object)\(condition)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> SharingPolicy? {
        try reader.first("SELECT \(columns) FROM network_rbac WHERE id = \(id)", policy)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [SharingPolicy] {
        let condition: SQL? =
            switch visibility {
            case .everything: nil
            case .project(let project): "project_id = \(project)"
            case .sharedOnly: "1 = 0"
            }
        return try reader.page(columns, listing, request, visibility: condition, policy)
    }

    /// The policies of an object and an action.
    static func all(of object: String, _ action: SharingAction, in reader: any Reader) throws -> [SharingPolicy] {
        try reader.all(
            "SELECT \(columns) FROM network_rbac WHERE object_id = \(object) AND action = \(action) ORDER BY id", policy)
    }

    /// Whom objects are open to, by object; objects without policies are left out.
    static func sharing(of objects: [String], in reader: any Reader) throws -> [String: Sharing] {
        try reader.grouped(
            objects, { "SELECT object_id, action, target_project FROM network_rbac WHERE object_id IN \(in: $0)" }
        ) { (try $0[0] as String, (action: try $0[1] as SharingAction, target: try $0[2] as String)) }
            .mapValues { Sharing(targets: Dictionary(grouping: $0, by: \.action).mapValues { Set($0.map(\.target)) }) }
    }

    /// Whom one object is open to.
    static func sharing(of object: String, in reader: any Reader) throws -> Sharing {
        try sharing(of: [object], in: reader)[object] ?? .none
    }

    /// The ids of the objects that are open to a project, or to everyone, as a subquery.
    static func objects(openTo project: String?, _ actions: [SharingAction]) -> SQL {
        let targets = [SharingPolicy.everyone] + (project.map { [$0] } ?? [])
        return """
            (SELECT object_id FROM network_rbac WHERE action IN \(in: actions) AND target_project IN \(in: targets))
            """
    }
}

extension Visibility {
    /// The condition on the rows of a kind of object that RBAC policies open: those of the caller's project, and those
    /// open to it. Nil for no condition.
    func condition(_ actions: [SharingAction] = [.shared]) -> SQL? {
        switch self {
        case .everything: nil
        case .project(let project):
            "project_id = \(project) OR id IN \(SharingRecords.objects(openTo: project, actions))"
        case .sharedOnly: "id IN \(SharingRecords.objects(openTo: nil, actions))"
        }
    }
}

extension Listing.Attribute {
    /// `shared`: whether the object (by the column with its id) is open to the caller's project or to everyone.
    static func shared(_ column: SQL = "id", isSorted: Bool = false) -> Listing.Attribute {
        let order: @Sendable (String?) -> SQL = { project in
            "CASE WHEN \(column) IN \(SharingRecords.objects(openTo: project, [.shared])) THEN 1 ELSE 0 END"
        }
        return Listing.Attribute(order: isSorted ? order : nil) { values, project in
            let flags = values.compactMap { LenientBoolean($0)?.value }
            guard flags.count == values.count else { return nil }
            let objects = SharingRecords.objects(openTo: project, [.shared])
            let conditions: [SQL] = flags.map { $0 ? "\(column) IN \(objects)" : "\(column) NOT IN \(objects)" }
            return "(\(conditions.joined(separator: " OR ")))"
        }
    }
}
