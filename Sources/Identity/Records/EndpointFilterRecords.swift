import CloudCore
import CloudStore

/// The endpoints chosen for projects one by one, in the database.
enum ProjectEndpointRecords {
    static func all(_ reader: any Reader) throws -> [(projectID: String, endpointID: String)] {
        try reader.all("SELECT project_id, endpoint_id FROM identity_project_endpoints") { (try $0[0], try $0[1]) }
    }

    static func endpointIDs(ofProject id: String, _ reader: any Reader) throws -> [String] {
        try reader.all("SELECT endpoint_id FROM identity_project_endpoints WHERE project_id = \(id)") { try $0[0] }
    }

    static func projectIDs(ofEndpoint id: String, _ reader: any Reader) throws -> [String] {
        try reader.all("SELECT project_id FROM identity_project_endpoints WHERE endpoint_id = \(id)") { try $0[0] }
    }

    static func exists(project: String, endpoint: String, _ reader: any Reader) throws -> Bool {
        let sql: SQL = "SELECT 1 FROM identity_project_endpoints WHERE project_id = \(project) AND endpoint_id = \(endpoint)"
        return try reader.scalar(sql, as: Int.self) != nil
    }

    static func insert(project: String, endpoint: String, _ transaction: any Transaction) throws {
        try transaction.execute("INSERT INTO identity_project_endpoints (project_id, endpoint_id) VALUES (\(project), \(endpoint))")
    }

    /// Whether it was there.
    static func delete(project: String, endpoint: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "DELETE FROM identity_project_endpoints WHERE project_id = \(project) AND endpoint_id = \(endpoint)") > 0
    }
}

/// Endpoint groups and the projects they are chosen for, in the database.
enum EndpointGroupRecords {
    static let filters = FilterColumns(["name": ("g.name", .text)])

    private static let columns: SQL = "g.id, g.name, g.description, g.filters"

    private static func group(_ row: borrowing Row) throws -> EndpointGroup {
        EndpointGroup(id: try row[0], name: try row[1], description: try row[2], filters: (try row[3] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> EndpointGroup? {
        try reader.first("SELECT \(columns) FROM identity_endpoint_groups g WHERE g.id = \(id)", group)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [EndpointGroup] {
        let matching = query.whereClause(filters, id: "g.id")
        return try reader.all("SELECT \(columns) FROM identity_endpoint_groups g\(matching)\(query.pageClause(id: "g.id"))", group)
    }

    static func insert(_ group: EndpointGroup, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_endpoint_groups (id, name, description, filters)
            VALUES (\(group.id), \(group.name), \(group.description), \(JSON.object(group.filters)))
            """)
    }

    static func update(_ group: EndpointGroup, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_endpoint_groups SET name = \(group.name), description = \(group.description),
                filters = \(JSON.object(group.filters)) WHERE id = \(group.id)
            """)
    }

    /// Deletes a group; projects it was chosen for lose it.
    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_endpoint_groups WHERE id = \(id)")
    }

    /// Every choice of a group for a project.
    static func memberships(_ reader: any Reader) throws -> [(projectID: String, group: EndpointGroup)] {
        try reader.all(
            """
            SELECT \(columns), m.project_id FROM identity_project_endpoint_groups m
            JOIN identity_endpoint_groups g ON g.id = m.endpoint_group_id
            """) { (projectID: try $0[4], group: try group($0)) }
    }

    static func all(ofProject id: String, _ reader: any Reader) throws -> [EndpointGroup] {
        try reader.all(
            """
            SELECT \(columns) FROM identity_endpoint_groups g
            JOIN identity_project_endpoint_groups m ON m.endpoint_group_id = g.id WHERE m.project_id = \(id) ORDER BY g.id
            """, group)
    }

    static func projectIDs(ofGroup id: String, _ reader: any Reader) throws -> [String] {
        try reader.all("SELECT project_id FROM identity_project_endpoint_groups WHERE endpoint_group_id = \(id)") { try $0[0] }
    }

    static func exists(project: String, group: String, _ reader: any Reader) throws -> Bool {
        let sql: SQL = "SELECT 1 FROM identity_project_endpoint_groups WHERE project_id = \(project) AND endpoint_group_id = \(group)"
        return try reader.scalar(sql, as: Int.self) != nil
    }

    static func insert(project: String, group: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            "INSERT INTO identity_project_endpoint_groups (project_id, endpoint_group_id) VALUES (\(project), \(group))")
    }

    /// Whether it was there.
    static func delete(project: String, group: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "DELETE FROM identity_project_endpoint_groups WHERE project_id = \(project) AND endpoint_group_id = \(group)") > 0
    }
}
