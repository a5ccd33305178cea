import CloudCore
import CloudCrypto
import CloudStore

/// OAuth 1.0a: consumers, and what users lend them.
extension Identity {
    func consumer(id: String) async throws -> OAuthConsumer {
        try await database.read { try Self.consumer(id, $0) }
    }

    private static func consumer(_ id: String, _ reader: any Reader) throws -> OAuthConsumer {
        guard let consumer = try OAuthConsumerRecords.find(id, reader) else { throw IdentityError.missing("Consumer not found") }
        return consumer
    }

    func listConsumers() async throws -> [OAuthConsumer] { try await database.read(OAuthConsumerRecords.list) }

    /// Stores a new consumer and answers it with its secret, which is never shown again.
    func createConsumer(description: String?, extra: JSONObject) async throws -> (consumer: OAuthConsumer, secret: Secret<String>) {
        let secret = Secret(Identifier.hex())
        let consumer = OAuthConsumer(id: Identifier.hex(), description: description, sealedSecret: vault.seal(secret), extra: extra)
        try await database.write { try OAuthConsumerRecords.insert(consumer, $0) }
        return (consumer, secret)
    }

    func updateConsumer(_ id: String, _ change: @escaping @Sendable (inout OAuthConsumer) -> Void) async throws -> OAuthConsumer {
        try await database.write { transaction in
            var consumer = try Self.consumer(id, transaction)
            change(&consumer)
            try OAuthConsumerRecords.update(consumer, transaction)
            return consumer
        }
    }

    /// Deletes a consumer with everything lent to it; the tokens made of that end.
    func deleteConsumer(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try OAuthConsumerRecords.delete(id, transaction) else { throw IdentityError.missing("Consumer not found") }
            transaction.onCommit { generations.advanceEveryone() }
        }
    }
}

/// Request tokens.
extension Identity {
    /// A token with the secret that goes with it, which is shown once.
    typealias Granted<Token> = (token: Token, secret: Secret<String>)

    /// Stores a consumer's request for roles in a project.
    /// - Parameter isValid: checks the request's signature against the consumer's secret, or throws what is wrong with it.
    func createRequestToken(
        consumerID: String, projectID: String, _ isValid: @Sendable (Secret<String>) throws -> Bool
    ) async throws -> Granted<OAuthRequestToken> {
        let consumer = try await database.read { reader in
            guard try ProjectRecords.find(projectID, reader) != nil else { throw IdentityError.notFound("project", id: projectID) }
            return try Self.consumer(consumerID, reader)
        }
        guard try isValid(try vault.open(consumer.sealedSecret)) else { throw IdentityError.unauthorized }
        let (secret, now) = (Secret(Identifier.hex()), Timestamp.now)
        let token = OAuthRequestToken(
            id: Identifier.hex(), consumerID: consumer.id, projectID: projectID, sealedSecret: vault.seal(secret),
            expiresAt: options.requestTokenLifetime.map { now + $0 })
        try await database.write { transaction in
            _ = try Self.consumer(consumerID, transaction)
            guard try ProjectRecords.find(projectID, transaction) != nil else { throw IdentityError.notFound("project", id: projectID) }
            try OAuthRequestTokenRecords.insert(token, at: now, transaction)
        }
        return (token, secret)
    }

    private static func requestToken(_ id: String, _ reader: any Reader) throws -> OAuthRequestToken {
        guard let token = try OAuthRequestTokenRecords.find(id, reader) else { throw IdentityError.missing("Request token not found") }
        guard !token.isExpired(at: .now) else { throw IdentityError.unauthorized }
        return token
    }

    /// A role as a user names it.
    enum RoleReference: Sendable { case id(String), name(String) }

    /// Lends a consumer roles that the user has in the project asked for.
    /// - Returns: the verifier, which the user gives to the consumer.
    func authorizeRequestToken(_ id: String, by userID: String, _ roles: [RoleReference]) async throws -> Secret<String> {
        let verifier = OAuthRequestToken.makeVerifier()
        let sealed = vault.seal(verifier)
        try await database.write { transaction in
            var token = try Self.requestToken(id, transaction)
            let held = try TokenRecords.effectiveRoles(user: userID, in: .project(token.projectID), transaction)
            token.roleIDs = try roles.map { role in
                switch role {
                case .id(let id): return id
                case .name(let name):
                    let found = try RoleRecords.list(ListQuery().filtered("name", name), transaction).filter { $0.domainID == nil }
                    guard let role = found.first else { throw IdentityError.notFound("role", id: name) }
                    return role.id
                }
            }
            guard Set(token.roleIDs).isSubset(of: held.map(\.id)) else { throw IdentityError.unauthorized }
            (token.userID, token.sealedVerifier) = (userID, sealed)
            try OAuthRequestTokenRecords.authorize(token, transaction)
        }
        return verifier
    }
}

/// Access tokens.
extension Identity {
    /// Turns an authorised request into an access token; the request is used up.
    func createAccessToken(
        requestTokenID: String, consumerID: String, verifier: String, _ isValid: @Sendable (Secret<String>, Secret<String>) throws -> Bool
    ) async throws -> Granted<OAuthAccessToken> {
        let request = try await database.read { try Self.requestToken(requestTokenID, $0) }
        guard request.consumerID == consumerID, let userID = request.userID, let sealed = request.sealedVerifier else {
            throw IdentityError.unauthorized
        }
        let consumer = try await consumer(id: consumerID)
        guard ConstantTime.equal(try vault.open(sealed).reveal(), verifier),
            try isValid(try vault.open(consumer.sealedSecret), try vault.open(request.sealedSecret))
        else { throw IdentityError.unauthorized }
        let secret = Secret(Identifier.hex())
        let token = OAuthAccessToken(
            id: Identifier.hex(), consumerID: consumerID, projectID: request.projectID, userID: userID,
            sealedSecret: vault.seal(secret), roleIDs: request.roleIDs,
            expiresAt: options.accessTokenLifetime.map { .now + $0 })
        try await database.write { transaction in
            // Whoever comes second finds the request used, or lent anew.
            guard try OAuthRequestTokenRecords.find(request.id, transaction) == request else { throw IdentityError.unauthorized }
            _ = try OAuthRequestTokenRecords.delete(request.id, transaction)
            try OAuthAccessTokenRecords.insert(token, transaction)
        }
        return (token, secret)
    }

    func accessToken(id: String) async throws -> OAuthAccessToken {
        guard let token = try await database.read({ try OAuthAccessTokenRecords.find(id, $0) }) else {
            throw IdentityError.missing("Access token not found")
        }
        return token
    }

    /// A user's access token; that of another user does not exist.
    func accessToken(id: String, ofUser userID: String) async throws -> OAuthAccessToken {
        let token = try await accessToken(id: id)
        guard token.userID == userID else { throw IdentityError.missing("Access token not found") }
        return token
    }

    func accessTokens(ofUser userID: String) async throws -> [OAuthAccessToken] {
        try await database.read { try OAuthAccessTokenRecords.list(ofUser: userID, $0) }
    }

    /// The roles an access token lends.
    func roles(of token: OAuthAccessToken) async throws -> [Role] {
        try await database.read { try RoleRecords.all(token.roleIDs, $0) }
    }

    /// Takes back what was lent; the tokens made of it end.
    func deleteAccessToken(_ token: OAuthAccessToken) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            try OAuthAccessTokenRecords.delete(token.id, transaction)
            transaction.onCommit { generations.advance(user: token.userID) }
        }
    }
}
