import CloudPolicy

/// The rules of backups, transfers, management, uploads and moves.
extension VolumePolicies {
    static let protection = backups + transfers + management + moves

    private static let backups = [
        rule("backup:get_all", .reader, "List backups."),
        rule("backup:backup_project_attribute", .admin, "See whose a backup is."),
        rule("backup:create", .member, "Create a backup."),
        rule("backup:get", .reader, "Show a backup."),
        rule("backup:update", .member, "Change a backup."),
        rule("backup:delete", .member, "Delete a backup."),
        rule("backup:restore", .member, "Restore a backup."),
        rule("backup:backup-import", .admin, "Import a backup's record."),
        rule("backup:export-import", .admin, "Export a backup's record."),
        rule("volume_extension:backup_admin_actions:reset_status", .admin, "Reset a backup's status."),
        rule("volume_extension:backup_admin_actions:force_delete", .admin, "Delete a backup by force."),
    ]

    private static let transfers = [
        rule("volume:get_all_transfers", .reader, "List transfers of volumes."),
        rule("volume:create_transfer", .member, "Offer a volume to another project."),
        rule("volume:get_transfer", .reader, "Show a transfer of a volume."),
        rule("volume:accept_transfer", .member, "Accept a volume that another project offers."),
        rule("volume:delete_transfer", .member, "Call a transfer of a volume off."),
    ]

    private static let management = [
        rule("volume_extension:list_manageable", .admin, "List the volumes that a back end keeps."),
        rule("volume_extension:volume_manage", .admin, "Take a back end's volume over."),
        rule("volume_extension:volume_unmanage", .admin, "Let a volume go without removing its bytes."),
        rule("snapshot_extension:list_manageable", .admin, "List the snapshots that a back end keeps."),
        rule("snapshot_extension:snapshot_manage", .admin, "Take a back end's snapshot over."),
        rule("snapshot_extension:snapshot_unmanage", .admin, "Let a snapshot go without removing its bytes."),
    ]

    private static let moves = [
        rule("volume_extension:volume_actions:upload_public", .admin, "Make a public image of a volume."),
        rule("volume_extension:volume_actions:upload_image", .member, "Make an image of a volume."),
        rule("volume:retype", .member, "Give a volume another type."),
        rule("volume_extension:volume_admin_actions:migrate_volume", .admin, "Migrate a volume to another back end."),
    ]
}
