import CloudCore
import CloudStore

/// Users and their passwords in the database.
enum UserRecords {
    static let filters = FilterColumns([
        "name": (name, .text), "domain_id": ("u.domain_id", .text), "enabled": ("u.enabled", .flag),
        "default_project_id": ("u.default_project_id", .text),
    ])

    /// The name here, or the one an identity provider gave.
    private static let name: SQL = "COALESCE(l.name, \(FederatedUserRecords.name), u.id)"
    private static let columns: SQL = """
        u.id, \(name), u.domain_id, u.enabled, u.default_project_id, u.extra, u.options, u.created_at, l.password_hash,
        l.password_created_at, l.password_expires_at, COALESCE(l.failed_auth_count, 0), l.failed_auth_at, u.last_active_at,
        l.password_self_service
        """
    private static let tables: SQL = " FROM identity_users u LEFT JOIN identity_local_users l ON l.user_id = u.id"

    private static func user(_ row: borrowing Row) throws -> User {
        let passwordCreatedAt: Timestamp? = try row[9]
        let password = try passwordCreatedAt.map {
            Password(hash: try row[8], createdAt: $0, expiresAt: try row[10], isSelfService: try row[14])
        }
        return User(
            id: try row[0], name: try row[1], domainID: try row[2], isEnabled: try row[3], defaultProjectID: try row[4],
            extra: (try row[5] as JSON).members, options: UserOptions(values: (try row[6] as JSON).members),
            password: password, failedLogins: FailedLogins(count: try row[11], lastAt: try row[12]), createdAt: try row[7],
            lastActiveAt: try row[13])
    }

    static func find(_ id: String, _ reader: any Reader) throws -> User? {
        try reader.first("SELECT \(columns)\(tables) WHERE u.id = \(id)", user)
    }

    static func find(name: String, domainID: String, _ reader: any Reader) throws -> User? {
        try reader.first("SELECT \(columns)\(tables) WHERE l.name = \(name) AND l.domain_id = \(domainID)", user)
    }

    static func all(_ ids: some Sequence<String>, _ reader: any Reader) throws -> [User] {
        try reader.all("SELECT \(columns)\(tables) WHERE u.id IN \(in: ids)", user)
    }

    /// Users in order of their ids.
    /// - Parameter groupID: only the members of a group.
    static func list(_ query: ListQuery, inGroup groupID: String? = nil, _ reader: any Reader) throws -> [User] {
        var query = query
        var conditions = FederatedUserRecords.conditions(&query)
        if let expiry = query.take("password_expires_at") { conditions.append(try expiryCondition(expiry.value)) }
        if let groupID {
            conditions.append("u.id IN (SELECT user_id FROM identity_group_members WHERE group_id = \(groupID))")
        }
        let matching = query.whereClause(filters, id: "u.id", and: conditions)
        return try reader.all("SELECT \(columns)\(tables)\(matching)\(query.pageClause(id: "u.id"))", user)
    }

    /// `lt:2016-11-06T15:32:17Z` and its kin; without an operator, equality.
    private static func expiryCondition(_ text: String) throws -> SQL {
        let operators: [String: SQL] = ["lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "<>"]
        var (word, moment) = ("eq", text[...])
        if let colon = text.firstIndex(of: ":"), (2...3).contains(text.distance(from: text.startIndex, to: colon)) {
            (word, moment) = (String(text[..<colon]), text[text.index(after: colon)...])
        }
        guard let timestamp = Timestamp(iso8601: String(moment)) else {
            throw IdentityError.invalid("Timestamp not in expected format: \(moment).")
        }
        guard let comparison = operators[word] else {
            throw IdentityError.invalid("The given operator \(word) is not valid. It must be one of the following: 'eq', 'neq', 'lt', 'lte', 'gt', or 'gte'.")
        }
        return "l.password_expires_at \(comparison) \(timestamp)"
    }

    static func insert(_ user: User, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_users (id, domain_id, enabled, default_project_id, extra, options, created_at)
            VALUES (\(user.id), \(user.domainID), \(user.isEnabled), \(user.defaultProjectID),
                \(JSON.object(user.extra)), \(JSON.object(user.options.values)), \(user.createdAt))
            """)
        try transaction.execute(
            """
            INSERT INTO identity_local_users
                (user_id, domain_id, name, password_hash, password_created_at, password_expires_at, failed_auth_count)
            VALUES (\(user.id), \(user.domainID), \(user.name), \(user.password?.hash),
                \(user.password?.createdAt), \(user.password?.expiresAt), 0)
            """)
    }

    static func update(_ user: User, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_users SET enabled = \(user.isEnabled), default_project_id = \(user.defaultProjectID),
                extra = \(JSON.object(user.extra)), options = \(JSON.object(user.options.values)),
                last_active_at = \(user.lastActiveAt) WHERE id = \(user.id)
            """)
        try transaction.execute(
            """
            UPDATE identity_local_users SET name = \(user.name), failed_auth_count = \(user.failedLogins.count),
                failed_auth_at = \(user.failedLogins.lastAt) WHERE user_id = \(user.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_users WHERE id = \(id)")
    }

    /// Sets a new password and keeps the ones before it, as many as the rules ask for.
    static func setPassword(_ password: Password, of userID: String, keeping previous: Int, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_password_history (user_id, created_at, password_hash)
            SELECT user_id, password_created_at, password_hash FROM identity_local_users
            WHERE user_id = \(userID) AND password_hash IS NOT NULL
            ON CONFLICT (user_id, created_at) DO UPDATE SET password_hash = excluded.password_hash
            """)
        try transaction.execute(
            """
            DELETE FROM identity_password_history WHERE user_id = \(userID) AND created_at NOT IN
                (SELECT created_at FROM identity_password_history WHERE user_id = \(userID)
                 ORDER BY created_at DESC LIMIT \(max(0, previous)))
            """)
        let count = try transaction.execute(
            """
            UPDATE identity_local_users SET password_hash = \(password.hash), password_created_at = \(password.createdAt),
                password_expires_at = \(password.expiresAt), password_self_service = \(password.isSelfService)
            WHERE user_id = \(userID)
            """)
        guard count > 0 else { throw IdentityError.invalid("The user \(userID) logs in at an identity provider and has no password here.") }
    }

    /// Replaces the hash of the same password, unless it changed meanwhile.
    static func renewHash(_ hash: String, instead old: String, of userID: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE identity_local_users SET password_hash = \(hash) WHERE user_id = \(userID) AND password_hash = \(old)")
    }

    /// The hashes of the passwords before the current one, the newest first.
    static func previousHashes(of userID: String, most count: Int, _ reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT password_hash FROM identity_password_history WHERE user_id = \(userID)
            ORDER BY created_at DESC LIMIT \(max(0, count))
            """) { try $0[0] }
    }

    static func countFailedLogin(of userID: String, at moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_local_users SET failed_auth_count = failed_auth_count + 1, failed_auth_at = \(moment)
            WHERE user_id = \(userID)
            """)
    }

    /// Notes a login, for the rule about inactive users.
    static func noteActivity(of userID: String, at moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute("UPDATE identity_users SET last_active_at = \(moment) WHERE id = \(userID)")
    }

    static func forgetFailedLogins(of userID: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE identity_local_users SET failed_auth_count = 0, failed_auth_at = NULL WHERE user_id = \(userID)")
    }
}
