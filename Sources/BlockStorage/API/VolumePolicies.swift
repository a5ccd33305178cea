import CloudPolicy

/// Cinder's default rules (cinder/policies of 29.0). Each area has a list of its own; here they are put together.
enum VolumePolicies {
    /// Who a rule admits, in Cinder's own base rules.
    enum Persona: String {
        case admin = "rule:admin_api"
        case reader = "rule:xena_system_admin_or_project_reader"
        case member = "rule:xena_system_admin_or_project_member"
    }

    /// All rules; one area a line.
    static let rules: [PolicyRule] =
        base
        + volumes
        + volumeActions
        + snapshots
        + attachments
        + catalogue
        + protection

    /// A rule under Cinder's name.
    static func rule(_ name: String, _ persona: Persona, _ description: String) -> PolicyRule {
        PolicyRule(name, persona.rawValue, description)
    }

    private static let base = [
        PolicyRule("context_is_admin", "role:admin", "Whether the caller is an administrator."),
        PolicyRule(
            "admin_api", "is_admin:True or (role:admin and is_admin_project:True) or rule:context_is_admin",
            "What administrators may do."),
        PolicyRule(
            "admin_or_owner", "rule:admin_api or project_id:%(project_id)s", "Kept for operators' own policies."),
        PolicyRule(
            "system_or_domain_or_project_admin",
            "(role:admin and system_scope:all) or (role:admin and domain_id:%(domain_id)s) or (role:admin and project_id:%(project_id)s)",
            "Kept for operators' own policies."),
        PolicyRule(
            "xena_system_admin_or_project_reader", "(role:admin) or (role:reader and project_id:%(project_id)s)",
            "A reader of the resource's project or an administrator."),
        PolicyRule(
            "xena_system_admin_or_project_member", "(role:admin) or (role:member and project_id:%(project_id)s)",
            "A member of the resource's project or an administrator."),
    ]

    private static let volumes = [
        rule("volume:create", .member, "Create a volume."),
        rule("volume:create_from_image", .member, "Create a volume from an image."),
        rule("volume:get", .reader, "Show a volume."),
        rule("volume:get_all", .reader, "List volumes, or sum them up."),
        rule("volume:update", .member, "Change a volume, or whether it is bootable."),
        rule("volume:delete", .member, "Delete a volume."),
        rule("volume:force_delete", .admin, "Delete a volume whatever its state."),
        rule("volume_extension:volume_host_attribute", .admin, "See a volume's host."),
        rule("volume_extension:volume_tenant_attribute", .reader, "See a volume's project."),
        rule("volume_extension:volume_mig_status_attribute", .admin, "See a volume's migration."),
        rule("volume_extension:volume_encryption_metadata", .reader, "Show how a volume is encrypted."),
        rule("volume:multiattach", .member, "Create a volume that several servers can have."),
        rule("volume:get_volume_metadata", .reader, "Show a volume's metadata."),
        rule("volume:create_volume_metadata", .member, "Add metadata to a volume."),
        rule("volume:update_volume_metadata", .member, "Replace a volume's metadata."),
        rule("volume:delete_volume_metadata", .member, "Remove metadata of a volume."),
        rule("volume_extension:volume_image_metadata:show", .reader, "Show the metadata of a volume's image."),
        rule("volume_extension:volume_image_metadata:set", .member, "Set metadata of a volume's image."),
        rule("volume_extension:volume_image_metadata:remove", .member, "Remove metadata of a volume's image."),
        rule("volume:update_volume_admin_metadata", .admin, "Change a volume's administrative metadata."),
    ]

    private static let volumeActions = [
        rule("volume:extend", .member, "Extend a volume."),
        rule("volume:extend_attached_volume", .member, "Extend an attached volume."),
        rule("volume_extension:volume_admin_actions:extend_volume_completion", .admin, "Complete an attached extension."),
        rule("volume:revert_to_snapshot", .member, "Set a volume back to its snapshot."),
        rule("volume_extension:volume_admin_actions:reset_status", .admin, "Reset a volume's status."),
        rule("volume:update_readonly_flag", .member, "Make a volume read-only or writable."),
        rule("volume_extension:volume_admin_actions:force_delete", .admin, "Delete a volume by force."),
        rule("volume_extension:volume_admin_actions:force_detach", .admin, "Detach a volume by force."),
        rule("volume_extension:volume_admin_actions:migrate_volume_completion", .admin, "Complete a volume's migration."),
        rule("volume_extension:volume_actions:initialize_connection", .member, "Connect a volume to a host."),
        rule("volume_extension:volume_actions:terminate_connection", .member, "Disconnect a volume from a host."),
        rule("volume_extension:volume_actions:roll_detaching", .member, "Call a detachment off."),
        rule("volume_extension:volume_actions:reserve", .member, "Reserve a volume."),
        rule("volume_extension:volume_actions:unreserve", .member, "Give a reserved volume back."),
        rule("volume_extension:volume_actions:begin_detaching", .member, "Begin to detach a volume."),
        rule("volume_extension:volume_actions:attach", .member, "Note that a volume is attached."),
        rule("volume_extension:volume_actions:detach", .member, "Note that a volume is detached."),
        rule("volume:reimage", .member, "Write an image over a volume."),
        rule("volume:reimage_reserved", .member, "Write an image over a reserved volume."),
    ]

    private static let snapshots = [
        rule("volume:get_all_snapshots", .reader, "List snapshots."),
        rule("volume_extension:extended_snapshot_attributes", .reader, "See a snapshot's project and progress."),
        rule("volume:create_snapshot", .member, "Create a snapshot."),
        rule("volume:get_snapshot", .reader, "Show a snapshot."),
        rule("volume:update_snapshot", .member, "Change a snapshot."),
        rule("volume:delete_snapshot", .member, "Delete a snapshot."),
        rule("volume:get_snapshot_metadata", .reader, "Show a snapshot's metadata."),
        rule("volume:update_snapshot_metadata", .member, "Change a snapshot's metadata."),
        rule("volume:delete_snapshot_metadata", .member, "Remove metadata of a snapshot."),
        rule("volume_extension:snapshot_admin_actions:reset_status", .admin, "Reset a snapshot's status."),
        rule("snapshot_extension:snapshot_actions:update_snapshot_status", .member, "Report on a snapshot's making."),
        rule("volume_extension:snapshot_admin_actions:force_delete", .admin, "Delete a snapshot by force."),
    ]

    private static let attachments = [
        rule("volume:attachment_create", .member, "Create an attachment."),
        rule("volume:attachment_update", .member, "Update an attachment with a connector."),
        rule("volume:attachment_delete", .member, "Delete an attachment."),
        rule("volume:attachment_complete", .member, "Complete an attachment."),
        rule("volume:multiattach_bootable_volume", .member, "Attach a bootable volume to several servers."),
    ]
}
