import CloudPolicy

extension ComputePolicies {
    /// The rules of quotas, usage, and the small things that hang on servers.
    static let catalog = [
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
}
