import CloudStore

extension Identity {
    /// The tables of unified limits, domains' configuration and the filters of the catalog.
    static let limitTables = unifiedLimitTables + domainConfigTables + endpointFilterTables

    private static let unifiedLimitTables: [SQL] = [
        """
        CREATE TABLE identity_registered_limits (
            id TEXT PRIMARY KEY,
            service_id TEXT NOT NULL REFERENCES identity_services (id),
            region_id TEXT REFERENCES identity_regions (id),
            resource_name TEXT NOT NULL,
            default_limit BIGINT NOT NULL,
            description TEXT
        )
        """,
        // A key over the columns themselves would take two limits without a region for different ones.
        """
        CREATE UNIQUE INDEX identity_registered_limits_unique ON identity_registered_limits
            (service_id, COALESCE(region_id, ''), resource_name)
        """,
        "CREATE INDEX identity_registered_limits_by_region ON identity_registered_limits (region_id)",
        """
        CREATE TABLE identity_limits (
            id TEXT PRIMARY KEY,
            registered_limit_id TEXT NOT NULL REFERENCES identity_registered_limits (id),
            project_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            domain_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            resource_limit BIGINT NOT NULL,
            description TEXT,
            CHECK ((project_id IS NULL) <> (domain_id IS NULL))
        )
        """,
        """
        CREATE UNIQUE INDEX identity_limits_unique ON identity_limits
            (registered_limit_id, COALESCE(project_id, ''), COALESCE(domain_id, ''))
        """,
        "CREATE INDEX identity_limits_by_project ON identity_limits (project_id)",
        "CREATE INDEX identity_limits_by_domain ON identity_limits (domain_id)",
    ]

    private static let domainConfigTables: [SQL] = [
        // A value is JSON; that of a sealed option is a Fernet token of it.
        """
        CREATE TABLE identity_domain_options (
            domain_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            option_group TEXT NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            sealed BIGINT NOT NULL,
            PRIMARY KEY (domain_id, option_group, name)
        )
        """,
    ]

    private static let endpointFilterTables: [SQL] = [
        """
        CREATE TABLE identity_project_endpoints (
            project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            endpoint_id TEXT NOT NULL REFERENCES identity_endpoints (id) ON DELETE CASCADE,
            PRIMARY KEY (project_id, endpoint_id)
        )
        """,
        "CREATE INDEX identity_project_endpoints_by_endpoint ON identity_project_endpoints (endpoint_id)",
        """
        CREATE TABLE identity_endpoint_groups (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            description TEXT,
            filters TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE identity_project_endpoint_groups (
            project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            endpoint_group_id TEXT NOT NULL REFERENCES identity_endpoint_groups (id) ON DELETE CASCADE,
            PRIMARY KEY (project_id, endpoint_group_id)
        )
        """,
        "CREATE INDEX identity_project_endpoint_groups_by_group ON identity_project_endpoint_groups (endpoint_group_id)",
    ]
}
