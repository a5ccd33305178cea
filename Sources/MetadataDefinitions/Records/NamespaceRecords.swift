import CloudAPI
import CloudCore
import CloudStore

extension MetadataNamespace.Visibility: SQLConvertible {}

/// The namespaces' rows.
enum NamespaceRecords {
    private static let columns: SQL =
        "id, name, display_name, description, visibility, protected, owner, created_at, updated_at"

    private static func namespace(_ row: borrowing Row) throws -> MetadataNamespace {
        MetadataNamespace(
            id: try row[0], name: try row[1], displayName: try row[2], description: try row[3], visibility: try row[4],
            isProtected: try row[5], owner: try row[6], createdAt: try row[7], updatedAt: try row[8])
    }

    static func find(name: String, in reader: any Reader) throws -> MetadataNamespace? {
        try reader.first("SELECT \(columns) FROM metadef_namespaces WHERE name = \(name)", namespace)
    }

    static func find(id: String, in reader: any Reader) throws -> MetadataNamespace? {
        try reader.first("SELECT \(columns) FROM metadef_namespaces WHERE id = \(id)", namespace)
    }

    static func list(_ filter: NamespaceFilter, in reader: any Reader) throws -> [MetadataNamespace] {
        try reader.all("SELECT \(columns) FROM metadef_namespaces\(filter.clause)", namespace)
    }

    /// - Returns: false when there is a namespace of that name.
    static func insert(_ namespace: MetadataNamespace, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO metadef_namespaces (\(columns)) VALUES (\(namespace.id), \(namespace.name), \(namespace.displayName),
                \(namespace.description), \(namespace.visibility), \(namespace.isProtected), \(namespace.owner),
                \(namespace.createdAt), \(namespace.updatedAt))
            ON CONFLICT (name) DO NOTHING
            """) == 1
    }

    /// - Returns: false when another namespace has that name.
    static func update(_ namespace: MetadataNamespace, in transaction: any Transaction) throws -> Bool {
        do {
            try transaction.execute(
                """
                UPDATE metadef_namespaces SET name = \(namespace.name), display_name = \(namespace.displayName),
                    description = \(namespace.description), visibility = \(namespace.visibility),
                    protected = \(namespace.isProtected), owner = \(namespace.owner), updated_at = \(namespace.updatedAt)
                WHERE id = \(namespace.id)
                """)
            return true
        } catch let error as StoreError where error.isUniqueViolation {
            return false
        }
    }

    /// Removes a namespace with everything in it.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM metadef_namespaces WHERE id = \(id)")
    }

    /// Removes all namespaces and all resource types.
    static func deleteEverything(in transaction: any Transaction) throws -> Int {
        let count = try transaction.execute("DELETE FROM metadef_namespaces")
        try transaction.execute("DELETE FROM metadef_resource_types")
        return count
    }
}

/// Which namespaces a list holds.
struct NamespaceFilter: Sendable {
    /// What namespaces can be sorted by, under upstream's names.
    enum Key: String, Sendable, CaseIterable {
        case createdAt = "created_at"
        case updatedAt = "updated_at"
        case displayName = "display_name"
        case name = "namespace"
        case visibility, protected, owner, id

        /// The expression that sorts; what may be absent counts as empty.
        var column: SQL {
            switch self {
            case .createdAt: "created_at"
            case .updatedAt: "updated_at"
            case .displayName: "COALESCE(display_name, '')"
            case .name: "name"
            case .visibility: "visibility"
            case .protected: "protected"
            case .owner: "COALESCE(owner, '')"
            case .id: "id"
            }
        }

        /// What the expression is for a namespace.
        func value(of namespace: MetadataNamespace) -> SQLValue {
            switch self {
            case .createdAt: namespace.createdAt.sqlValue
            case .updatedAt: namespace.updatedAt.sqlValue
            case .displayName: (namespace.displayName ?? "").sqlValue
            case .name: namespace.name.sqlValue
            case .visibility: namespace.visibility.sqlValue
            case .protected: namespace.isProtected.sqlValue
            case .owner: (namespace.owner ?? "").sqlValue
            case .id: namespace.id.sqlValue
            }
        }
    }

    /// The project that asks; its own and the public ones are seen.
    var viewer: String?
    /// Whether every project's namespaces are seen.
    var seesAll = false
    var visibility: MetadataNamespace.Visibility?
    /// Only namespaces associated with one of these types.
    var resourceTypes: [String]?
    var marker: MetadataNamespace?
    var sort = [SortKey(Key.createdAt.rawValue, .descending), SortKey(Key.id.rawValue, .descending)]
    var limit = Int.max

    var clause: SQL {
        var conditions: [SQL] = ["1 = 1"]
        if !seesAll {
            conditions.append("(owner = \(viewer) OR owner IS NULL OR visibility = \(MetadataNamespace.Visibility.public))")
        }
        if let visibility { conditions.append("visibility = \(visibility)") }
        if let resourceTypes {
            conditions.append(
                "id IN (SELECT namespace_id FROM metadef_associations WHERE resource_type IN \(in: resourceTypes))")
        }
        let order = sort.compactMap { key in Key(rawValue: key.name).map { ($0, key.direction == .ascending) } }
        let keyset = KeysetOrder(order.map { key, isAscending in .init(key.column, isAscending: isAscending) })
        if let marker { conditions.append(keyset.behind(order.map { key, _ in key.value(of: marker) })) }
        return " WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(keyset.terms) LIMIT \(limit)"
    }
}
