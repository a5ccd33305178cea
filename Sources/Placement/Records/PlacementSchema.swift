import CloudCore
import CloudStore

/// Placement's tables.
enum PlacementSchema {
    static let migrations = MigrationSet(module: "placement", [
        Migration(1, "providers, inventories and allocations", [
            "CREATE TABLE placement_resource_classes (name TEXT PRIMARY KEY, number BIGINT NOT NULL UNIQUE, updated_at BIGINT NOT NULL)",
            "CREATE TABLE placement_traits (name TEXT PRIMARY KEY, updated_at BIGINT NOT NULL)",
            """
            CREATE TABLE placement_providers (
                uuid TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, generation BIGINT NOT NULL,
                parent_uuid TEXT REFERENCES placement_providers (uuid), root_uuid TEXT NOT NULL,
                created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
            """,
            "CREATE INDEX placement_providers_by_parent ON placement_providers (parent_uuid) WHERE parent_uuid IS NOT NULL",
            "CREATE INDEX placement_providers_by_root ON placement_providers (root_uuid)",
            // The key begins with the class, so that the providers of one come in the order of their UUIDs.
            """
            CREATE TABLE placement_inventories (
                resource_class TEXT NOT NULL REFERENCES placement_resource_classes (name) ON UPDATE CASCADE,
                provider_uuid TEXT NOT NULL REFERENCES placement_providers (uuid) ON DELETE CASCADE,
                total BIGINT NOT NULL, reserved BIGINT NOT NULL, min_unit BIGINT NOT NULL, max_unit BIGINT NOT NULL,
                step_size BIGINT NOT NULL, allocation_ratio DOUBLE PRECISION NOT NULL, capacity BIGINT NOT NULL,
                updated_at BIGINT NOT NULL, PRIMARY KEY (resource_class, provider_uuid))
            """,
            "CREATE INDEX placement_inventories_by_provider ON placement_inventories (provider_uuid)",
            """
            CREATE TABLE placement_consumers (
                uuid TEXT PRIMARY KEY, generation BIGINT NOT NULL, project_id TEXT NOT NULL, user_id TEXT NOT NULL,
                type TEXT, created_at BIGINT NOT NULL)
            """,
            "CREATE INDEX placement_consumers_by_project ON placement_consumers (project_id, user_id)",
            """
            CREATE TABLE placement_allocations (
                consumer_uuid TEXT NOT NULL REFERENCES placement_consumers (uuid),
                provider_uuid TEXT NOT NULL REFERENCES placement_providers (uuid),
                resource_class TEXT NOT NULL REFERENCES placement_resource_classes (name) ON UPDATE CASCADE,
                amount BIGINT NOT NULL, created_at BIGINT NOT NULL,
                PRIMARY KEY (consumer_uuid, provider_uuid, resource_class))
            """,
            // Holds the amount, so that a usage is counted from the index alone.
            "CREATE INDEX placement_allocations_by_provider ON placement_allocations (provider_uuid, resource_class, amount)",
            """
            CREATE TABLE placement_provider_traits (
                provider_uuid TEXT NOT NULL REFERENCES placement_providers (uuid) ON DELETE CASCADE,
                trait TEXT NOT NULL REFERENCES placement_traits (name), PRIMARY KEY (provider_uuid, trait))
            """,
            "CREATE INDEX placement_provider_traits_by_trait ON placement_provider_traits (trait)",
            """
            CREATE TABLE placement_provider_aggregates (
                provider_uuid TEXT NOT NULL REFERENCES placement_providers (uuid) ON DELETE CASCADE,
                aggregate_uuid TEXT NOT NULL, PRIMARY KEY (provider_uuid, aggregate_uuid))
            """,
            "CREATE INDEX placement_provider_aggregates_by_aggregate ON placement_provider_aggregates (aggregate_uuid)",
        ]),
        // Names that a later release of os-traits brings come by a migration of their own.
        Migration(2, "standard resource classes and traits", [standardClasses, standardTraits]),
        Migration(3, "counters of changes", ["CREATE TABLE placement_changes (shard TEXT PRIMARY KEY, number BIGINT NOT NULL)"]),
    ])

    /// Standard names have no change of their own; they count as old as the first release.
    private static let standardsDate = Timestamp(seconds: 1_767_225_600)

    private static var standardClasses: SQL {
        let rows = StandardResourceClasses.names.enumerated().map { number, name -> SQL in
            "(\(name), \(number), \(standardsDate))"
        }
        return "INSERT INTO placement_resource_classes (name, number, updated_at) VALUES " + rows.joined(separator: ", ")
    }

    private static var standardTraits: SQL {
        let rows = StandardTraits.names.map { name -> SQL in "(\(name), \(standardsDate))" }
        return "INSERT INTO placement_traits (name, updated_at) VALUES " + rows.joined(separator: ", ")
    }
}
