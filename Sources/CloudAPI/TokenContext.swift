import CloudCore
import CloudPolicy

/// Who a token speaks for. Identity makes it; every service reads it.
public struct TokenContext: Sendable {
    /// The user.
    public var userID: String
    /// The user's name.
    public var userName: String
    /// The user's domain.
    public var userDomainID: String
    /// The project the token is scoped to.
    public var projectID: String?
    /// That project's name.
    public var projectName: String?
    /// That project's domain.
    public var projectDomainID: String?
    /// The domain the token is scoped to.
    public var domainID: String?
    /// Whether the token is scoped to the system.
    public var isSystemScoped: Bool
    /// The effective role names in this scope.
    public var roles: [String]
    /// When the token ends.
    public var expiresAt: Timestamp
    /// The attributes as policy checks see them.
    public var credentials: PolicyCredentials
    /// The only requests the token is good for; nil for a token without such limits.
    public var accessRules: [AccessRule]?

    /// Whether the token holds the admin role in its scope.
    public var isAdmin: Bool { credentials.roles.contains("admin") }

    /// A token's context.
    public init(
        userID: String, userName: String, userDomainID: String,
        projectID: String? = nil, projectName: String? = nil, projectDomainID: String? = nil,
        domainID: String? = nil, isSystemScoped: Bool = false, roles: [String], expiresAt: Timestamp
    ) {
        (self.userID, self.userName, self.userDomainID) = (userID, userName, userDomainID)
        (self.projectID, self.projectName, self.projectDomainID) = (projectID, projectName, projectDomainID)
        (self.domainID, self.isSystemScoped, self.roles, self.expiresAt) = (domainID, isSystemScoped, roles, expiresAt)
        let attributes: [String: String?] = [
            "user_id": userID, "user_domain_id": userDomainID, "project_id": projectID, "tenant_id": projectID,
            "project_domain_id": projectDomainID, "domain_id": domainID, "system_scope": isSystemScoped ? "all" : nil,
        ]
        let scope: PolicyScope? = isSystemScoped ? .system : domainID != nil ? .domain : projectID != nil ? .project : nil
        credentials = PolicyCredentials(
            attributes: attributes.compactMapValues { $0.map { JSON.string($0) } }, roles: Set(roles), scope: scope)
    }
}

extension TokenContext {
    /// Whether the token is good for a request. Rules may name the path with or without the service's own prefix.
    func admits(_ method: String, _ path: RequestPath, of service: ServiceAPI) -> Bool {
        guard let accessRules else { return true }
        let whole = "/" + path.raw.split(separator: "/").joined(separator: "/")
        let paths = whole.hasPrefix(service.path + "/") ? [whole, String(whole.dropFirst(service.path.count))] : [whole]
        return accessRules.contains { rule in
            paths.contains { rule.admits(service: service.type, method: method, path: $0) }
        }
    }
}

/// Turns the text of `X-Auth-Token` into whom it speaks for. Identity implements it; the composition root passes it.
public protocol TokenAuthenticator: Sendable {
    /// The token's context; nil when it is unknown, expired or revoked.
    func authenticate(_ token: Secret<String>) async throws -> TokenContext?
}
