import CloudPolicy

/// The pieces from which Keystone's default rules are made (keystone/common/policies/base.py of 2026.2).
enum Check {
    static let admin = "rule:admin_required"
    static let systemReader = "role:reader and system_scope:all"
    static let adminOrSystemReader = "rule:admin_required or (role:reader and system_scope:all)"
}

extension Set<PolicyScope> {
    static let everyScope: Set<PolicyScope> = [.system, .domain, .project]
    static let systemOrProject: Set<PolicyScope> = [.system, .project]
}

extension Identity {
    static let baseRules = [
        PolicyRule("admin_required", "role:admin or is_admin:1", "Administrators."),
        PolicyRule("service_role", "role:service", "Services of the cloud."),
        PolicyRule("service_or_admin", "rule:admin_required or rule:service_role", "Services and administrators."),
        PolicyRule("owner", "user_id:%(user_id)s", "The user the path names."),
        PolicyRule("admin_or_owner", "rule:admin_required or rule:owner", "Administrators and the user the path names."),
        PolicyRule("token_subject", "user_id:%(target.token.user_id)s", "The user of the token asked about."),
        PolicyRule("admin_or_token_subject", "rule:admin_required or rule:token_subject", "Administrators and the user of the token asked about."),
        PolicyRule(
            "service_admin_or_token_subject", "rule:service_or_admin or rule:token_subject",
            "Services, administrators and the user of the token asked about."),
        PolicyRule(
            "domain_managed_target_role",
            "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
            "The roles a domain's manager may give and take."),
    ]

    /// One of Identity's rules by its short name, for tokens of some scopes.
    static func rule(_ name: String, _ check: String, _ scopes: Set<PolicyScope>, _ description: String) -> PolicyRule {
        PolicyRule("identity:\(name)", check, scopes: scopes, description)
    }

    /// One of Identity's rules by its short name, for tokens of every scope.
    static func rule(_ name: String, _ check: String, _ description: String) -> PolicyRule {
        rule(name, check, .everyScope, description)
    }
}
