import CloudPolicy

/// Barbican's default rules (barbican/common/policies of 2026.2), those with scopes and default roles. Upstream admits what
/// its older rules admitted too unless `enforce_new_defaults` is set; it is, here, so the checks do without asking for it.
enum KeyManagerPolicies {
    private static func rule(_ name: String, _ check: String, _ description: String) -> PolicyRule {
        PolicyRule(name, check, scopes: [.project], description)
    }

    /// Administrators of the project, and members who made it or to whom it is not closed.
    private static func owners(_ kind: String) -> String {
        """
        rule:\(kind)_project_admin or (rule:\(kind)_project_member and rule:\(kind)_owner) \
        or (rule:\(kind)_project_member and rule:\(kind)_is_not_private)
        """
    }

    /// Those, and whom the access list names.
    private static func readers(_ kind: String) -> String { owners(kind) + " or rule:\(kind)_acl_read" }

    private static func base(_ kind: String) -> [PolicyRule] {
        [
            PolicyRule("\(kind)_project_match", "project_id:%(target.\(kind).project_id)s", "The \(kind)'s project."),
            PolicyRule("\(kind)_project_member", "role:member and rule:\(kind)_project_match", "Members of the \(kind)'s project."),
            PolicyRule("\(kind)_project_admin", "role:admin and rule:\(kind)_project_match", "Administrators of the \(kind)'s project."),
            PolicyRule("\(kind)_owner", "user_id:%(target.\(kind).creator_id)s", "Who made the \(kind)."),
            PolicyRule(
                "\(kind)_is_not_private", "True:%(target.\(kind).read_project_access)s", "Whether the \(kind) is open to its project."),
            PolicyRule("\(kind)_acl_read", "'read':%(target.\(kind).read)s", "Whom the \(kind)'s access list names."),
        ]
    }

    private static let orders: [PolicyRule] = [
        PolicyRule("order_project_match", "project_id:%(target.order.project_id)s", "The order's project."),
        PolicyRule("order_project_member", "role:member and rule:order_project_match", "Members of the order's project."),
        rule("orders:get", "role:member", "List orders."),
        rule("orders:post", "role:member", "Order keys."),
        rule("orders:put", "role:member", "Change orders, which no order allows."),
        rule("order:get", "rule:order_project_member", "Show an order."),
        rule("order:delete", "rule:order_project_member", "Delete an order."),
    ]

    private static let secrets: [PolicyRule] = [
        PolicyRule("secret_project_reader", "role:reader and rule:secret_project_match", "Readers of the secret's project."),
        rule("secrets:post", "role:member", "Store secrets."),
        rule("secrets:get", "role:member", "List secrets."),
        rule("secret:get", "role:admin or " + readers("secret"), "Show what a secret is."),
        rule("secret:decrypt", readers("secret"), "Fetch a secret's payload."),
        rule("secret:put", owners("secret"), "Give a secret its payload."),
        rule("secret:delete", "role:admin or " + owners("secret"), "Delete a secret."),
        rule("secret_meta:get", readers("secret"), "Show users' notes about a secret."),
        rule("secret_meta:post", owners("secret"), "Add a note about a secret."),
        rule("secret_meta:put", owners("secret"), "Change notes about a secret."),
        rule("secret_meta:delete", owners("secret"), "Delete a note about a secret."),
        rule("secret_acls:get", owners("secret"), "Show a secret's access list."),
        rule("secret_acls:put_patch", owners("secret"), "Change a secret's access list."),
        rule("secret_acls:delete", owners("secret"), "Delete a secret's access list."),
        rule("secret_consumers:get", readers("secret"), "List a secret's consumers."),
        rule("secret_consumers:post", readers("secret"), "Register a consumer of a secret."),
        rule("secret_consumers:delete", readers("secret"), "Remove a consumer of a secret."),
    ]

    private static let containers: [PolicyRule] = [
        rule("containers:post", "role:member", "Make containers."),
        rule("containers:get", "role:member", "List containers."),
        rule("container:get", readers("container"), "Show a container."),
        rule("container:delete", owners("container"), "Delete a container."),
        rule("container_secret:post", owners("container"), "Put a secret into a container."),
        rule("container_secret:delete", owners("container"), "Take a secret out of a container."),
        rule("container_acls:get", owners("container"), "Show a container's access list."),
        rule("container_acls:put_patch", owners("container"), "Change a container's access list."),
        rule("container_acls:delete", owners("container"), "Delete a container's access list."),
        rule("container_consumers:get", readers("container"), "List a container's consumers."),
        rule("container_consumers:post", readers("container"), "Register a consumer of a container."),
        rule("container_consumers:delete", readers("container"), "Remove a consumer of a container."),
        rule(
            "consumer:get",
            """
            role:admin or (rule:container_project_member and rule:container_owner) \
            or (rule:container_project_member and rule:container_is_not_private) or rule:container_acl_read
            """, "Show a consumer."),
    ]

    private static let administration: [PolicyRule] = [
        rule("quotas:get", "role:reader", "Show the own project's quotas."),
        rule("project_quotas:get", "role:admin", "Show projects' quotas."),
        rule("project_quotas:put", "role:admin", "Set a project's quotas."),
        rule("project_quotas:delete", "role:admin", "Give a project the default quotas."),
        rule("secretstores:get", "role:reader", "List secret stores."),
        rule("secretstores:get_global_default", "role:reader", "Show the default secret store."),
        rule("secretstores:get_preferred", "role:reader", "Show the project's preferred secret store."),
        rule("secretstore_preferred:post", "role:admin", "Prefer a secret store."),
        rule("secretstore_preferred:delete", "role:admin", "Prefer no secret store any more."),
        rule("secretstore:get", "role:reader", "Show a secret store."),
        rule("transport_key:get", "role:reader", "Show a transport key."),
        rule("transport_key:delete", "role:admin", "Delete a transport key."),
        rule("transport_keys:get", "role:reader", "List transport keys."),
        rule("transport_keys:post", "role:admin", "Add a transport key."),
    ]

    static let rules: [PolicyRule] = base("secret") + base("container") + secrets + containers + orders + administration
}
