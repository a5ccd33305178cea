import CloudAPI
import CloudCore
import CloudStore

/// Application credentials in the database.
enum ApplicationCredentialRecords {
    static let filters = FilterColumns(["name": ("c.name", .text)])

    private static let columns: SQL =
        "c.id, c.name, c.secret_hash, c.description, c.user_id, c.project_id, c.expires_at, c.unrestricted"

    private static func credential(_ row: borrowing Row) throws -> ApplicationCredential {
        ApplicationCredential(
            id: try row[0], name: try row[1], secretHash: try row[2], description: try row[3], userID: try row[4],
            projectID: try row[5], expiresAt: try row[6], isUnrestricted: try row[7])
    }

    static func find(_ id: String, _ reader: any Reader) throws -> ApplicationCredential? {
        try complete(try reader.all("SELECT \(columns) FROM identity_application_credentials c WHERE c.id = \(id)", credential), reader).first
    }

    static func find(name: String, userID: String, _ reader: any Reader) throws -> ApplicationCredential? {
        let sql: SQL = """
            SELECT \(columns) FROM identity_application_credentials c WHERE c.user_id = \(userID) AND c.name = \(name)
            """
        return try complete(try reader.all(sql, credential), reader).first
    }

    /// A user's credentials in order of their ids.
    static func list(_ query: ListQuery, ofUser userID: String, _ reader: any Reader) throws -> [ApplicationCredential] {
        let matching = query.whereClause(filters, id: "c.id", and: ["c.user_id = \(userID)"])
        let sql: SQL = "SELECT \(columns) FROM identity_application_credentials c\(matching)\(query.pageClause(id: "c.id"))"
        return try complete(try reader.all(sql, credential), reader)
    }

    /// Adds the roles and access rules.
    private static func complete(_ credentials: [ApplicationCredential], _ reader: any Reader) throws -> [ApplicationCredential] {
        guard !credentials.isEmpty else { return [] }
        let ids = credentials.map(\.id)
        var (roles, rules): ([String: [String]], [String: [StoredAccessRule]]) = ([:], [:])
        let roleRows: SQL = """
            SELECT application_credential_id, role_id FROM identity_application_credential_roles
            WHERE application_credential_id IN \(in: ids) ORDER BY role_id
            """
        try reader.forEach(roleRows) { roles[try $0[0], default: []].append(try $0[1]) }
        let ruleRows: SQL = """
            SELECT \(AccessRuleRecords.columns), l.application_credential_id FROM identity_application_credential_access_rules l
            JOIN identity_access_rules r ON r.id = l.access_rule_id WHERE l.application_credential_id IN \(in: ids) ORDER BY r.id
            """
        try reader.forEach(ruleRows) { rules[try $0[4], default: []].append(try AccessRuleRecords.rule($0)) }
        return credentials.map { credential in
            var complete = credential
            (complete.roleIDs, complete.accessRules) = (roles[credential.id] ?? [], rules[credential.id] ?? [])
            return complete
        }
    }

    /// Stores a credential; its access rules must be stored already.
    static func insert(_ credential: ApplicationCredential, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_application_credentials
                (id, user_id, name, secret_hash, description, project_id, expires_at, unrestricted)
            VALUES (\(credential.id), \(credential.userID), \(credential.name), \(credential.secretHash),
                \(credential.description), \(credential.projectID), \(credential.expiresAt), \(credential.isUnrestricted))
            """)
        for role in Set(credential.roleIDs) {
            try transaction.execute(
                """
                INSERT INTO identity_application_credential_roles (application_credential_id, role_id)
                VALUES (\(credential.id), \(role))
                """)
        }
        for rule in Set(credential.accessRules.map(\.id)) {
            try transaction.execute(
                """
                INSERT INTO identity_application_credential_access_rules (application_credential_id, access_rule_id)
                VALUES (\(credential.id), \(rule))
                """)
        }
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_application_credentials WHERE id = \(id)")
    }

    /// Deletes all credentials and access rules of a user, as upstream does when the user is disabled.
    static func deleteAll(ofUser userID: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_application_credentials WHERE user_id = \(userID)")
        try transaction.execute("DELETE FROM identity_access_rules WHERE user_id = \(userID)")
    }

    /// Deletes the credentials of those who hold a role directly on a credential's project, as upstream does when the
    /// role is deleted.
    static func deleteAll(withRole roleID: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            DELETE FROM identity_application_credentials WHERE EXISTS (
                SELECT 1 FROM identity_assignments a WHERE a.role_id = \(roleID) AND a.target = 'project'
                AND a.user_id = identity_application_credentials.user_id
                AND a.project_id = identity_application_credentials.project_id)
            """)
    }
}

/// Access rules in the database.
enum AccessRuleRecords {
    static let filters = FilterColumns([
        "service": ("r.service", .text), "path": ("r.path", .text), "method": ("r.method", .text),
    ])

    static let columns: SQL = "r.id, r.service, r.method, r.path"

    static func rule(_ row: borrowing Row) throws -> StoredAccessRule {
        StoredAccessRule(id: try row[0], rule: AccessRule(service: try row[1], method: try row[2], path: try row[3]))
    }

    /// A rule with its user.
    static func find(_ id: String, _ reader: any Reader) throws -> (rule: StoredAccessRule, userID: String)? {
        try reader.first("SELECT \(columns), r.user_id FROM identity_access_rules r WHERE r.id = \(id)") {
            (rule: try rule($0), userID: try $0[4])
        }
    }

    static func find(_ rule: AccessRule, ofUser userID: String, _ reader: any Reader) throws -> StoredAccessRule? {
        let sql: SQL = """
            SELECT \(columns) FROM identity_access_rules r WHERE r.user_id = \(userID) AND r.service = \(rule.service)
            AND r.path = \(rule.path) AND r.method = \(rule.method)
            """
        return try reader.first(sql, Self.rule)
    }

    static func list(_ query: ListQuery, ofUser userID: String, _ reader: any Reader) throws -> [StoredAccessRule] {
        let matching = query.whereClause(filters, id: "r.id", and: ["r.user_id = \(userID)"])
        return try reader.all("SELECT \(columns) FROM identity_access_rules r\(matching)\(query.pageClause(id: "r.id"))", rule)
    }

    static func insert(_ rule: StoredAccessRule, ofUser userID: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_access_rules (id, user_id, service, path, method)
            VALUES (\(rule.id), \(userID), \(rule.rule.service), \(rule.rule.path), \(rule.rule.method))
            """)
    }

    static func isInUse(_ id: String, _ reader: any Reader) throws -> Bool {
        let sql: SQL = "SELECT 1 FROM identity_application_credential_access_rules WHERE access_rule_id = \(id)"
        return try reader.scalar(sql, as: Int.self) != nil
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_access_rules WHERE id = \(id)")
    }
}
