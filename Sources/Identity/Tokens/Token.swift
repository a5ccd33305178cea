import CloudAPI
import CloudCore
import CloudPolicy

/// A token that was found valid, with everything its views and policy checks show.
struct Token: Sendable {
    let payload: TokenPayload
    /// Whom it speaks for.
    let user: TokenUser
    let scope: TokenScope
    /// The effective roles in the scope.
    let roles: [TokenRole]
    /// What narrows it to a part of its user's rights.
    let delegation: (any DelegationView)?
    /// Whether time alone may change it, because memberships end: then it is not remembered.
    var isPassing = false
    /// The token as every service sees it, made once since every request needs it.
    let context: TokenContext
    /// The counts of changes it was read under, if it is remembered: what is made of it holds while they stay.
    var mark: Generations.Mark?

    init(payload: TokenPayload, user: TokenUser, scope: TokenScope, rights: TokenRights) {
        let user = rights.delegation?.impersonated ?? user
        (self.payload, self.user, self.scope) = (payload, user, scope)
        (roles, delegation) = (rights.roles, rights.delegation)
        var context = TokenContext(
            userID: user.id, userName: user.name, userDomainID: user.domain.id,
            projectID: scope.project?.id, projectName: scope.project?.name, projectDomainID: scope.project?.domain?.id,
            domainID: scope.domain?.id, isSystemScoped: scope.isSystem, roles: roles.map(\.name), expiresAt: payload.expiresAt)
        // Keystone's own rules also look at the token itself, and ask by `domain_id:None` whether there is a domain
        // at all. A null would match nothing, so the word that oslo.policy compares with stands in its place.
        context.credentials.attributes["token"] = Self.policyView(user, scope)
        if scope.domain == nil { context.credentials.attributes["domain_id"] = "None" }
        context.credentials.attributes.merge(delegation?.attributes ?? [:]) { $1 }
        context.accessRules = delegation?.accessRules
        self.context = context
    }

    /// The users whose changes may change it.
    var dependencies: Set<String> { (delegation?.lenders ?? []).union([payload.userID]) }

    private static func policyView(_ user: TokenUser, _ scope: TokenScope) -> JSON {
        var view: JSONObject = ["user": ["id": .string(user.id), "domain": ["id": .string(user.domain.id)]]]
        if let domain = scope.domain { view["domain"] = ["id": .string(domain.id)] }
        if let project = scope.project {
            view["project"] = ["id": .string(project.id), "domain": ["id": project.domain.map { .string($0.id) } ?? .null]]
        }
        return .object(view)
    }
}

/// A resource by id and name.
struct Named: Sendable, Hashable {
    let id: String
    let name: String
}

/// The user of a token.
struct TokenUser: Sendable, Hashable {
    let id: String
    let name: String
    let domain: Named
    let passwordExpiresAt: Timestamp?
}

/// A role in a token.
typealias TokenRole = Named

/// The scope of a token with names.
struct TokenScope: Sendable, Hashable {
    /// A project in a token. A domain scoped as a project has no domain.
    struct Project: Sendable, Hashable {
        let id: String
        let name: String
        let domain: Named?
        let isDomain: Bool
    }

    var project: Project?
    var domain: Named?
    var isSystem = false

    var isUnscoped: Bool { project == nil && domain == nil && !isSystem }
}
