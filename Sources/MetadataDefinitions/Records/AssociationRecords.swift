import CloudCore
import CloudStore

/// The rows of resource types and of what namespaces have to do with them.
enum AssociationRecords {
    static func resourceTypes(in reader: any Reader) throws -> [ResourceType] {
        try reader.all("SELECT name, created_at, updated_at FROM metadef_resource_types ORDER BY created_at, name") { row in
            ResourceType(name: try row[0], createdAt: try row[1], updatedAt: try row[2])
        }
    }

    private static let columns: SQL = "resource_type, prefix, properties_target, created_at, updated_at"

    static func list(of namespaceID: String, in reader: any Reader) throws -> [ResourceTypeAssociation] {
        try list(of: [namespaceID], in: reader)[namespaceID] ?? []
    }

    /// The associations of several namespaces, by the namespace's id.
    static func list(
        of namespaceIDs: [String], in reader: any Reader
    ) throws -> [String: [ResourceTypeAssociation]] {
        var found: [String: [ResourceTypeAssociation]] = [:]
        try reader.forEach(
            """
            SELECT \(columns), namespace_id FROM metadef_associations WHERE namespace_id IN \(in: namespaceIDs)
            ORDER BY created_at, resource_type
            """
        ) { row in
            let association = ResourceTypeAssociation(
                name: try row[0], prefix: try row[1], propertiesTarget: try row[2], createdAt: try row[3], updatedAt: try row[4])
            found[try row[5], default: []].append(association)
        }
        return found
    }

    /// Associates a namespace with a resource type, which is made when there is none of that name.
    /// - Parameter typeIsProtected: whether the type, if it is made, is one of the cloud's own.
    /// - Returns: false when they are associated already.
    static func insert(
        _ association: ResourceTypeAssociation, to namespaceID: String, typeIsProtected: Bool = false,
        in transaction: any Transaction
    ) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO metadef_resource_types (name, protected, created_at, updated_at)
            VALUES (\(association.name), \(typeIsProtected), \(association.createdAt), \(association.createdAt))
            ON CONFLICT (name) DO NOTHING
            """)
        return try transaction.execute(
            """
            INSERT INTO metadef_associations (namespace_id, \(columns))
            VALUES (\(namespaceID), \(association.name), \(association.prefix), \(association.propertiesTarget),
                \(association.createdAt), \(association.updatedAt))
            ON CONFLICT (namespace_id, resource_type) DO NOTHING
            """) == 1
    }

    static func update(
        _ association: ResourceTypeAssociation, of namespaceID: String, in transaction: any Transaction
    ) throws {
        try transaction.execute(
            """
            UPDATE metadef_associations SET prefix = \(association.prefix),
                properties_target = \(association.propertiesTarget), updated_at = \(association.updatedAt)
            WHERE namespace_id = \(namespaceID) AND resource_type = \(association.name)
            """)
    }

    /// - Returns: false when they are not associated.
    static func delete(_ name: String, of namespaceID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "DELETE FROM metadef_associations WHERE namespace_id = \(namespaceID) AND resource_type = \(name)") == 1
    }
}
