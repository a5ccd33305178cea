import CloudCore
import CloudStore

/// Users.
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
        /// What identity providers call the user; an empty list changes nothing, as upstream has it.
        var federated: [FederatedIdentity]?
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
        let found = try await database.read { reader in
            var user = try UserRecords.find(id, reader)
            if user != nil { user?.federated = try FederatedUserRecords.identities(of: id, reader) }
            return user
        }
        guard let user = found else { throw IdentityError.notFound("user", id: id) }
        return user.seen(options.securityCompliance)
    }

    func listUsers(_ query: ListQuery, inDomain domainID: String?) async throws -> Page<User> {
        let query = domainID.map { query.filtered("domain_id", $0) } ?? query
        return try await database.read { [rules = options.securityCompliance] reader in
            try query.checkMarker("identity_users", reader)
            return query.page(try UserRecords.list(query, reader).map { $0.seen(rules) })
        }
    }

    func createUser(inDomain domainID: String, _ fields: UserFields) async throws -> User {
        let rules = options.securityCompliance
        if let password = fields.password { try rules.checkStrength(password) }
        var user = User(id: Identifier.hex(), name: "", domainID: domainID, createdAt: .now)
        fields.apply(to: &user)
        user.password = try await makePassword(fields.password)
        user.password?.expire(rules, for: user.options, isReset: true)
        user.federated = fields.federated ?? []
        let created = user
        try await writing(conflict: .conflict("user", "Duplicate entry found with name \(created.name) at domain ID \(domainID)")) { transaction in
            guard try ProjectRecords.domain(.id(domainID), transaction) != nil else { throw IdentityError.notFound("domain", id: domainID) }
            try Self.checkDefaultProject(created, transaction)
            try UserRecords.insert(created, transaction)
            try FederatedUserRecords.replace(created.federated, of: created, transaction)
        }
        return created
    }

    func updateUser(_ id: String, _ fields: UserFields) async throws -> User {
        let (rules, lifetime) = (options.securityCompliance, longestTokenUse)
        if let password = fields.password { try rules.checkStrength(password) }
        let password = try await makePassword(fields.password)
        return try await writing(conflict: .conflict("user", "Duplicate entry found with name \(fields.name ?? "")")) {
            [generations = tokens.generations] transaction in
            guard let old = try UserRecords.find(id, transaction) else { throw IdentityError.notFound("user", id: id) }
            var new = old
            fields.apply(to: &new)
            // Whom an administrator enables counts as active from now on.
            if fields.isEnabled == true, rules.disableUserAccountDaysInactive != nil { new.lastActiveAt = .now }
            if fields.defaultProjectID != nil { try Self.checkDefaultProject(new, transaction) }
            try UserRecords.update(new, transaction)
            if let federated = fields.federated, !federated.isEmpty { try FederatedUserRecords.replace(federated, of: new, transaction) }
            if new.name != old.name { try FederatedUserRecords.rename(userID: id, new.name, transaction) }
            new.federated = try FederatedUserRecords.identities(of: id, transaction)
            if var password {
                password.expire(rules, for: new.options, isReset: true)
                try UserRecords.setPassword(password, of: id, keeping: rules.uniqueLastPasswordCount - 1, transaction)
                new.password = password
            }
            if old.isEnabled, !new.isEnabled { try ApplicationCredentialRecords.deleteAll(ofUser: id, transaction) }
            if password?.hash != nil || (old.isEnabled && !new.isEnabled) {
                try RevocationRecords.insert(.user(id), at: .now, usefulFor: lifetime, transaction)
            }
            transaction.onCommit { generations.advance(user: id) }
            return new.seen(rules)
        }
    }

    func deleteUser(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try UserRecords.find(id, transaction) != nil else { throw IdentityError.notFound("user", id: id) }
            try UserRecords.delete(id, transaction)
            transaction.onCommit { generations.advance(user: id) }
        }
    }

    /// The default project need not exist, but must not be a domain.
    private static func checkDefaultProject(_ user: User, _ reader: any Reader) throws {
        guard let id = user.defaultProjectID, try ProjectRecords.domain(.id(id), reader) != nil else { return }
        throw IdentityError.invalid("User's default project ID cannot be a domain ID: \(id)")
    }
}
