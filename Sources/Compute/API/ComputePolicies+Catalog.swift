import CloudPolicy

extension ComputePolicies {
    /// The rules of quotas, usage, and the small things that hang on servers.
    static let catalog = smallThings + proxies

    private static let smallThings = [
        rule("os-quota-class-sets:show", .admin, "Show a quota class."),
        rule("os-quota-class-sets:update", .admin, "Set a quota class."),
        rule("os-simple-tenant-usage:list", .admin, "Show what all projects have used."),
        rule("os-simple-tenant-usage:show", .readerOrAdmin, "Show what a project has used."),
        rule("os-instance-usage-audit-log:list", .admin, "Show the log of the last usage audits."),
        rule("os-instance-usage-audit-log:show", .admin, "Show the log of usage audits before a moment."),
        rule("os-server-tags:index", .readerOrAdmin, "List a server's tags."),
        rule("os-server-tags:show", .readerOrAdmin, "Whether a server has a tag."),
        rule("os-server-tags:update", .memberOrAdmin, "Add a tag to a server."),
        rule("os-server-tags:update_all", .memberOrAdmin, "Replace a server's tags."),
        rule("os-server-tags:delete", .memberOrAdmin, "Remove a tag of a server."),
        rule("os-server-tags:delete_all", .memberOrAdmin, "Remove all tags of a server."),
        rule("os-server-password:show", .readerOrAdmin, "Show the encrypted password that a guest has left."),
        rule("os-server-password:clear", .memberOrAdmin, "Forget the encrypted password that a guest has left."),
        rule("os-console-auth-tokens", .admin, "Show where a console token leads."),
    ]

    /// The rules of what is passed on to other services.
    private static let proxies = [
        rule("os-networks:list", .readerOrAdmin, "List networks in nova-network's form."),
        rule("os-networks:show", .readerOrAdmin, "Show a network in nova-network's form."),
        rule("os-tenant-networks:list", .readerOrAdmin, "List a project's networks in nova-network's form."),
        rule("os-tenant-networks:show", .readerOrAdmin, "Show a project's network in nova-network's form."),
        rule("os-floating-ip-pools", .anyone, "List pools of floating IPs."),
        rule("os-floating-ips:list", .readerOrAdmin, "List floating IPs in nova-network's form."),
        rule("os-floating-ips:show", .readerOrAdmin, "Show a floating IP in nova-network's form."),
        rule("os-floating-ips:create", .memberOrAdmin, "Allocate a floating IP."),
        rule("os-floating-ips:delete", .memberOrAdmin, "Release a floating IP."),
        rule("os-security-groups:get", .readerOrAdmin, "List security groups in nova-network's form."),
        rule("os-security-groups:show", .readerOrAdmin, "Show a security group in nova-network's form."),
        rule("os-security-groups:create", .memberOrAdmin, "Create a security group."),
        rule("os-security-groups:update", .memberOrAdmin, "Change a security group."),
        rule("os-security-groups:delete", .memberOrAdmin, "Delete a security group."),
        rule("os-security-groups:rule:create", .memberOrAdmin, "Add a rule to a security group."),
        rule("os-security-groups:rule:delete", .memberOrAdmin, "Remove a rule of a security group."),
        rule("os-baremetal-nodes:list", .admin, "List bare metal nodes."),
        rule("os-baremetal-nodes:show", .admin, "Show a bare metal node."),
        rule("os-volumes:list", .readerOrAdmin, "List volumes."),
        rule("os-volumes:detail", .readerOrAdmin, "List volumes in detail."),
        rule("os-volumes:show", .readerOrAdmin, "Show a volume."),
        rule("os-volumes:create", .memberOrAdmin, "Create a volume."),
        rule("os-volumes:delete", .memberOrAdmin, "Delete a volume."),
        rule("os-volumes:snapshots:list", .readerOrAdmin, "List snapshots of volumes."),
        rule("os-volumes:snapshots:detail", .readerOrAdmin, "List snapshots of volumes in detail."),
        rule("os-volumes:snapshots:show", .readerOrAdmin, "Show a snapshot of a volume."),
        rule("os-volumes:snapshots:create", .memberOrAdmin, "Create a snapshot of a volume."),
        rule("os-volumes:snapshots:delete", .memberOrAdmin, "Delete a snapshot of a volume."),
    ]
}
