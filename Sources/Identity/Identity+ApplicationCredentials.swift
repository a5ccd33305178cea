import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// Application credentials and access rules.
extension Identity {
    /// An access rule as a request names it: one there is, or what it shall admit.
    struct AccessRuleReference: Sendable {
        var id: String?
        var rule: AccessRule?
    }

    /// A credential with the roles it mentions.
    typealias DetailedCredential = (credential: ApplicationCredential, roles: [Role])

    func applicationCredential(id: String) async throws -> DetailedCredential {
        let found = try await database.read { reader -> DetailedCredential? in
            guard let credential = try ApplicationCredentialRecords.find(id, reader) else { return nil }
            return (credential, try RoleRecords.all(credential.roleIDs, reader))
        }
        guard let found else { throw IdentityError.notFound("Application Credential", id: id) }
        return found
    }

    func listApplicationCredentials(_ query: ListQuery, ofUser userID: String) async throws -> Page<DetailedCredential> {
        try await database.read { reader in
            let credentials = try ApplicationCredentialRecords.list(query, ofUser: userID, reader)
            let roles = try RoleRecords.all(Set(credentials.flatMap(\.roleIDs)), reader)
            let page = query.page(credentials)
            return Page(
                elements: page.elements.map { credential in (credential, roles.filter { credential.roleIDs.contains($0.id) }) },
                isFull: page.isFull)
        }
    }

    /// Makes a credential.
    /// - Parameters:
    ///   - roles: what it is for; none for all of `holding`.
    ///   - holding: the roles of the caller's token, beyond which no credential goes.
    func createApplicationCredential(
        _ credential: ApplicationCredential, secret: Secret<String>, roles: [DelegatedRole], rules: [AccessRuleReference],
        holding: [TokenRole]
    ) async throws -> DetailedCredential {
        var hashed = credential
        hashed.secretHash = try await hashing { try await $0.hash(secret) }
        let prepared = hashed
        return try await writing(
            conflict: .conflict("application_credential", "Duplicate entry found with name \(prepared.name)")
        ) { transaction in
            var new = prepared
            new.roleIDs = try Self.roleIDs(roles, holding: holding.map(\.id), transaction)
            new.accessRules = try rules.map { try Self.accessRule($0, ofUser: new.userID, transaction) }
            // The caller's token may have outlived what it names by a moment.
            guard try UserRecords.find(new.userID, transaction) != nil else { throw IdentityError.notFound("user", id: new.userID) }
            guard try ProjectRecords.find(new.projectID, transaction) != nil else {
                throw IdentityError.notFound("project", id: new.projectID)
            }
            let roles = try RoleRecords.all(new.roleIDs, transaction)
            guard roles.count == Set(new.roleIDs).count, !roles.isEmpty else { throw Self.unassignedRole }
            try ApplicationCredentialRecords.insert(new, transaction)
            return (new, roles)
        }
    }

    /// The roles asked for with those they imply, or all the caller has.
    private static func roleIDs(_ wanted: [DelegatedRole], holding held: [String], _ reader: any Reader) throws -> [String] {
        guard !wanted.isEmpty else { return held }
        let ids = try RoleInference(RoleRecords.implications(reader)).closure(of: wanted.map { try $0.id(reader) })
        guard Set(ids).isSubset(of: held) else { throw unassignedRole }
        return ids
    }

    private static var unassignedRole: IdentityError {
        .invalid("Invalid application credential: Cannot create an application credential with unassigned role")
    }

    /// The user's access rule that a request means: the one it names, the one that says the same, or a new one.
    private static func accessRule(
        _ reference: AccessRuleReference, ofUser userID: String, _ transaction: any Transaction
    ) throws -> StoredAccessRule {
        if let id = reference.id, let found = try AccessRuleRecords.find(id, transaction) {
            guard found.userID == userID else { throw IdentityError.notFound("Access Rule", id: id) }
            return found.rule
        }
        guard let rule = reference.rule else {
            if let id = reference.id { throw IdentityError.notFound("Access Rule", id: id) }
            throw IdentityError.lacking("service, path and method", in: "access_rules")
        }
        if let known = try AccessRuleRecords.find(rule, ofUser: userID, transaction) { return known }
        let new = StoredAccessRule(id: reference.id ?? Identifier.hex(), rule: rule)
        try AccessRuleRecords.insert(new, ofUser: userID, transaction)
        return new
    }

    func deleteApplicationCredential(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard let credential = try ApplicationCredentialRecords.find(id, transaction) else {
                throw IdentityError.notFound("Application Credential", id: id)
            }
            try ApplicationCredentialRecords.delete(id, transaction)
            transaction.onCommit { generations.advance(user: credential.userID) }
        }
    }

    func accessRule(id: String, ofUser userID: String) async throws -> StoredAccessRule {
        guard let found = try await database.read({ try AccessRuleRecords.find(id, $0) }), found.userID == userID else {
            throw IdentityError.notFound("Access Rule", id: id)
        }
        return found.rule
    }

    func listAccessRules(_ query: ListQuery, ofUser userID: String) async throws -> Page<StoredAccessRule> {
        try await database.read { query.page(try AccessRuleRecords.list(query, ofUser: userID, $0)) }
    }

    func deleteAccessRule(_ id: String, ofUser userID: String) async throws {
        try await database.write { transaction in
            guard try AccessRuleRecords.find(id, transaction)?.userID == userID else { throw IdentityError.notFound("Access Rule", id: id) }
            guard try !AccessRuleRecords.isInUse(id, transaction) else {
                throw IdentityError.refused("May not delete access rule in use")
            }
            try AccessRuleRecords.delete(id, transaction)
        }
    }
}
