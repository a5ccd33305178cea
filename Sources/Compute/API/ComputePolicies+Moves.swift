import CloudPolicy

extension ComputePolicies {
    /// What moves a server.
    static let moves = [
        rule("servers:resize", .memberOrAdmin, "Resize a server."),
        rule("servers:confirm_resize", .memberOrAdmin, "Confirm a server's resize or migration."),
        rule("servers:revert_resize", .memberOrAdmin, "Revert a server's resize or migration."),
        rule("os-migrate-server:migrate", .managerOrAdmin, "Migrate a server."),
        rule("os-migrate-server:migrate:host", .admin, "Migrate a server to a host of choice."),
        rule("os-migrate-server:migrate_live", .managerOrAdmin, "Migrate a running server."),
        rule("os-migrate-server:migrate_live:host", .admin, "Migrate a running server to a host of choice."),
        rule("os-evacuate", .admin, "Make a server of a host that is down anew on another."),
        rule("os-shelve:shelve", .memberOrAdmin, "Shelve a server."),
        rule("os-shelve:unshelve", .memberOrAdmin, "Bring a shelved server back."),
        rule("os-shelve:unshelve_to_host", .admin, "Bring a shelved server back on a host of choice."),
        rule("os-shelve:shelve_offload", .admin, "Remove a shelved server from its host."),
        rule("os-migrations:index", .managerOrAdmin, "List migrations."),
        rule("os-migrations:index:all_projects", .admin, "List the migrations of all projects."),
        rule("os-migrations:index:host", .admin, "See migrations' hosts."),
        rule("servers:migrations:index", .managerOrAdmin, "List a server's live migrations that are under way."),
        rule("servers:migrations:index:host", .admin, "See the hosts of a server's live migrations."),
        rule("servers:migrations:show", .admin, "Show a server's live migration."),
        rule("servers:migrations:force_complete", .managerOrAdmin, "Make a live migration come to its end."),
        rule("servers:migrations:delete", .managerOrAdmin, "Abort a live migration."),
    ]
}
