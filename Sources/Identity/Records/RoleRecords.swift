import CloudCore
import CloudStore

/// Roles and what they imply in the database.
enum RoleRecords {
    static let filters = FilterColumns(["name": ("r.name", .text), "domain_id": ("r.domain_id", .text)])

    private static let columns: SQL = "r.id, r.name, r.domain_id, r.description, r.options, r.extra"

    private static func role(_ row: borrowing Row) throws -> Role {
        Role(
            id: try row[0], name: try row[1], domainID: try row[2], description: try row[3],
            options: (try row[4] as JSON).members, extra: (try row[5] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Role? {
        try reader.first("SELECT \(columns) FROM identity_roles r WHERE r.id = \(id)", role)
    }

    static func find(globalName name: String, _ reader: any Reader) throws -> Role? {
        try reader.first("SELECT \(columns) FROM identity_roles r WHERE r.name = \(name) AND r.domain_id IS NULL", role)
    }

    /// The ids of the roles of a name, global ones and domains' own.
    static func ids(named name: String, _ reader: any Reader) throws -> [String] {
        try reader.all("SELECT r.id FROM identity_roles r WHERE r.name = \(name) ORDER BY r.id") { try $0[0] }
    }

    /// Roles in order of their ids: a domain's when the query names one, else the global ones.
    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [Role] {
        let global: [SQL] = query["domain_id"] == nil ? ["r.domain_id IS NULL"] : []
        let matching = query.whereClause(filters, id: "r.id", and: global)
        return try reader.all("SELECT \(columns) FROM identity_roles r\(matching)\(query.pageClause(id: "r.id"))", role)
    }

    static func all(_ ids: some Sequence<String>, _ reader: any Reader) throws -> [Role] {
        try reader.all("SELECT \(columns) FROM identity_roles r WHERE r.id IN \(in: ids) ORDER BY r.id", role)
    }

    static func insert(_ role: Role, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_roles (id, name, domain_id, description, options, extra)
            VALUES (\(role.id), \(role.name), \(role.domainID), \(role.description), \(JSON.object(role.options)),
                \(JSON.object(role.extra)))
            """)
    }

    static func update(_ role: Role, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_roles SET name = \(role.name), description = \(role.description),
                options = \(JSON.object(role.options)), extra = \(JSON.object(role.extra)) WHERE id = \(role.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_roles WHERE id = \(id)")
    }

    static func implications(_ reader: any Reader) throws -> [ImpliedRole] {
        try reader.all(
            "SELECT prior_role_id, implied_role_id FROM identity_implied_roles ORDER BY prior_role_id, implied_role_id"
        ) { ImpliedRole(priorID: try $0[0], impliedID: try $0[1]) }
    }

    static func insert(_ rule: ImpliedRole, _ transaction: any Transaction) throws {
        try transaction.execute(
            "INSERT INTO identity_implied_roles (prior_role_id, implied_role_id) VALUES (\(rule.priorID), \(rule.impliedID))")
    }

    /// Whether there was such a rule.
    static func delete(_ rule: ImpliedRole, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            DELETE FROM identity_implied_roles
            WHERE prior_role_id = \(rule.priorID) AND implied_role_id = \(rule.impliedID)
            """) > 0
    }
}
