import CloudCore
import CloudStore

/// What the database says about a token's user, scope and roles.
enum TokenRecords {
    /// The token with names and roles; nil when user or scope are gone or disabled, or no role is left in the scope.
    static func resolve(_ payload: TokenPayload, _ reader: any Reader) throws -> Token? {
        guard let user = try user(payload.userID, reader), let scope = try scope(payload.scope, reader),
            let rights = try rights(payload, reader), payload.scope == .unscoped || !rights.roles.isEmpty
        else { return nil }
        var token = Token(payload: payload, user: user, scope: scope, rights: rights)
        token.isPassing = try ExpiringMembershipRecords.exist(of: token.dependencies, at: .now, reader)
        return token
    }

    /// A user that is enabled, in a domain that is.
    static func user(_ id: String, _ reader: any Reader) throws -> TokenUser? {
        guard let user = try UserRecords.find(id, reader), user.isEnabled,
            let domain = try ProjectRecords.find(user.domainID, reader), domain.isEnabled
        else { return nil }
        return TokenUser(
            id: user.id, name: user.name, domain: Named(id: domain.id, name: domain.name), passwordExpiresAt: user.password?.expiresAt)
    }

    /// The rights of a token; nil when what lent them is gone. Each delegation has its own way to find them.
    private static func rights(_ payload: TokenPayload, _ reader: any Reader) throws -> TokenRights? {
        switch payload.delegation {
        case nil: try login(payload, reader)
        case .trust(let id): try rights(ofTrust: id, payload, reader)
        case .applicationCredential(let id): try rights(ofApplicationCredential: id, payload, reader)
        case .accessToken(let id): try OAuthAccessTokenRecords.rights(id, payload, reader)
        }
    }

    /// The rights of whoever logged in, with those of the groups that an identity provider named.
    private static func login(_ payload: TokenPayload, _ reader: any Reader) throws -> TokenRights? {
        if let provider = payload.federation?.identityProviderID, try !IdentityProviderRecords.exists(provider, reader) { return nil }
        let groups = payload.federation?.groupIDs ?? []
        return TokenRights(roles: try effectiveRoles(user: payload.userID, groups: groups, in: payload.scope, reader))
    }

    private static func scope(_ scope: Scope, _ reader: any Reader) throws -> TokenScope? {
        switch scope {
        case .unscoped: return TokenScope()
        case .system: return TokenScope(isSystem: true)
        case .domain(let id):
            guard let domain = try ProjectRecords.domain(.id(id), reader), domain.isEnabled else { return nil }
            return TokenScope(domain: Named(id: domain.id, name: domain.name))
        case .project(let id):
            guard let project = try ProjectRecords.find(id, reader), project.isEnabled else { return nil }
            var domain: Project?
            if let domainID = project.domainID {
                domain = try ProjectRecords.find(domainID, reader)
                guard domain?.isEnabled == true else { return nil }
            }
            return TokenScope(
                project: TokenScope.Project(
                    id: project.id, name: project.name, domain: domain.map { Named(id: $0.id, name: $0.name) },
                    isDomain: project.isDomain))
        }
    }

    /// The roles a user has in a scope with those they imply. Domains' own roles only imply; they never show.
    /// - Parameter groups: groups that count beside those the user is a member of.
    static func effectiveRoles(user userID: String, groups: [String] = [], in scope: Scope, _ reader: any Reader) throws -> [TokenRole] {
        let held = try AssignmentRecords.heldRoleIDs(user: userID, groups: groups, in: scope, reader)
        guard !held.isEmpty else { return [] }
        let all = RoleInference(try RoleRecords.implications(reader)).closure(of: held)
        let roles = Dictionary(uniqueKeysWithValues: try RoleRecords.all(all, reader).map { ($0.id, $0) })
        return all.compactMap { roles[$0] }.filter { $0.domainID == nil }.map { TokenRole(id: $0.id, name: $0.name) }
    }
}

/// That tokens were ended: one, all of a chain, or all of a user's up to a moment.
struct RevocationEvent: Sendable, Hashable {
    var auditID: String?
    var chainID: String?
    var userID: String?
    var issuedBefore: Timestamp
    var revokedAt: Timestamp
}

/// Revocation events in the database.
enum RevocationRecords {
    /// What an event ends.
    enum Subject {
        case token(auditID: String)
        case chain(auditID: String)
        case user(String)
    }

    /// Stores an event and drops those that no living token can match any more.
    /// - Parameter usefulFor: how long the last token it could match still lives.
    static func insert(_ subject: Subject, at moment: Timestamp, usefulFor: Duration, _ transaction: any Transaction) throws {
        var (audit, chain, user): (String?, String?, String?) = (nil, nil, nil)
        switch subject {
        case .token(let id): audit = id
        case .chain(let id): chain = id
        case .user(let id): user = id
        }
        try transaction.execute("DELETE FROM identity_revocation_events WHERE useful_until < \(moment)")
        try transaction.execute(
            """
            INSERT INTO identity_revocation_events
                (id, audit_id, audit_chain_id, user_id, issued_before, revoked_at, useful_until)
            VALUES (\(Identifier.hex()), \(audit), \(chain), \(user), \(moment), \(moment), \(moment + usefulFor))
            """)
    }

    /// The events that may still match a token, the oldest first.
    /// - Parameter since: only those made then or later.
    static func list(since: Timestamp?, _ reader: any Reader) throws -> [RevocationEvent] {
        let condition: SQL = since.map { " WHERE revoked_at >= \($0)" } ?? ""
        return try reader.all(
            """
            SELECT audit_id, audit_chain_id, user_id, issued_before, revoked_at FROM identity_revocation_events\(condition)
            ORDER BY revoked_at, id
            """
        ) { row in
            RevocationEvent(
                auditID: try row[0], chainID: try row[1], userID: try row[2], issuedBefore: try row[3], revokedAt: try row[4])
        }
    }

    /// Whether an event ends what a user did before a moment.
    static func isRevoked(user userID: String, issuedAt: Timestamp, _ reader: any Reader) throws -> Bool {
        let sql: SQL = "SELECT 1 FROM identity_revocation_events WHERE user_id = \(userID) AND issued_before >= \(issuedAt)"
        return try reader.scalar(sql, as: Int.self) != nil
    }

    /// Whether an event matches a token.
    static func isRevoked(_ payload: TokenPayload, _ reader: any Reader) throws -> Bool {
        let sql: SQL = """
            SELECT 1 FROM identity_revocation_events WHERE audit_id = \(payload.auditID)
            UNION ALL SELECT 1 FROM identity_revocation_events WHERE audit_chain_id = \(payload.chainID)
            UNION ALL SELECT 1 FROM identity_revocation_events
                WHERE user_id = \(payload.userID) AND issued_before >= \(payload.issuedAt)
            """
        return try reader.scalar(sql, as: Int.self) != nil
    }
}
