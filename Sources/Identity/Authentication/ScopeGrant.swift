import CloudCore
import CloudStore

/// The scope a token is made for, with what comes with it.
struct ScopeGrant: Sendable {
    var scope: Scope
    /// What the scope or the proof narrows the token to.
    var delegation: Delegation?
    /// When what lends the scope ends.
    var expiresAt: Timestamp?
    /// Whether the user's rules about methods are satisfied.
    var isEnough = true

    init(_ scope: Scope, delegation: Delegation? = nil, expiresAt: Timestamp? = nil) {
        (self.scope, self.delegation, self.expiresAt) = (scope, delegation, expiresAt)
    }

    /// The scope asked for, or the user's default project where none was and it is usable. Whether the user has
    /// roles there is found out when the token is made.
    /// - Throws: `IdentityError.unauthorized` for what does not exist or is disabled.
    init(_ requested: RequestedScope, for user: User, _ proven: Proven, _ reader: any Reader) throws {
        if let forced = proven.forcedScope {
            self.init(forced, delegation: proven.delegation)
            return
        }
        switch requested {
        case .unscoped: self.init(.unscoped, delegation: proven.delegation)
        case .system: self.init(.system, delegation: proven.delegation)
        case .domain(let reference):
            guard let domain = try ProjectRecords.domain(reference, reader) else { throw IdentityError.unauthorized }
            self.init(.domain(domain.id), delegation: proven.delegation)
        case .project(let reference): self.init(.project(try Self.projectID(reference, reader)), delegation: proven.delegation)
        case .trust(let id): self = try Self.trust(id, for: user, proven, reader)
        case .automatic:
            let scope = proven.federation == nil ? try Self.defaultScope(of: user, reader) : .unscoped
            self.init(scope, delegation: proven.delegation)
        }
    }

    /// The project or none that a trust lends its trustee.
    /// - Throws: `IdentityError.refused` with the reason for the trustee, who knows of the trust anyway.
    private static func trust(_ id: String, for user: User, _ proven: Proven, _ reader: any Reader) throws -> ScopeGrant {
        let now = Timestamp.now
        guard proven.delegation == nil, let trust = try TrustRecords.find(id, reader), trust.isUsable(at: now),
            let ancestors = try TrustRecords.ancestors(of: trust, at: now, reader)
        else { throw IdentityError.unauthorized }
        guard trust.trusteeID == user.id else { throw IdentityError.refused("User is not a trustee.") }
        guard try TokenRecords.user(trust.trustorID, reader) != nil else { throw IdentityError.refused("Trustor is disabled.") }
        guard try ancestors.allSatisfy({ try TokenRecords.user($0.trusteeID, reader) != nil }) else {
            throw IdentityError.refused("One of the trust agents is disabled or deleted")
        }
        guard try TrustRecords.lentRoles(trust, by: ancestors.last?.trustorID ?? trust.trustorID, reader) != nil else {
            throw IdentityError.refused("Trustee has no delegated roles.")
        }
        let scope: Scope = trust.projectID.map { .project($0) } ?? .unscoped
        return ScopeGrant(scope, delegation: .trust(id), expiresAt: trust.expiresAt)
    }

    /// Domains are no scope of this kind, though they are projects too.
    private static func projectID(_ reference: Reference, _ reader: any Reader) throws -> String {
        switch reference {
        case .id(let id):
            guard let project = try ProjectRecords.find(id, reader), !project.isDomain else { throw IdentityError.unauthorized }
            return id
        case .name(let name, let domain):
            guard let domain = try domain.flatMap({ try ProjectRecords.domain($0, reader) }), domain.isEnabled,
                let project = try ProjectRecords.find(name: name, domainID: domain.id, reader)
            else { throw IdentityError.unauthorized }
            return project.id
        }
    }

    private static func defaultScope(of user: User, _ reader: any Reader) throws -> Scope {
        guard let id = user.defaultProjectID, let project = try ProjectRecords.find(id, reader), project.isEnabled,
            let domain = try ProjectRecords.domain(.id(project.effectiveDomainID), reader), domain.isEnabled,
            try !TokenRecords.effectiveRoles(user: user.id, in: .project(id), reader).isEmpty
        else { return .unscoped }
        return .project(id)
    }
}
