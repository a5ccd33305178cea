import CloudCore
import CloudStore

/// OAuth consumers in the database.
enum OAuthConsumerRecords {
    private static let columns: SQL = "id, description, sealed_secret, extra"

    private static func consumer(_ row: borrowing Row) throws -> OAuthConsumer {
        OAuthConsumer(id: try row[0], description: try row[1], sealedSecret: try row[2], extra: (try row[3] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> OAuthConsumer? {
        try reader.first("SELECT \(columns) FROM identity_oauth_consumers WHERE id = \(id)", consumer)
    }

    static func list(_ reader: any Reader) throws -> [OAuthConsumer] {
        try reader.all("SELECT \(columns) FROM identity_oauth_consumers ORDER BY id", consumer)
    }

    static func insert(_ consumer: OAuthConsumer, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_oauth_consumers (id, description, sealed_secret, extra)
            VALUES (\(consumer.id), \(consumer.description), \(consumer.sealedSecret), \(JSON.object(consumer.extra)))
            """)
    }

    static func update(_ consumer: OAuthConsumer, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_oauth_consumers SET description = \(consumer.description), extra = \(JSON.object(consumer.extra))
            WHERE id = \(consumer.id)
            """)
    }

    /// Whether there was such a consumer. Its tokens go with it.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_oauth_consumers WHERE id = \(id)") > 0
    }
}

/// OAuth request tokens in the database.
enum OAuthRequestTokenRecords {
    static func find(_ id: String, _ reader: any Reader) throws -> OAuthRequestToken? {
        let sql: SQL = """
            SELECT id, consumer_id, project_id, sealed_secret, user_id, role_ids, sealed_verifier, expires_at
            FROM identity_oauth_request_tokens WHERE id = \(id)
            """
        return try reader.first(sql) { row in
            OAuthRequestToken(
                id: try row[0], consumerID: try row[1], projectID: try row[2], sealedSecret: try row[3], userID: try row[4],
                roleIDs: (try row[5] as JSON).texts, sealedVerifier: try row[6], expiresAt: try row[7])
        }
    }

    /// Stores a request, and drops those that nobody can use any more.
    static func insert(_ token: OAuthRequestToken, at moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_oauth_request_tokens WHERE expires_at < \(moment)")
        try transaction.execute(
            """
            INSERT INTO identity_oauth_request_tokens (id, consumer_id, project_id, sealed_secret, role_ids, expires_at)
            VALUES (\(token.id), \(token.consumerID), \(token.projectID), \(token.sealedSecret), \(JSON(texts: token.roleIDs)),
                \(token.expiresAt))
            """)
    }

    static func authorize(_ token: OAuthRequestToken, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_oauth_request_tokens SET user_id = \(token.userID), role_ids = \(JSON(texts: token.roleIDs)),
                sealed_verifier = \(token.sealedVerifier) WHERE id = \(token.id)
            """)
    }

    /// Whether it was still there.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_oauth_request_tokens WHERE id = \(id)") > 0
    }
}

/// OAuth access tokens in the database.
enum OAuthAccessTokenRecords {
    private static let columns: SQL = "id, consumer_id, project_id, user_id, sealed_secret, role_ids, expires_at"

    private static func token(_ row: borrowing Row) throws -> OAuthAccessToken {
        OAuthAccessToken(
            id: try row[0], consumerID: try row[1], projectID: try row[2], userID: try row[3], sealedSecret: try row[4],
            roleIDs: (try row[5] as JSON).texts, expiresAt: try row[6])
    }

    static func find(_ id: String, _ reader: any Reader) throws -> OAuthAccessToken? {
        try reader.first("SELECT \(columns) FROM identity_oauth_access_tokens WHERE id = \(id)", token)
    }

    static func list(ofUser userID: String, _ reader: any Reader) throws -> [OAuthAccessToken] {
        try reader.all("SELECT \(columns) FROM identity_oauth_access_tokens WHERE user_id = \(userID) ORDER BY id", token)
    }

    static func insert(_ token: OAuthAccessToken, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_oauth_access_tokens (\(columns))
            VALUES (\(token.id), \(token.consumerID), \(token.projectID), \(token.userID), \(token.sealedSecret),
                \(JSON(texts: token.roleIDs)), \(token.expiresAt))
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_oauth_access_tokens WHERE id = \(id)")
    }

    /// What a token made with an access token may do: what its user lent and still has. Nil when the access token is
    /// gone, has ended, or is another's.
    static func rights(_ id: String, _ payload: TokenPayload, _ reader: any Reader) throws -> TokenRights? {
        guard let token = try find(id, reader), token.userID == payload.userID, payload.scope == .project(token.projectID),
            !token.isExpired(at: .now)
        else { return nil }
        let roles = try TokenRecords.effectiveRoles(user: token.userID, in: payload.scope, reader).filter { token.roleIDs.contains($0.id) }
        return TokenRights(roles: roles, delegation: AccessTokenDelegation(accessTokenID: token.id, consumerID: token.consumerID))
    }
}

extension JSON {
    /// A list of texts.
    init(texts: [String]) { self = .array(texts.map { .string($0) }) }
    /// The texts of a list; none for other values.
    var texts: [String] { (array ?? []).compactMap(\.string) }
}
