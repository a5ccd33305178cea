import CloudPolicy

/// Glance's default rules (glance/policies of 2026.2).
enum ImagePolicies {
    private static let member = "role:member and project_id:%(project_id)s"
    private static let reader = "role:reader and project_id:%(project_id)s"
    private static let imageMember = "project_id:%(member_id)s"
    private static let open =
        "(project_id:%(project_id)s or \(imageMember) or 'community':%(visibility)s or 'public':%(visibility)s or "
        + "'shared':%(visibility)s)"
    private static let membership = "role:reader and (project_id:%(project_id)s or \(imageMember))"

    /// A rule that admits administrators beside those of the check.
    static func rule(_ name: String, _ check: String, _ description: String) -> PolicyRule {
        PolicyRule(name, "rule:context_is_admin or (\(check))", scopes: [.project], description)
    }

    /// A rule for administrators.
    static func admin(_ name: String, _ description: String) -> PolicyRule {
        PolicyRule(name, "rule:context_is_admin", scopes: [.project], description)
    }

    static let rules: [PolicyRule] = base + images + locations + members + stores + cache + tasks

    private static let base: [PolicyRule] = [
        PolicyRule("default", "", "What has no rule of its own."),
        PolicyRule("context_is_admin", "role:admin", "Whether the caller is an administrator."),
        PolicyRule("service_api", "role:service or role:admin", "Whether another service asks."),
    ]

    private static let images: [PolicyRule] = [
        rule("add_image", "\(member) and project_id:%(owner)s", "Create an image."),
        rule("get_image", "role:reader and \(open)", "Show an image."),
        rule("get_images", reader, "List images."),
        rule("modify_image", member, "Change an image."),
        rule("delete_image", member, "Delete an image."),
        rule("upload_image", member, "Upload an image's bytes."),
        rule("download_image", "role:member and \(open)", "Download an image's bytes."),
        rule("download_from_store", "role:member and \(open)", "Download an image's bytes from a store of the caller's choice."),
        rule("communitize_image", member, "Make an image a community image."),
        admin("publicize_image", "Make an image public."),
        rule("deactivate", member, "Deactivate an image."),
        rule("reactivate", member, "Reactivate an image."),
        admin("copy_image", "Copy an image to further stores."),
    ]

    private static let locations: [PolicyRule] = [
        rule("get_image_location", reader, "See where an image's bytes are."),
        rule("set_image_location", member, "Say where an image's bytes are, in a change of the image."),
        admin("delete_image_location", "Remove one of the places of an image's bytes."),
        PolicyRule(
            "add_image_location", "rule:service_api or (\(member) and project_id:%(owner)s)", scopes: [.project],
            "Say where an image's bytes are."),
        PolicyRule(
            "fetch_image_location", "rule:service_api", scopes: [.project], "List the places of an image's bytes."),
    ]

    private static let members: [PolicyRule] = [
        rule("add_member", member, "Share an image with a project."),
        rule("delete_member", member, "Stop sharing an image with a project."),
        rule("get_member", membership, "Show a project that an image is shared with."),
        rule("get_members", membership, "List the projects that an image is shared with."),
        rule("modify_member", "role:member and \(imageMember)", "Accept or reject an image that is shared with the caller's project."),
    ]

    private static let stores: [PolicyRule] = [
        rule("stores_info_detail", "rule:service_api", "See how stores are set up."),
    ]

    private static let cache: [PolicyRule] = [
        admin("manage_image_cache", "Manage the cache."),
        admin("list_cached_nodes", "List the nodes that have an image in their cache."),
        admin("cache_image", "Queue an image for the cache."),
        admin("cache_list", "Show what the cache holds."),
        admin("cache_delete", "Remove images from the cache or its queue."),
        admin("cache_clean", "Remove what is broken or stalled from the cache."),
        admin("cache_prune", "Make the cache smaller."),
    ]

    private static let tasks: [PolicyRule] = [
        PolicyRule("get_task", "rule:default", scopes: [.project], "Show a task, within other operations."),
        PolicyRule("get_tasks", "rule:default", scopes: [.project], "List tasks, within other operations."),
        PolicyRule("add_task", "rule:default", scopes: [.project], "Create a task, within other operations."),
        PolicyRule("modify_task", "rule:default", scopes: [.project], "Change a task; nothing asks for it."),
        admin("tasks_api_access", "Use the tasks API."),
    ]
}
