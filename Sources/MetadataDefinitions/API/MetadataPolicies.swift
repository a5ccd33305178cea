import CloudPolicy

/// Glance's default rules for metadata definitions (glance/policies/metadef.py of 2026.2).
enum MetadataPolicies {
    private static let reader = "rule:context_is_admin or (role:reader and project_id:%(project_id)s)"
    private static let visible =
        "rule:context_is_admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"

    private static func look(_ name: String, _ description: String, _ check: String = visible) -> PolicyRule {
        PolicyRule(name, check, scopes: [.project], description)
    }

    private static func change(_ name: String, _ description: String) -> PolicyRule {
        PolicyRule(name, "rule:metadef_admin", scopes: [.project], description)
    }

    static let rules: [PolicyRule] = [
        PolicyRule("metadef_default", "", "What older policy files let everybody do with metadata definitions."),
        PolicyRule("metadef_admin", "rule:context_is_admin", "Who may change metadata definitions."),
        look("get_metadef_namespace", "Show a namespace."),
        look("get_metadef_namespaces", "List namespaces.", reader),
        change("modify_metadef_namespace", "Change a namespace."),
        change("add_metadef_namespace", "Create a namespace."),
        change("delete_metadef_namespace", "Delete a namespace."),
        look("get_metadef_object", "Show an object of a namespace."),
        look("get_metadef_objects", "List the objects of a namespace."),
        change("modify_metadef_object", "Change an object of a namespace."),
        change("add_metadef_object", "Create an object in a namespace."),
        change("delete_metadef_object", "Delete an object of a namespace."),
        look("list_metadef_resource_types", "List resource types."),
        look("get_metadef_resource_type", "List the resource types of a namespace."),
        change("add_metadef_resource_type_association", "Associate a namespace with a resource type."),
        change("remove_metadef_resource_type_association", "Dissociate a namespace from a resource type."),
        look("get_metadef_property", "Show a property of a namespace."),
        look("get_metadef_properties", "List the properties of a namespace."),
        change("modify_metadef_property", "Change a property of a namespace."),
        change("add_metadef_property", "Create a property in a namespace."),
        change("remove_metadef_property", "Delete a property of a namespace."),
        look("get_metadef_tag", "Show a tag of a namespace."),
        look("get_metadef_tags", "List the tags of a namespace."),
        change("modify_metadef_tag", "Change a tag of a namespace."),
        change("add_metadef_tag", "Create a tag in a namespace."),
        change("add_metadef_tags", "Create several tags in a namespace."),
        change("delete_metadef_tag", "Delete a tag of a namespace."),
        change("delete_metadef_tags", "Delete all tags of a namespace."),
    ]
}
