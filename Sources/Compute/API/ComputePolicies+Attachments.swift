import CloudPolicy

extension ComputePolicies {
    /// What servers are made with and what is attached to them.
    static let attachments: [PolicyRule] = [
        rule("servers:create:attach_volume", .memberOrAdmin, "Create a server with block devices."),
        rule("servers:create:trusted_certs", .memberOrAdmin, "Create a server whose image's signature is checked."),
        rule("servers:create:zero_disk_flavor", .admin, "Create a server from an image with a flavor without a disk."),
        PolicyRule(
            "network:attach_external_network", Persona.admin.rawValue, scopes: [.project], "Create a server on an external network."),
        rule("os-instance-actions:events", .admin, "See the events of what was done to a server."),
        rule("os-instance-actions:events:details", .admin, "See what went wrong in events."),
        rule("os-attach-interfaces:show", .readerOrAdmin, "Show an interface of a server."),
        rule("os-attach-interfaces:create", .memberOrAdmin, "Give a server an interface."),
        rule("os-attach-interfaces:delete", .memberOrAdmin, "Take an interface from a server."),
        rule("os-multinic:add", .memberOrAdmin, "Give a server an address."),
        rule("os-multinic:remove", .memberOrAdmin, "Take an address from a server."),
        rule("os-floating-ips:add", .memberOrAdmin, "Lead a floating IP to a server."),
        rule("os-floating-ips:remove", .memberOrAdmin, "Lead a floating IP away from a server."),
        rule("os-security-groups:add", .memberOrAdmin, "Put a server into a security group."),
        rule("os-security-groups:remove", .memberOrAdmin, "Take a server out of a security group."),
        rule("os-volumes-attachments:show", .readerOrAdmin, "Show a volume of a server."),
        rule("os-volumes-attachments:create", .memberOrAdmin, "Attach a volume to a server."),
        rule("os-volumes-attachments:update", .memberOrAdmin, "Change a volume of a server."),
        rule("os-volumes-attachments:delete", .memberOrAdmin, "Detach a volume from a server."),
        PolicyRule(
            "os_compute_api:os-volumes-attachments:swap", "role:service or rule:context_is_admin", scopes: [.project],
            "Swap a volume of a server."),
        rule("os-server-diagnostics", .admin, "Show what a server has used."),
        rule("os-server-shares:index", .readerOrAdmin, "List a server's shares."),
        rule("os-server-shares:show", .readerOrAdmin, "Show a share of a server."),
        rule("os-server-shares:create", .memberOrAdmin, "Attach a share to a server."),
        rule("os-server-shares:delete", .memberOrAdmin, "Detach a share from a server."),
    ]
}
