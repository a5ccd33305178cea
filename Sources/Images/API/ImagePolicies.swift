import CloudPolicy

/// Glance's default rules (glance/policies of 2026.2).
enum ImagePolicies {
    private static let member = "role:member and project_id:%(project_id)s"
    private static let visible =
        "role:reader and (project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or "
        + "'public':%(visibility)s or 'shared':%(visibility)s)"
    private static let downloadable =
        "role:member and (project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or "
        + "'public':%(visibility)s or 'shared':%(visibility)s)"

    private static func rule(_ name: String, _ check: String, _ description: String) -> PolicyRule {
        PolicyRule(name, "rule:context_is_admin or (\(check))", scopes: [.project], description)
    }

    static let rules: [PolicyRule] = [
        PolicyRule("default", "", "What has no rule of its own."),
        PolicyRule("context_is_admin", "role:admin", "Whether the caller is an administrator."),
        rule("add_image", "role:member and project_id:%(project_id)s and project_id:%(owner)s", "Create an image."),
        rule("get_image", visible, "Show an image."),
        rule("get_images", "role:reader and project_id:%(project_id)s", "List images."),
        rule("modify_image", member, "Change an image."),
        rule("delete_image", member, "Delete an image."),
        rule("upload_image", member, "Upload an image's bytes."),
        rule("download_image", downloadable, "Download an image's bytes."),
        rule("communitize_image", member, "Make an image a community image."),
        PolicyRule("publicize_image", "rule:context_is_admin", scopes: [.project], "Make an image public."),
    ]
}
