import CloudPolicy

/// Placement's default rules (placement/policies of 2026.2).
enum PlacementPolicies {
    /// The rules' names, as endpoints refer to them.
    enum Name {
        static let providers = "placement:resource_providers"
        static let inventories = "placement:resource_providers:inventories"
        static let aggregates = "placement:resource_providers:aggregates"
        static let providerTraits = "placement:resource_providers:traits"
        static let providerUsages = "placement:resource_providers:usages"
        static let providerAllocations = "placement:resource_providers:allocations:list"
        static let classes = "placement:resource_classes"
        static let traits = "placement:traits"
        static let usages = "placement:usages"
        static let allocations = "placement:allocations"
        static let reshaper = "placement:reshaper:reshape"
        static let candidates = "placement:allocation_candidates:list"
    }

    private static let adminOrService = "rule:admin_or_service_api"

    private static func rules(_ prefix: String, _ what: String, _ verbs: [String]) -> [PolicyRule] {
        verbs.map { verb in
            PolicyRule("\(prefix):\(verb)", adminOrService, scopes: [.project], "\(verb.prefix(1).uppercased() + verb.dropFirst()) \(what).")
        }
    }

    private static let base: [PolicyRule] = [
        PolicyRule("admin_api", "role:admin", scopes: [.project], "Administrators."),
        PolicyRule("service_api", "role:service", scopes: [.project], "Other services."),
        PolicyRule("admin_or_service_api", "role:admin or role:service", scopes: [.project], "Administrators and other services."),
        PolicyRule("project_reader_api", "role:reader and project_id:%(project_id)s", "Readers of their own project."),
        PolicyRule(
            "admin_or_project_reader_or_service_api", "role:admin or rule:project_reader_api or role:service",
            scopes: [.project], "Administrators, other services, and readers of their own project."),
    ]

    static let rules: [PolicyRule] =
        base
        + rules(Name.providers, "resource providers", ["list", "create", "show", "update", "delete"])
        + rules(Name.classes, "resource classes", ["list", "create", "show", "update", "delete"])
        + rules(Name.inventories, "resource providers' inventories", ["list", "create", "show", "update", "delete"])
        + rules(Name.aggregates, "resource providers' aggregates", ["list", "update"])
        + rules(Name.providerTraits, "resource providers' traits", ["list", "update", "delete"])
        + rules(Name.traits, "traits", ["list", "show", "update", "delete"])
        + rules(Name.allocations, "allocations", ["manage", "list", "update", "delete"])
        + [
            PolicyRule(Name.providerAllocations, adminOrService, scopes: [.project], "List resource providers' allocations."),
            PolicyRule(Name.reshaper, "rule:service_api", scopes: [.project], "Reshape inventories and allocations."),
            PolicyRule(Name.candidates, adminOrService, scopes: [.project], "List allocation candidates."),
            PolicyRule(Name.providerUsages, adminOrService, scopes: [.project], "List resource providers' usages."),
            PolicyRule(
                Name.usages, "rule:admin_or_project_reader_or_service_api", scopes: [.project],
                "List a project's usages."),
        ]
}
