import CloudCore
import CloudStore

/// Roles and what they imply.
extension Identity {
    /// The fields of a role as a request names them; nil for what it does not mention.
    struct RoleFields: Sendable {
        var name: String?
        var description: JSON?
        var options: JSONObject?
        var extra: JSONObject = [:]

        func apply(to role: inout Role) {
            if let name { role.name = name }
            if let description { role.description = description.string }
            if let options { role.options.merge(options) }
            role.extra.merge(extra)
        }

        var isOnlyOptions: Bool { name == nil && description == nil && extra.isEmpty }
    }

    func role(id: String) async throws -> Role {
        guard let role = try await database.read({ try RoleRecords.find(id, $0) }) else { throw IdentityError.notFound("role", id: id) }
        return role
    }

    func listRoles(_ query: ListQuery) async throws -> Page<Role> {
        try await database.read { query.page(try RoleRecords.list(query, $0)) }
    }

    func createRole(inDomain domainID: String?, _ fields: RoleFields) async throws -> Role {
        var role = Role(id: Identifier.hex(), name: "", domainID: domainID)
        fields.apply(to: &role)
        let created = role
        try await writing(conflict: .conflict("role", "Duplicate entry found with name \(created.name)")) { transaction in
            if let domainID, try ProjectRecords.domain(.id(domainID), transaction) == nil {
                throw IdentityError.notFound("domain", id: domainID)
            }
            try RoleRecords.insert(created, transaction)
        }
        return created
    }

    func updateRole(_ id: String, _ fields: RoleFields) async throws -> Role {
        try await writing(conflict: .conflict("role", "Duplicate entry found with name \(fields.name ?? "")")) {
            [generations = tokens.generations] transaction in
            guard let old = try RoleRecords.find(id, transaction) else { throw IdentityError.notFound("role", id: id) }
            try Self.checkImmutable(old.options, fields.options, isOnlyOptions: fields.isOnlyOptions, kind: "role", id: id)
            var new = old
            fields.apply(to: &new)
            try RoleRecords.update(new, transaction)
            if old.name != new.name { transaction.onCommit { generations.advanceEveryone() } }
            return new
        }
    }

    func deleteRole(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard let role = try RoleRecords.find(id, transaction) else { throw IdentityError.notFound("role", id: id) }
            if role.isImmutable { throw IdentityError.immutable("role", id: id, verb: "delete") }
            try ApplicationCredentialRecords.deleteAll(withRole: id, transaction)
            try RoleRecords.delete(id, transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    /// Every rule of implication with its roles.
    func roleInferences() async throws -> [(prior: Role, implied: [Role])] {
        try await database.read { reader in
            let rules = try RoleRecords.implications(reader)
            let roles = Dictionary(
                uniqueKeysWithValues: try RoleRecords.all(Set(rules.flatMap { [$0.priorID, $0.impliedID] }), reader).map { ($0.id, $0) })
            return Dictionary(grouping: rules, by: \.priorID).sorted { $0.key < $1.key }.compactMap { priorID, rules in
                roles[priorID].map { ($0, rules.compactMap { roles[$0.impliedID] }) }
            }
        }
    }

    /// The roles a role implies directly.
    func impliedRoles(of roleID: String) async throws -> [Role] {
        try await database.read { reader in
            try RoleRecords.all(RoleInference(try RoleRecords.implications(reader)).implied(by: roleID), reader)
        }
    }

    /// The role that nothing may imply: who can write rules could make anybody an administrator.
    private static let prohibitedImpliedRole = "admin"

    /// Makes a role imply another.
    func imply(_ rule: ImpliedRole) async throws {
        try await writing(conflict: .conflict("implied_role", "Duplicate entry found")) { [generations = tokens.generations] transaction in
            guard let prior = try RoleRecords.find(rule.priorID, transaction) else { throw IdentityError.notFound("role", id: rule.priorID) }
            guard let implied = try RoleRecords.find(rule.impliedID, transaction) else { throw IdentityError.notFound("role", id: rule.impliedID) }
            guard implied.name != Self.prohibitedImpliedRole else { throw IdentityError.refused("\(implied.id) cannot be an implied roles.") }
            guard prior.domainID != nil || implied.domainID == nil else {
                throw IdentityError.refused("Global role cannot imply a domain-specific role")
            }
            try RoleRecords.insert(rule, transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    /// Makes a role not imply another.
    func unimply(_ rule: ImpliedRole) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try RoleRecords.delete(rule, transaction) else {
                throw IdentityError.missing("\(rule.priorID) does not imply \(rule.impliedID).")
            }
            transaction.onCommit { generations.advanceEveryone() }
        }
    }
}
