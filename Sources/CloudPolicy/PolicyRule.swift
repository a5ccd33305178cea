import CloudCore

/// The scopes a token can have (oslo.policy's scope_types).
public enum PolicyScope: String, Sendable, Hashable, CaseIterable {
    case system, domain, project
}

/// A named default rule, as a service registers it (oslo.policy's DocumentedRuleDefault).
public struct PolicyRule: Sendable, Hashable {
    /// The rule's name, such as "identity:create_project".
    public let name: String
    /// The check in oslo.policy's language; the empty string allows everyone.
    public let check: String
    /// The token scopes that may use it; empty when any may.
    public let scopes: Set<PolicyScope>
    /// What it governs, for `altostack policy list`.
    public let description: String

    /// A rule with its upstream default.
    public init(_ name: String, _ check: String, scopes: Set<PolicyScope> = [], _ description: String) {
        (self.name, self.check, self.scopes, self.description) = (name, check, scopes, description)
    }
}

/// Who asks: the attributes of a token that checks may refer to.
public struct PolicyCredentials: Sendable, Hashable {
    /// The attributes by their oslo.context names: user_id, user_domain_id, project_id, project_domain_id,
    /// domain_id, system_scope, is_admin, trust_id … A rule's left side looks here; dots reach into objects.
    public var attributes: [String: JSON]
    /// The role names, lower case.
    public var roles: Set<String>
    /// The token's scope; nil for an unscoped token.
    public var scope: PolicyScope?

    /// The credentials of a token.
    public init(attributes: [String: JSON], roles: Set<String>, scope: PolicyScope?) {
        (self.attributes, self.roles, self.scope) = (attributes, Set(roles.map { $0.lowercased() }), scope)
    }
}

/// What is acted on: the attributes that `%(name)s` refers to, flat with dotted names
/// (`target.project.domain_id`), such as `["project_id": "…"]`.
public typealias PolicyTarget = [String: JSON]
