import CloudCore
import CloudCrypto
import CloudStore

/// Makes, opens and remembers tokens. Tokens are not stored: all they say is in them, under the cloud's keys; the
/// database says whether it still holds.
final class TokenProvider: Sendable {
    private final class Remembered: Sendable {
        let token: Token
        let mark: Generations.Mark
        let dependencies: Set<String>
        /// The keys' version under which the token was opened.
        let keys: Int
        /// The count of all changes under which the mark is known to be as it is.
        let changes: Int

        init(token: Token, mark: Generations.Mark, keys: Int, changes: Int) {
            (self.token, self.mark, self.keys, dependencies) = (token, mark, keys, token.dependencies)
            self.changes = changes
        }
    }

    private let database: any Database
    private let formats: TokenFormats
    private let cache: BoundedCache<Remembered>
    let generations: Generations

    init(database: any Database, formats: TokenFormats, cacheSize: Int) {
        (self.database, self.formats) = (database, formats)
        (cache, generations) = (BoundedCache(capacity: cacheSize), Generations())
    }

    /// Makes a token of this payload if its user may have it.
    /// - Parameter verified: the password that was checked; when it was changed since, there is no token.
    /// - Throws: `IdentityError.unauthorized` when user, scope or roles do not allow it.
    func issue(_ payload: TokenPayload, verified: Password?) async throws -> IssuedToken {
        let (keys, text) = (formats.version, try formats.seal(payload))
        let found: Token?
        if case .trust(let id) = payload.delegation {
            // The use counts together with the token it is for, or not at all.
            found = try await database.write { transaction in
                guard try TrustRecords.consume(id, transaction), let token = try Self.resolve(payload, verified, transaction) else {
                    throw IdentityError.unauthorized
                }
                return token
            }
        } else {
            found = try await remembering(text, keys) { try Self.resolve(payload, verified, $0) }
        }
        guard let token = found else { throw IdentityError.unauthorized }
        return (Secret(text), token)
    }

    private static func resolve(_ payload: TokenPayload, _ verified: Password?, _ reader: any Reader) throws -> Token? {
        if let verified, try UserRecords.find(payload.userID, reader)?.password?.createdAt != verified.createdAt { return nil }
        return try TokenRecords.resolve(payload, reader)
    }

    /// Opens a token and checks that it still holds.
    /// - Parameter window: how long after its end a token is still good enough.
    /// - Throws: what the database throws. A token that does not hold is nil.
    func validate(_ text: Secret<String>, window: Duration = .zero, now: Timestamp = .now) async throws -> Token? {
        let (keys, text) = (formats.version, text.reveal())
        if let remembered = cache[text] {
            guard now < remembered.token.payload.expiresAt + window else { return nil }
            let changes = generations.changes
            if remembered.keys == keys {
                if remembered.changes == changes { return remembered.token }
                let mark = generations.mark(for: remembered.dependencies)
                if remembered.mark == mark {
                    // What has changed concerns others.
                    cache.insert(Remembered(token: remembered.token, mark: mark, keys: keys, changes: changes), for: text)
                    return remembered.token
                }
            }
            cache.remove(text)
        }
        guard let payload = formats.open(text), now < payload.expiresAt + window else { return nil }
        return try await remembering(text, keys) { reader in
            try RevocationRecords.isRevoked(payload, reader) ? nil : try TokenRecords.resolve(payload, reader)
        }
    }

    /// Remembers what was read, unless something changed meanwhile: whom it depends on is known only afterwards.
    private func remembering(
        _ text: String, _ keys: Int, _ read: @escaping @Sendable (any Reader) throws -> Token?
    ) async throws -> Token? {
        let before = generations.changes
        guard var token = try await database.read(read) else { return nil }
        let mark = generations.mark(for: token.dependencies)
        guard generations.changes == before, !token.isPassing else { return token }
        token.mark = mark
        cache.insert(Remembered(token: token, mark: mark, keys: keys, changes: before), for: text)
        return token
    }
}
