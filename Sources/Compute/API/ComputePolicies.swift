import CloudPolicy

/// Nova's default rules (nova/policies of 2026.2).
enum ComputePolicies {
    /// Who a rule admits, in nova's own base rules.
    enum Persona: String {
        case admin = "rule:context_is_admin"
        case readerOrAdmin = "rule:project_reader_or_admin"
        case memberOrAdmin = "rule:project_member_or_admin"
        case managerOrAdmin = "rule:project_manager_or_admin"
        case owner = "(rule:context_is_admin) or user_id:%(user_id)s"
        case anyone = "@"
    }

    static let rules: [PolicyRule] =
        base + servers + flavors + keyPairs + operations
        + life
        + moves
        + attachments
        + catalog
        + hosts

    private static let base = [
        PolicyRule("context_is_admin", "role:admin", "Whether the caller is an administrator."),
        PolicyRule("admin_or_owner", "is_admin:True or project_id:%(project_id)s", "Kept for operators' own policies."),
        PolicyRule("admin_api", "is_admin:True", "Kept for operators' own policies."),
        PolicyRule("project_member_api", "role:member and project_id:%(project_id)s", "A member of the resource's project."),
        PolicyRule("project_reader_api", "role:reader and project_id:%(project_id)s", "A reader of the resource's project."),
        PolicyRule("project_manager_api", "role:manager and project_id:%(project_id)s", "A manager of the resource's project."),
        PolicyRule("project_member_or_admin", "rule:project_member_api or rule:context_is_admin", "A member or an administrator."),
        PolicyRule("project_reader_or_admin", "rule:project_reader_api or rule:context_is_admin", "A reader or an administrator."),
        PolicyRule("project_manager_or_admin", "rule:project_manager_api or rule:context_is_admin", "A manager or an administrator."),
    ]

    static func rule(_ name: String, _ persona: Persona, _ description: String) -> PolicyRule {
        PolicyRule("os_compute_api:" + name, persona.rawValue, scopes: [.project], description)
    }

    private static let servers = [
        rule("servers:index", .readerOrAdmin, "List servers."),
        rule("servers:detail", .readerOrAdmin, "List servers in detail."),
        rule("servers:index:get_all_tenants", .admin, "List the servers of all projects."),
        rule("servers:detail:get_all_tenants", .admin, "List the servers of all projects in detail."),
        rule("servers:allow_all_filters", .admin, "Filter servers by administrators' attributes."),
        rule("servers:show", .readerOrAdmin, "Show a server."),
        rule("servers:show:host_status", .admin, "Show the status of a server's host."),
        rule("servers:show:host_status:unknown-only", .admin, "Show the status of a server's host when it is unknown."),
        rule("servers:create", .memberOrAdmin, "Create a server."),
        rule("servers:create:forced_host", .admin, "Create a server on a host of choice."),
        rule("servers:create:attach_network", .memberOrAdmin, "Create a server on networks of choice."),
        rule("servers:update", .memberOrAdmin, "Change a server's name or description."),
        rule("servers:delete", .memberOrAdmin, "Delete a server."),
        rule("servers:start", .memberOrAdmin, "Start a server."),
        rule("servers:stop", .memberOrAdmin, "Stop a server."),
        rule("servers:reboot", .memberOrAdmin, "Reboot a server."),
        rule("os-console-output", .memberOrAdmin, "Read a server's console."),
        rule("os-remote-consoles", .memberOrAdmin, "Make an address for a server's console."),
        rule("os-extended-server-attributes", .admin, "See a server's host and hypervisor."),
        rule("os-instance-actions:list", .readerOrAdmin, "List what was done to a server."),
        rule("os-instance-actions:show", .readerOrAdmin, "Show one thing done to a server."),
        rule("os-attach-interfaces:list", .readerOrAdmin, "List a server's interfaces."),
        rule("server-metadata:index", .readerOrAdmin, "List a server's metadata."),
        rule("server-metadata:show", .readerOrAdmin, "Show a metadata item of a server."),
        rule("server-metadata:create", .memberOrAdmin, "Add metadata to a server."),
        rule("server-metadata:update_all", .memberOrAdmin, "Replace a server's metadata."),
        rule("server-metadata:update", .memberOrAdmin, "Set a metadata item of a server."),
        rule("server-metadata:delete", .memberOrAdmin, "Remove a metadata item of a server."),
        rule("ips:index", .readerOrAdmin, "List a server's addresses."),
        rule("ips:show", .readerOrAdmin, "List a server's addresses on one network."),
        rule("os-volumes-attachments:index", .readerOrAdmin, "List a server's volumes."),
        rule("servers:show:flavor-extra-specs", .readerOrAdmin, "See the extra specs of a server's flavor."),
        rule("os-security-groups:list", .readerOrAdmin, "List a server's security groups."),
    ]

    private static let flavors = [
        rule("os-flavor-manage:create", .admin, "Create a flavor."),
        rule("os-flavor-manage:update", .admin, "Change a flavor."),
        rule("os-flavor-manage:delete", .admin, "Delete a flavor."),
        rule("os-flavor-access", .admin, "List who may use a flavor."),
        rule("os-flavor-access:add_tenant_access", .admin, "Let a project use a flavor."),
        rule("os-flavor-access:remove_tenant_access", .admin, "No longer let a project use a flavor."),
        rule("os-flavor-extra-specs:index", .readerOrAdmin, "List a flavor's extra specs."),
        rule("os-flavor-extra-specs:show", .readerOrAdmin, "Show an extra spec."),
        rule("os-flavor-extra-specs:create", .admin, "Set extra specs."),
        rule("os-flavor-extra-specs:update", .admin, "Change an extra spec."),
        rule("os-flavor-extra-specs:delete", .admin, "Remove an extra spec."),
    ]

    private static let keyPairs = [
        rule("os-keypairs:index", .owner, "List key pairs."),
        rule("os-keypairs:show", .owner, "Show a key pair."),
        rule("os-keypairs:create", .owner, "Create a key pair."),
        rule("os-keypairs:delete", .owner, "Delete a key pair."),
    ]

    private static let operations = [
        rule("extensions", .anyone, "List extensions."),
        rule("limits", .anyone, "Show the limits of one's own project."),
        rule("limits:other_project", .admin, "Show the limits of another project."),
        rule("os-quota-sets:show", .readerOrAdmin, "Show a project's quotas."),
        rule("os-quota-sets:detail", .readerOrAdmin, "Show a project's quotas and usage."),
        rule("os-quota-sets:defaults", .anyone, "Show the default quotas."),
        rule("os-quota-sets:update", .admin, "Set a project's quotas."),
        rule("os-quota-sets:delete", .admin, "Set a project's quotas back to the defaults."),
    ]
}
