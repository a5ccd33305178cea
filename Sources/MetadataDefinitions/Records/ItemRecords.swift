import CloudAPI
import CloudCore
import CloudStore

extension MetadataItem.Kind: SQLConvertible {}

/// The rows of what is in namespaces: objects, properties and tags.
enum ItemRecords {
    private static let columns: SQL = "kind, name, body, created_at, updated_at"

    private static func item(_ row: borrowing Row) throws -> MetadataItem {
        let body: JSON = try row[2]
        return MetadataItem(
            kind: try row[0], name: try row[1], body: body.object ?? [:], createdAt: try row[3], updatedAt: try row[4])
    }

    static func find(
        _ kind: MetadataItem.Kind, _ name: String, of namespaceID: String, in reader: any Reader
    ) throws -> MetadataItem? {
        try reader.first(
            """
            SELECT \(columns) FROM metadef_items
            WHERE namespace_id = \(namespaceID) AND kind = \(kind) AND name = \(name)
            """, item)
    }

    /// Everything in a namespace, in the order it was made.
    static func all(of namespaceID: String, in reader: any Reader) throws -> [MetadataItem] {
        try reader.all(
            "SELECT \(columns) FROM metadef_items WHERE namespace_id = \(namespaceID) ORDER BY created_at, name", item)
    }

    static func list(
        _ kind: MetadataItem.Kind, of namespaceID: String, _ page: ItemPage = ItemPage(), in reader: any Reader
    ) throws -> [MetadataItem] {
        try reader.all(
            "SELECT \(columns) FROM metadef_items WHERE namespace_id = \(namespaceID) AND kind = \(kind)\(page.clause)", item)
    }

    /// - Returns: false when there is one of that kind and name.
    static func insert(_ item: MetadataItem, to namespaceID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO metadef_items (namespace_id, \(columns))
            VALUES (\(namespaceID), \(item.kind), \(item.name), \(JSON.object(item.body)), \(item.createdAt), \(item.updatedAt))
            ON CONFLICT (namespace_id, kind, name) DO NOTHING
            """) == 1
    }

    /// Changes the item that is called `name` so far.
    /// - Returns: false when another has the new name.
    static func update(
        _ name: String, of namespaceID: String, to item: MetadataItem, in transaction: any Transaction
    ) throws -> Bool {
        do {
            try transaction.execute(
                """
                UPDATE metadef_items
                SET name = \(item.name), body = \(JSON.object(item.body)), updated_at = \(item.updatedAt)
                WHERE namespace_id = \(namespaceID) AND kind = \(item.kind) AND name = \(name)
                """)
            return true
        } catch let error as StoreError where error.isUniqueViolation {
            return false
        }
    }

    /// - Returns: false when there is none.
    static func delete(
        _ kind: MetadataItem.Kind, _ name: String, of namespaceID: String, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.execute(
            "DELETE FROM metadef_items WHERE namespace_id = \(namespaceID) AND kind = \(kind) AND name = \(name)") == 1
    }

    static func deleteAll(_ kind: MetadataItem.Kind, of namespaceID: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM metadef_items WHERE namespace_id = \(namespaceID) AND kind = \(kind)")
    }
}

/// A part of a namespace's items of one kind.
struct ItemPage: Sendable {
    /// What items can be sorted by.
    static let keys: Set = ["created_at", "updated_at", "name"]

    var sort = [SortKey("created_at", .ascending), SortKey("name", .ascending)]
    var marker: MetadataItem?
    var limit = Int.max

    var clause: SQL {
        let order = sort.filter { Self.keys.contains($0.name) }
        let keyset = KeysetOrder(order.map { .init(Self.column($0), isAscending: $0.direction == .ascending) })
        let behind: SQL = marker.map { item in " AND \(keyset.behind(order.map { Self.value($0, of: item) }))" } ?? ""
        return "\(behind) ORDER BY \(keyset.terms) LIMIT \(limit)"
    }

    private static func column(_ key: SortKey) -> SQL {
        switch key.name {
        case "created_at": "created_at"
        case "updated_at": "updated_at"
        default: "name"
        }
    }

    private static func value(_ key: SortKey, of item: MetadataItem) -> SQLValue {
        switch key.name {
        case "created_at": item.createdAt.sqlValue
        case "updated_at": item.updatedAt.sqlValue
        default: item.name.sqlValue
        }
    }
}
