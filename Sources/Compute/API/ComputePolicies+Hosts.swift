import CloudPolicy

extension ComputePolicies {
    /// Hosts, what groups them, and what other services say.
    static let hosts: [PolicyRule] = aggregates + serverGroups + services

    private static let aggregates = [
        rule("os-aggregates:index", .admin, "List aggregates."),
        rule("os-aggregates:show", .admin, "Show an aggregate."),
        rule("os-aggregates:create", .admin, "Create an aggregate."),
        rule("os-aggregates:update", .admin, "Change an aggregate's name or availability zone."),
        rule("os-aggregates:delete", .admin, "Delete an aggregate."),
        rule("os-aggregates:add_host", .admin, "Put a host into an aggregate."),
        rule("os-aggregates:remove_host", .admin, "Take a host out of an aggregate."),
        rule("os-aggregates:set_metadata", .admin, "Set an aggregate's metadata."),
        PolicyRule(
            "compute:aggregates:images", Persona.admin.rawValue, scopes: [.project], "Bring images to an aggregate's hosts."),
        rule("os-availability-zone:list", .anyone, "List availability zones."),
        rule("os-availability-zone:detail", .admin, "List availability zones with their hosts."),
    ]

    private static let serverGroups = [
        rule("os-server-groups:index", .readerOrAdmin, "List server groups."),
        rule("os-server-groups:index:all_projects", .admin, "List the server groups of all projects."),
        rule("os-server-groups:show", .readerOrAdmin, "Show a server group."),
        rule("os-server-groups:create", .memberOrAdmin, "Create a server group."),
        rule("os-server-groups:delete", .memberOrAdmin, "Delete a server group."),
        PolicyRule(
            "compute:servers:create:requested_destination", Persona.admin.rawValue, scopes: [.project],
            "Create a server on a host that passes the filters."),
        PolicyRule(
            "compute:server:topology:index", Persona.readerOrAdmin.rawValue, scopes: [.project], "Show a server's NUMA topology."),
        PolicyRule(
            "compute:server:topology:host:index", Persona.admin.rawValue, scopes: [.project],
            "Show where on its host a server's NUMA cells are."),
    ]

    private static let services = [
        PolicyRule("service_api", "role:service", "Whether the caller is a service of the cloud."),
        PolicyRule(
            "service_or_admin", "rule:service_api or rule:context_is_admin", "A service of the cloud or an administrator."),
        rule("os-services:list", .admin, "List compute services."),
        rule("os-services:update", .admin, "Enable, disable or force down a compute service."),
        rule("os-services:delete", .admin, "Delete a compute service."),
        rule("os-hypervisors:list", .admin, "List hypervisors."),
        rule("os-hypervisors:list-detail", .admin, "List hypervisors in detail."),
        rule("os-hypervisors:show", .admin, "Show a hypervisor."),
        rule("os-hypervisors:statistics", .admin, "Sum up all hypervisors."),
        rule("os-hypervisors:uptime", .admin, "Show how long a hypervisor has been up."),
        rule("os-hypervisors:search", .admin, "Find hypervisors by a part of their names."),
        rule("os-hypervisors:servers", .admin, "List the servers of hypervisors."),
        rule("os-hosts:list", .admin, "List hosts."),
        rule("os-hosts:show", .admin, "Show a host."),
        rule("os-hosts:update", .admin, "Change a host."),
        rule("os-hosts:reboot", .admin, "Reboot a host."),
        rule("os-hosts:shutdown", .admin, "Shut a host down."),
        rule("os-hosts:start", .admin, "Start a host."),
        service("os-server-external-events:create", "Tell of events of servers."),
        service("os-assisted-volume-snapshots:create", "Snapshot a volume on its server's host."),
        service("os-assisted-volume-snapshots:delete", "Delete a snapshot of a volume on its server's host."),
    ]

    private static func service(_ name: String, _ description: String) -> PolicyRule {
        PolicyRule("os_compute_api:" + name, "rule:service_or_admin", scopes: [.project], description)
    }
}
