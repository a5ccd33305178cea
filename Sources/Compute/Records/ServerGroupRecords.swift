import CloudCore
import CloudStore

extension ServerGroup.Policy: SQLConvertible {}

/// The server groups' rows.
enum ServerGroupRecords {
    private static let columns: SQL = "id, name, project_id, user_id, policy, maximum_per_host, created_at"

    private static func group(_ row: borrowing Row) throws -> ServerGroup {
        ServerGroup(
            id: try row[0], name: try row[1], projectID: try row[2], userID: try row[3], policy: try row[4],
            maximumPerHost: try row[5], createdAt: try row[6])
    }

    static func find(_ id: String, in reader: any Reader) throws -> ServerGroup? {
        try reader.first("SELECT \(columns) FROM compute_server_groups WHERE id = \(id)", group)
    }

    /// The group a server is in; nil when it is in none.
    static func find(member server: String, in reader: any Reader) throws -> ServerGroup? {
        try reader.first(
            """
            SELECT \(columns) FROM compute_server_groups
            WHERE id = (SELECT group_id FROM compute_server_group_members WHERE server_id = \(server))
            """, group)
    }

    /// The groups of a project, or of all, in the order in which they were made.
    static func list(projectID: String?, limit: Int, offset: Int, in reader: any Reader) throws -> [ServerGroup] {
        let condition: SQL = projectID.map { "WHERE project_id = \($0) " } ?? ""
        return try reader.all(
            """
            SELECT \(columns) FROM compute_server_groups \(condition)ORDER BY created_at, id LIMIT \(limit) OFFSET \(offset)
            """, group)
    }

    /// How many groups a project has, or a user in it.
    static func count(projectID: String, userID: String? = nil, in reader: any Reader) throws -> Int {
        let user: SQL = userID.map { " AND user_id = \($0)" } ?? ""
        return try reader.scalar("SELECT COUNT(*) FROM compute_server_groups WHERE project_id = \(projectID)\(user)") ?? 0
    }

    static func insert(_ group: ServerGroup, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_server_groups (\(columns)) VALUES (\(group.id), \(group.name), \(group.projectID),
                \(group.userID), \(group.policy), \(group.maximumPerHost), \(group.createdAt))
            """)
    }

    /// Removes a group; its members stay as they are.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_server_group_members WHERE group_id = \(id)")
        try transaction.execute("DELETE FROM compute_server_groups WHERE id = \(id)")
    }

    // MARK: Members

    /// The members of groups that are alive, each with its host, by group and in the order of their ids.
    static func members(
        of groups: [String], in reader: any Reader
    ) throws -> [String: [(server: String, host: String?)]] {
        var members: [String: [(server: String, host: String?)]] = [:]
        try reader.forEach(
            """
            SELECT m.group_id, s.id, s.host FROM compute_server_group_members m JOIN compute_servers s ON s.id = m.server_id
            WHERE m.group_id IN \(in: groups) AND s.deleted_at IS NULL ORDER BY s.id
            """) { members[try $0[0], default: []].append((try $0[1], try $0[2])) }
        return members
    }

    /// The groups that servers are in, by server.
    static func groups(of servers: [String], in reader: any Reader) throws -> [String: String] {
        var groups: [String: String] = [:]
        try reader.forEach(
            "SELECT server_id, group_id FROM compute_server_group_members WHERE server_id IN \(in: servers)"
        ) { groups[try $0[0]] = try $0[1] }
        return groups
    }

    /// Makes servers members of a group. Their rows must be there.
    /// - Throws: 403 when the group would have more members than the quota allows.
    static func join(
        _ servers: [String], group id: String, maximum: Int?, in transaction: any Transaction
    ) throws {
        let present = try members(of: [id], in: transaction)[id]?.count ?? 0
        guard maximum.map({ present + servers.count <= $0 }) ?? true else {
            throw ComputeError.forbidden("Quota exceeded, too many servers in group")
        }
        for server in servers {
            try transaction.execute(
                """
                INSERT INTO compute_server_group_members (server_id, group_id) VALUES (\(server), \(id))
                ON CONFLICT (server_id) DO UPDATE SET group_id = excluded.group_id
                """)
        }
    }
}
