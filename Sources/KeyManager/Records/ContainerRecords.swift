import CloudCore
import CloudStore

/// Containers in the database.
enum ContainerRecords {
    private static let columns: SQL = "id, project_id, creator_id, name, type, created_at, updated_at"

    private static func container(_ row: borrowing Row) throws -> SecretContainer {
        SecretContainer(
            id: try row[0], projectID: try row[1], creatorID: try row[2], name: try row[3], type: try row[4], references: [],
            createdAt: try row[5], updatedAt: try row[6])
    }

    static func find(_ id: String, in reader: any Reader) throws -> SecretContainer? {
        let found = try reader.first("SELECT \(columns) FROM key_containers WHERE id = \(id)", container)
        guard var container = found else { return nil }
        container.references = try references(of: [id], in: reader)[id] ?? []
        return container
    }

    /// A page of a project's containers in the order of their creation, and how many there are in all.
    static func list(
        of projectID: String, name: String?, type: String?, _ page: ListPage, in reader: any Reader
    ) throws -> (containers: [SecretContainer], total: Int) {
        var conditions: [SQL] = ["project_id = \(projectID)"]
        if let name { conditions.append("name = \(name)") }
        if let type { conditions.append("type = \(type)") }
        let condition = conditions.joined(separator: " AND ")
        let total: Int = try reader.scalar("SELECT COUNT(*) FROM key_containers WHERE \(condition)") ?? 0
        var found = try reader.all(
            "SELECT \(columns) FROM key_containers WHERE \(condition) ORDER BY created_at, id LIMIT \(page.limit) OFFSET \(page.offset)",
            container)
        let references = try references(of: found.map(\.id), in: reader)
        for position in found.indices { found[position].references = references[found[position].id] ?? [] }
        return (found, total)
    }

    private static func references(of ids: [String], in reader: any Reader) throws -> [String: [SecretContainer.Reference]] {
        var references: [String: [SecretContainer.Reference]] = [:]
        try reader.forEach(
            "SELECT container_id, name, secret_id FROM key_container_secrets WHERE container_id IN \(in: ids) ORDER BY position"
        ) { row in
            references[try row[0], default: []].append(SecretContainer.Reference(name: try row[1], secretID: try row[2]))
        }
        return references
    }

    static func insert(_ container: SecretContainer, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_containers (id, project_id, creator_id, name, type, created_at, updated_at)
            VALUES (\(container.id), \(container.projectID), \(container.creatorID), \(container.name), \(container.type),
                \(container.createdAt), \(container.updatedAt))
            """)
        for reference in container.references { try add(reference, to: container.id, in: transaction) }
    }

    /// Puts a secret into a container, behind those that are in it.
    static func add(_ reference: SecretContainer.Reference, to id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_container_secrets (container_id, secret_id, position, name)
            SELECT \(id), \(reference.secretID), COALESCE(MAX(position), 0) + 1, \(reference.name)
            FROM key_container_secrets WHERE container_id = \(id)
            """)
    }

    /// Takes a secret of a name out of a container; whether it was in it.
    static func remove(_ reference: SecretContainer.Reference, from id: String, in transaction: any Transaction) throws -> Bool {
        let name: SQL = reference.name.map { "name = \($0)" } ?? "name IS NULL"
        return try transaction.execute(
            "DELETE FROM key_container_secrets WHERE container_id = \(id) AND secret_id = \(reference.secretID) AND \(name)") > 0
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try HolderRecords.deleteBelongings(of: id, in: transaction)
        try transaction.execute("DELETE FROM key_containers WHERE id = \(id)")
    }
}
