import CloudCore
import CloudStore

/// Role assignments in the database.
enum AssignmentRecords {
    /// What a list of assignments is narrowed to. Nil means any.
    struct Filter: Sendable {
        var userID: String?
        var groupIDs: [String]?
        var roleID: String?
        /// The kinds of target with the ids that count; nil ids for any.
        var targets: [(kind: String, ids: [String]?)]?
        var isInherited: Bool?
        /// Only what concerns a domain: itself and its projects.
        var domainID: String?
    }

    private static let columns: SQL = "a.user_id, a.group_id, a.target, a.project_id, a.role_id, a.inherited"

    private static func assignment(_ row: borrowing Row) throws -> Assignment? {
        let (user, group, kind, project): (String?, String?, String, String?) = (try row[0], try row[1], try row[2], try row[3])
        guard let actor = user.map(Actor.user) ?? group.map(Actor.group) else { return nil }
        let target: AssignmentTarget
        switch (kind, project) {
        case ("project", let id?): target = .project(id)
        case ("domain", let id?): target = .domain(id)
        default: target = .system
        }
        return Assignment(actor: actor, target: target, roleID: try row[4], isInherited: try row[5])
    }

    private static func kind(_ target: AssignmentTarget) -> String {
        switch target {
        case .project: "project"
        case .domain: "domain"
        case .system: "system"
        }
    }

    private static func match(_ assignment: Assignment) -> SQL {
        let actor: SQL = switch assignment.actor {
        case .user(let id): "user_id = \(id)"
        case .group(let id): "group_id = \(id)"
        }
        let target: SQL = assignment.target.id.map { "project_id = \($0)" } ?? "project_id IS NULL"
        return """
            \(actor) AND \(target) AND target = \(kind(assignment.target)) AND role_id = \(assignment.roleID)
            AND inherited = \(assignment.isInherited)
            """
    }

    static func exists(_ assignment: Assignment, _ reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM identity_assignments WHERE \(match(assignment))", as: Int.self) != nil
    }

    /// Stores an assignment; one that is there already stays.
    static func insert(_ assignment: Assignment, _ transaction: any Transaction) throws {
        let (user, group): (String?, String?) = switch assignment.actor {
        case .user(let id): (id, nil)
        case .group(let id): (nil, id)
        }
        try transaction.execute(
            """
            INSERT INTO identity_assignments (user_id, group_id, target, project_id, role_id, inherited)
            VALUES (\(user), \(group), \(kind(assignment.target)), \(assignment.target.id), \(assignment.roleID),
                \(assignment.isInherited))
            ON CONFLICT DO NOTHING
            """)
    }

    /// Whether there was such an assignment.
    static func delete(_ assignment: Assignment, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_assignments WHERE \(match(assignment))") > 0
    }

    static func list(_ filter: Filter, _ reader: any Reader) throws -> [Assignment] {
        var conditions: [SQL] = ["1 = 1"]
        let actors = [filter.userID.map { "a.user_id = \($0)" as SQL }, filter.groupIDs.map { "a.group_id IN \(in: $0)" as SQL }]
            .compactMap { $0 }
        if !actors.isEmpty { conditions.append("(\(actors.joined(separator: " OR ")))") }
        if let role = filter.roleID { conditions.append("a.role_id = \(role)") }
        if let inherited = filter.isInherited { conditions.append("a.inherited = \(inherited)") }
        if let domain = filter.domainID {
            conditions.append("a.project_id IN (SELECT id FROM identity_projects WHERE id = \(domain) OR domain_id = \(domain))")
        }
        if let targets = filter.targets {
            let matches = targets.map { target -> SQL in
                let ids: SQL = target.ids.map { " AND a.project_id IN \(in: $0)" } ?? ""
                return "(a.target = \(target.kind)\(ids))"
            }
            conditions.append(matches.isEmpty ? "1 = 0" : "(\(matches.joined(separator: " OR ")))")
        }
        let sql: SQL = """
            SELECT \(columns) FROM identity_assignments a WHERE \(conditions.joined(separator: " AND "))
            ORDER BY a.target, a.project_id, a.user_id, a.group_id, a.role_id, a.inherited
            """
        return try reader.all(sql, assignment).compactMap { $0 }
    }

    /// The ids of the roles a user holds in a scope, directly, through groups and by inheritance, without the roles
    /// these imply.
    /// - Parameter groups: groups that count beside those the user is a member of.
    static func heldRoleIDs(user userID: String, groups: [String] = [], in scope: Scope, _ reader: any Reader) throws -> [String] {
        let condition: SQL
        switch scope {
        case .unscoped: return []
        case .system: condition = "a.target = 'system'"
        case .domain(let id): condition = "a.target = 'domain' AND a.project_id = \(id) AND a.inherited = 0"
        case .project(let id):
            condition = """
                (a.target = 'project' AND a.project_id = \(id) AND a.inherited = 0)
                OR (a.inherited = 1 AND a.project_id IN (
                    WITH RECURSIVE above (id) AS (
                        SELECT parent_id FROM identity_projects WHERE id = \(id)
                        UNION ALL SELECT p.parent_id FROM identity_projects p JOIN above b ON p.id = b.id
                    ) SELECT id FROM above WHERE id IS NOT NULL))
                """
        }
        let sql: SQL = """
            SELECT DISTINCT a.role_id FROM identity_assignments a WHERE \(mine(userID, groups)) AND (\(condition))
            ORDER BY a.role_id
            """
        return try reader.all(sql) { try $0[0] }
    }

    /// The assignments `a` of a user, of the user's groups for good or for a while, and of further groups.
    private static func mine(_ userID: String, _ groups: [String]) -> SQL {
        let more: SQL = groups.isEmpty ? "" : " OR a.group_id IN \(in: groups)"
        return """
            (a.user_id = \(userID) OR a.group_id IN (SELECT group_id FROM identity_group_members WHERE user_id = \(userID)
                UNION \(ExpiringMembershipRecords.groupIDs(of: userID, at: .now)))\(more))
            """
    }

    /// The projects or domains on which a user holds a role, with those below where it is inherited.
    static func reachableIDs(user userID: String, groups: [String] = [], _ kind: String, _ reader: any Reader) throws -> [String] {
        let mine = mine(userID, groups)
        let direct: SQL = "SELECT a.project_id FROM identity_assignments a WHERE a.target = \(kind) AND a.inherited = 0 AND \(mine)"
        guard kind == "project" else { return try reader.all(direct) { try $0[0] } }
        let sql: SQL = """
            WITH RECURSIVE reach (id) AS (
                SELECT p.id FROM identity_projects p JOIN identity_assignments a ON p.parent_id = a.project_id
                WHERE a.inherited = 1 AND \(mine)
                UNION SELECT p.id FROM identity_projects p JOIN reach r ON p.parent_id = r.id
            ) SELECT id FROM reach UNION \(direct)
            """
        return try reader.all(sql) { try $0[0] }
    }
}
