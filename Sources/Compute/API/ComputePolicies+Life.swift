import CloudPolicy

extension ComputePolicies {
    /// What is done to a server where it is.
    static let life = [
        rule("os-pause-server:pause", .memberOrAdmin, "Pause a server."),
        rule("os-pause-server:unpause", .memberOrAdmin, "Let a paused server go on."),
        rule("os-suspend-server:suspend", .memberOrAdmin, "Suspend a server."),
        rule("os-suspend-server:resume", .memberOrAdmin, "Resume a suspended server."),
        rule("os-lock-server:lock", .memberOrAdmin, "Lock a server."),
        rule("os-lock-server:unlock", .memberOrAdmin, "Unlock a server."),
        rule("os-lock-server:unlock:unlock_override", .admin, "Unlock a server that an administrator locked."),
        rule("os-rescue", .memberOrAdmin, "Rescue a server."),
        rule("os-unrescue", .memberOrAdmin, "End a server's rescue."),
        rule("os-admin-password", .memberOrAdmin, "Change the password of a server's administrator."),
        rule("os-admin-actions:reset_state", .admin, "Reset a server's state."),
        rule("os-admin-actions:inject_network_info", .admin, "Put network information into a server."),
        rule("os-deferred-delete:restore", .memberOrAdmin, "Take a server's deletion back."),
        rule("os-deferred-delete:force", .memberOrAdmin, "Delete a server at once."),
        rule("os-create-backup", .memberOrAdmin, "Make a backup of a server."),
        rule("servers:create_image", .memberOrAdmin, "Make an image of a server."),
        rule("servers:create_image:allow_volume_backed", .memberOrAdmin, "Make an image of a server on a volume."),
        rule("servers:rebuild", .memberOrAdmin, "Rebuild a server."),
        rule("servers:rebuild:trusted_certs", .memberOrAdmin, "Rebuild a server with certificates that its image is checked with."),
        rule("servers:trigger_crash_dump", .memberOrAdmin, "Have a server dump its memory."),
    ]
}
