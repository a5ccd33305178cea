import CloudCore
import CloudCrypto
import CloudStore

/// Users and their passwords.
extension Identity {
    /// The fields of a user as a request names them; nil for what it does not mention.
    struct UserFields: Sendable {
        var name: String?
        var isEnabled: Bool?
        /// Null takes the default project away.
        var defaultProjectID: JSON?
        /// Null takes the password away.
        var password: Secret<String?>?
        var options: JSONObject?
        var extra: JSONObject = [:]

        func apply(to user: inout User) {
            if let name { user.name = name.trimmed }
            if let isEnabled {
                user.isEnabled = isEnabled
                // Enabling is how an administrator unlocks an account.
                if isEnabled { user.failedLogins = FailedLogins() }
            }
            if let defaultProjectID { user.defaultProjectID = defaultProjectID.string }
            if let options { user.options.values.merge(options) }
            user.extra.merge(extra)
        }
    }

    func user(id: String) async throws -> User {
        guard let user = try await database.read({ try UserRecords.find(id, $0) }) else { throw IdentityError.notFound("user", id: id) }
        return user
    }

    func listUsers(_ query: ListQuery, inDomain domainID: String?) async throws -> Page<User> {
        let query = domainID.map { query.filtered("domain_id", $0) } ?? query
        return try await database.read { query.page(try UserRecords.list(query, $0)) }
    }

    func createUser(inDomain domainID: String, _ fields: UserFields) async throws -> User {
        var user = User(id: Identifier.hex(), name: "", domainID: domainID, createdAt: .now)
        fields.apply(to: &user)
        user.password = try await makePassword(fields.password)
        let created = user
        try await writing(conflict: .conflict("user", "Duplicate entry found with name \(created.name) at domain ID \(domainID)")) { transaction in
            guard try ProjectRecords.domain(.id(domainID), transaction) != nil else { throw IdentityError.notFound("domain", id: domainID) }
            try Self.checkDefaultProject(created, transaction)
            try UserRecords.insert(created, transaction)
        }
        return created
    }

    func updateUser(_ id: String, _ fields: UserFields) async throws -> User {
        let password = try await makePassword(fields.password)
        let (rules, lifetime) = (options.securityCompliance, longestTokenUse)
        return try await writing(conflict: .conflict("user", "Duplicate entry found with name \(fields.name ?? "")")) {
            [generations = tokens.generations] transaction in
            guard let old = try UserRecords.find(id, transaction) else { throw IdentityError.notFound("user", id: id) }
            var new = old
            fields.apply(to: &new)
            if fields.defaultProjectID != nil { try Self.checkDefaultProject(new, transaction) }
            try UserRecords.update(new, transaction)
            if let password {
                try UserRecords.setPassword(password, of: id, keeping: rules.uniqueLastPasswordCount - 1, transaction)
                new.password = password
            }
            if password?.hash != nil || (old.isEnabled && !new.isEnabled) {
                try RevocationRecords.insert(.user(id), at: .now, usefulFor: lifetime, transaction)
            }
            transaction.onCommit { generations.advance(user: id) }
            return new
        }
    }

    func deleteUser(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try UserRecords.find(id, transaction) != nil else { throw IdentityError.notFound("user", id: id) }
            try UserRecords.delete(id, transaction)
            transaction.onCommit { generations.advance(user: id) }
        }
    }

    /// Changes a password on the user's own request, who proves to know the old one.
    func changePassword(of userID: String, from original: Secret<String>, to new: Secret<String>) async throws {
        guard let user = try await database.read({ try UserRecords.find(userID, $0) }) else {
            try await hashing { try await $0.pretend(original) }
            throw IdentityError.unauthorized
        }
        do { try await verify(original, of: user) } catch IdentityError.passwordExpired {
            // Changing it is what an expired password is still good for.
        }
        guard !user.options.locksPassword else {
            throw IdentityError.invalid(
                "You cannot change your password at this time due to password policy disallowing password changes. "
                    + "Please contact your administrator to reset your password.")
        }
        try await checkHistory(new, of: user)
        guard let password = try await makePassword(Secret(new.reveal())) else { throw IdentityError.lacking("password", in: "user") }
        let (rules, lifetime) = (options.securityCompliance, longestTokenUse)
        try await database.write { [generations = tokens.generations] transaction in
            // Between the check and now somebody else may have changed it: then that change stands.
            guard try UserRecords.find(userID, transaction)?.password?.hash == user.password?.hash else {
                throw IdentityError.unauthorized
            }
            try UserRecords.setPassword(password, of: userID, keeping: rules.uniqueLastPasswordCount - 1, transaction)
            try RevocationRecords.insert(.user(userID), at: .now, usefulFor: lifetime, transaction)
            transaction.onCommit { generations.advance(user: userID) }
        }
    }

    private func checkHistory(_ password: Secret<String>, of user: User) async throws {
        let count = options.securityCompliance.uniqueLastPasswordCount
        guard count > 0 else { return }
        let previous = try await database.read { try UserRecords.previousHashes(of: user.id, most: count - 1, $0) }
        for hash in [user.password?.hash].compactMap({ $0 }) + previous
        where try await hashing({ try await $0.verify(password, against: hash) }) {
            throw IdentityError.invalid(
                "Password validation error: The new password cannot be identical to a previous password. The total number "
                    + "which includes the new password must be unique is \(count).")
        }
    }

    /// A password as it is stored; nil when none is mentioned.
    private func makePassword(_ password: Secret<String?>?) async throws -> Password? {
        guard let password else { return nil }
        guard let text = password.reveal() else { return Password(hash: nil, createdAt: .now) }
        return Password(hash: try await hashing { try await $0.hash(Secret(text)) }, createdAt: .now)
    }

    /// The default project need not exist, but must not be a domain.
    private static func checkDefaultProject(_ user: User, _ reader: any Reader) throws {
        guard let id = user.defaultProjectID, try ProjectRecords.domain(.id(id), reader) != nil else { return }
        throw IdentityError.invalid("User's default project ID cannot be a domain ID: \(id)")
    }
}
