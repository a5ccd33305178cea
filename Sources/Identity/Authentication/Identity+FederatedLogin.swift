import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// Logging in by the word of an identity provider.
extension Identity {
    /// Who an assertion is about. A user who exists because of such logins is made at the first one, and takes the
    /// groups and projects that the mapping names.
    /// - Throws: `IdentityError`.
    func proveFederated(_ assertion: FederatedAssertion) async throws -> Proven {
        let (settings, depth) = (options.federation, options.maximumProjectDepth)
        let conflict = IdentityError.conflict("federated_user", "Duplicate entry: another user has this name in the domain.")
        do {
            return try await writing(conflict: conflict) { [generations = tokens.generations] transaction in
                let login = FederatedLoginAttempt(
                    assertion: assertion, settings: settings, maximumProjectDepth: depth, moment: .now, transaction: transaction)
                let proven = try login.prove()
                transaction.onCommit { generations.advance(user: proven.userID) }
                return proven
            }
        } catch MappingError.missingMatch(let template) {
            throw IdentityError.refused(MappingError.missingMatch(template).description)
        } catch is MappingError {
            throw IdentityError.unauthorized
        }
    }

    /// Whether a token of a federated login may be exchanged: its provider and protocol are still in use.
    func checkStillOffered(_ login: FederatedLogin) async throws {
        try await database.read { reader in
            _ = try Self.enabledIdentityProvider(login.identityProviderID, reader)
            _ = try Self.federationProtocol(login.protocolID, of: login.identityProviderID, reader)
        }
    }

    /// - Throws: `IdentityError.refused` for a provider that is disabled.
    static func enabledIdentityProvider(_ id: String, _ reader: any Reader) throws -> IdentityProvider {
        let provider = try identityProvider(id, reader)
        guard provider.isEnabled else { throw IdentityError.refused("Identity Provider \(id) is disabled") }
        return provider
    }
}

extension AuthenticationMethod {
    /// The method of a federated protocol, for tokens' `methods`.
    static func federated(by protocolID: String) -> AuthenticationMethod {
        switch protocolID {
        case openid.rawValue: .openid
        case saml2.rawValue: .saml2
        default: .mapped
        }
    }
}

/// One federated login within its transaction.
private struct FederatedLoginAttempt {
    let assertion: FederatedAssertion
    let settings: FederationOptions
    let maximumProjectDepth: Int
    let moment: Timestamp
    let transaction: any Transaction

    private var method: AuthenticationMethod { .federated(by: assertion.protocolID) }

    func prove() throws -> Proven {
        let provider = try Identity.enabledIdentityProvider(assertion.providerID, transaction)
        let chosen = try Identity.federationProtocol(assertion.protocolID, of: provider.id, transaction)
        try checkRemoteID(chosen.remoteIDAttribute ?? settings.remoteIDAttribute, provider)
        guard let mapping = try MappingRecords.find(chosen.mappingID, transaction) else {
            throw IdentityError.notFound("mapping", id: chosen.mappingID)
        }
        let mapped = try mapping.parsed.map(assertion.attributes)
        guard mapped.user.kind == .ephemeral else {
            return Proven(userID: try localUser(mapped.user).id, methods: [method])
        }
        let groups = try groupIDs(mapped, mapping)
        let user = try shadow(mapped.user, provider)
        _ = try ExpiringMembershipRecords.replace(
            of: user.id, by: provider.id, groups, standardTTL: settings.defaultAuthorizationTTL, at: moment, transaction)
        try provision(mapped.projects, for: user, provider, removesOthers: mapping.schemaVersion.removesAssignments)
        let login = FederatedLogin(identityProviderID: provider.id, protocolID: assertion.protocolID, groupIDs: groups)
        return Proven(userID: user.id, methods: [method], federation: login)
    }

    private func checkRemoteID(_ attribute: String?, _ provider: IdentityProvider) throws {
        guard let attribute, !attribute.isEmpty, !provider.remoteIDs.isEmpty else { return }
        guard let remoteID = assertion.attributes[attribute] else { throw IdentityError.unauthorized }
        guard provider.remoteIDs.contains(remoteID) else {
            throw IdentityError.refused("Incoming identity provider identifier not included among the accepted identifiers.")
        }
    }

    /// One of this cloud's own users.
    private func localUser(_ user: MappedProperties.User) throws -> User {
        let reference: UserReference
        if let name = user.name {
            guard let domain = user.domain else { throw IdentityError.unauthorized }
            reference = .name(name, domain: domain)
        } else if let id = user.id {
            reference = .id(id)
        } else {
            throw IdentityError.unauthorized
        }
        guard let found = try reference.user(transaction) else { throw IdentityError.unauthorized }
        return found
    }

    /// The groups by id. One that is named by id must exist; one that is named by name and does not is passed over.
    private func groupIDs(_ mapped: MappedProperties, _ mapping: FederationMapping) throws -> [String] {
        let found = Set(try GroupRecords.all(mapped.groupIDs, transaction).map(\.id))
        if let missing = mapped.groupIDs.first(where: { !found.contains($0) }) {
            throw IdentityError.refused("Group \(missing) returned by mapping \(mapping.id) was not found.")
        }
        var ids = mapped.groupIDs
        for (domain, groups) in Dictionary(grouping: mapped.groupNames, by: \.domain) {
            let known = try GroupRecords.all(named: Set(groups.map(\.name)), inDomain: domainID(domain), transaction)
            ids += known.map(\.id).filter { !ids.contains($0) }
        }
        guard ids.count <= FederatedLogin.maximumGroups else {
            throw IdentityError.refused("The mapping \(mapping.id) names more than \(FederatedLogin.maximumGroups) groups.")
        }
        return ids
    }

    private func domainID(_ reference: DomainReference) throws -> String {
        guard let domain = try ProjectRecords.domain(reference, transaction) else {
            switch reference {
            case .id(let text), .name(let text): throw IdentityError.notFound("domain", id: text)
            }
        }
        return domain.id
    }

    /// The user of this login, made if it is the first.
    private func shadow(_ mapped: MappedProperties.User, _ provider: IdentityProvider) throws -> User {
        guard let name = mapped.name ?? assertion.remoteUser ?? mapped.id, !name.isEmpty else { throw IdentityError.unauthorized }
        let uniqueID = (mapped.id ?? name).split(separator: "/", omittingEmptySubsequences: false)
            .map { PercentEncoding.encode(String($0)) }.joined(separator: "/")
        let identity = FederatedIdentity(
            identityProviderID: provider.id, protocolID: assertion.protocolID, uniqueID: uniqueID)
        guard let id = try FederatedUserRecords.userID(identity, transaction) else {
            return try create(identity, name: name, email: mapped.email, domainID: mapped.domain.map(domainID) ?? provider.domainID)
        }
        guard var user = try UserRecords.find(id, transaction), user.isEnabled else { throw IdentityError.unauthorized }
        try FederatedUserRecords.rename(identity, name, transaction)
        if let email = mapped.email { user.extra["email"] = .string(email) }
        try FederatedUserRecords.noteLogin(of: id, extra: user.extra, at: moment, transaction)
        return user
    }

    private func create(_ identity: FederatedIdentity, name: String, email: String?, domainID: String) throws -> User {
        // Upstream's way, so that the same person has the same id in both clouds.
        let id = Digest.of(domainID + "user" + identity.uniqueID, .sha256).hexadecimal
        var extra = JSONObject()
        if let email { extra["email"] = .string(email) }
        try FederatedUserRecords.insertUser(id: id, domainID: domainID, extra: extra, at: moment, transaction)
        try FederatedUserRecords.insert(identity, of: id, name: name, transaction)
        return User(id: id, name: name, domainID: domainID, extra: extra, createdAt: moment)
    }
}

extension FederatedLoginAttempt {
    /// Makes the projects that do not exist, and gives the user the roles in them.
    private func provision(
        _ projects: [MappedProperties.Project], for user: User, _ provider: IdentityProvider, removesOthers: Bool
    ) throws {
        var wanted: Set<Assignment> = []
        for mapped in projects {
            let roles = try mapped.roleNames.map { try role($0, user) }
            let project = try project(mapped, provider)
            for role in roles {
                guard role.domainID == nil || role.domainID == project.domainID else {
                    throw IdentityError.refused("role: \(role.name) must be within the same domain as the identity provider: \(provider.id).")
                }
                wanted.insert(Assignment(actor: .user(user.id), target: .project(project.id), roleID: role.id, isInherited: false))
            }
        }
        if removesOthers {
            let filter = AssignmentRecords.Filter(userID: user.id, targets: [("project", nil)], isInherited: false)
            for held in try AssignmentRecords.list(filter, transaction) where !wanted.contains(held) {
                _ = try AssignmentRecords.delete(held, transaction)
            }
        }
        for assignment in wanted { try AssignmentRecords.insert(assignment, transaction) }
    }

    /// A role by its name: a global one, or one of the user's domain.
    private func role(_ name: String, _ user: User) throws -> Role {
        if let global = try RoleRecords.find(globalName: name, transaction) { return global }
        let query = ListQuery.everything.filtered("domain_id", user.domainID).filtered("name", name)
        guard let role = try RoleRecords.list(query, transaction).first else { throw IdentityError.notFound("role", id: name) }
        return role
    }

    private func project(_ mapped: MappedProperties.Project, _ provider: IdentityProvider) throws -> Project {
        let domainID = try mapped.domain.map(domainID) ?? provider.domainID
        if let found = try ProjectRecords.find(name: mapped.name, domainID: domainID, transaction) { return found }
        guard let domain = try ProjectRecords.domain(.id(domainID), transaction) else {
            throw IdentityError.notFound("domain", id: domainID)
        }
        let name = mapped.name.trimmed
        guard (1...64).contains(name.count) else {
            throw IdentityError.refused("The mapping names a project whose name has not 1 to 64 characters.")
        }
        let project = Project(id: Identifier.hex(), name: name, domainID: domainID, parentID: domainID, description: "")
        try ProjectRules.check(project, below: [domain], maximumDepth: maximumProjectDepth)
        try ProjectRecords.insert(project, transaction)
        return project
    }
}
