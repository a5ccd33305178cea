import CloudStore

extension Identity {
    /// Identity's tables.
    public static let migrations = MigrationSet(module: "identity", [
        Migration(1, "domains, projects and their tags", projectTables),
        Migration(2, "users, passwords and groups", userTables),
        Migration(3, "roles and assignments", roleTables),
        Migration(4, "regions, services and endpoints", catalogTables),
        Migration(5, "revocation events", revocationTables),
        Migration(6, "one-time passwords that were tried", PasscodeRecords.tables),
        Migration(7, "trusts, application credentials and access rules", trustTables),
        Migration(8, "credentials, OAuth and policies", CredentialMigration.tables),
        Migration(9, "limits, domains' configuration and filters of the catalog", limitTables),
        Migration(10, "federation", FederationMigration.statements),
        Migration(11, "who chose a password", complianceTables),
        Migration(12, "when trusts ended", trustEndings),
    ])

    private static let projectTables: [SQL] = [
        """
        CREATE TABLE identity_projects (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            domain_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            parent_id TEXT REFERENCES identity_projects (id),
            is_domain BIGINT NOT NULL,
            enabled BIGINT NOT NULL,
            description TEXT,
            extra TEXT NOT NULL,
            options TEXT NOT NULL,
            CHECK ((is_domain = 1) = (domain_id IS NULL)),
            UNIQUE (domain_id, name)
        )
        """,
        // Domains have no domain of their own, so the key above does not tell them apart.
        "CREATE UNIQUE INDEX identity_domains_by_name ON identity_projects (name) WHERE is_domain = 1",
        "CREATE INDEX identity_projects_by_parent ON identity_projects (parent_id)",
        """
        CREATE TABLE identity_project_tags (
            project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            PRIMARY KEY (project_id, name)
        )
        """,
        "CREATE INDEX identity_project_tags_by_name ON identity_project_tags (name)",
    ]

    private static let userTables: [SQL] = [
        """
        CREATE TABLE identity_users (
            id TEXT PRIMARY KEY,
            domain_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            enabled BIGINT NOT NULL,
            default_project_id TEXT,
            extra TEXT NOT NULL,
            options TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            last_active_at BIGINT
        )
        """,
        "CREATE INDEX identity_users_by_domain ON identity_users (domain_id)",
        "CREATE INDEX identity_users_by_default_project ON identity_users (default_project_id)",
        // Users who log in here; those of identity providers will have tables of their own.
        """
        CREATE TABLE identity_local_users (
            user_id TEXT PRIMARY KEY REFERENCES identity_users (id) ON DELETE CASCADE,
            domain_id TEXT NOT NULL,
            name TEXT NOT NULL,
            password_hash TEXT,
            password_created_at BIGINT,
            password_expires_at BIGINT,
            failed_auth_count BIGINT NOT NULL,
            failed_auth_at BIGINT,
            UNIQUE (domain_id, name)
        )
        """,
        """
        CREATE TABLE identity_password_history (
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            created_at BIGINT NOT NULL,
            password_hash TEXT NOT NULL,
            PRIMARY KEY (user_id, created_at)
        )
        """,
        """
        CREATE TABLE identity_groups (
            id TEXT PRIMARY KEY,
            domain_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            description TEXT,
            extra TEXT NOT NULL,
            UNIQUE (domain_id, name)
        )
        """,
        """
        CREATE TABLE identity_group_members (
            group_id TEXT NOT NULL REFERENCES identity_groups (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            PRIMARY KEY (group_id, user_id)
        )
        """,
        "CREATE INDEX identity_group_members_by_user ON identity_group_members (user_id)",
    ]

    private static let roleTables: [SQL] = [
        """
        CREATE TABLE identity_roles (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            domain_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            description TEXT,
            options TEXT NOT NULL,
            extra TEXT NOT NULL,
            UNIQUE (domain_id, name)
        )
        """,
        "CREATE UNIQUE INDEX identity_global_roles_by_name ON identity_roles (name) WHERE domain_id IS NULL",
        """
        CREATE TABLE identity_implied_roles (
            prior_role_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
            implied_role_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
            PRIMARY KEY (prior_role_id, implied_role_id)
        )
        """,
        "CREATE INDEX identity_implied_roles_by_implied ON identity_implied_roles (implied_role_id)",
        // project_id names the domain where the target is one: domains are projects.
        """
        CREATE TABLE identity_assignments (
            user_id TEXT REFERENCES identity_users (id) ON DELETE CASCADE,
            group_id TEXT REFERENCES identity_groups (id) ON DELETE CASCADE,
            target TEXT NOT NULL CHECK (target IN ('project', 'domain', 'system')),
            project_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            role_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
            inherited BIGINT NOT NULL,
            CHECK ((user_id IS NULL) <> (group_id IS NULL)),
            CHECK ((target = 'system') = (project_id IS NULL))
        )
        """,
        """
        CREATE UNIQUE INDEX identity_assignments_unique ON identity_assignments
            (COALESCE(user_id, ''), COALESCE(group_id, ''), target, COALESCE(project_id, ''), role_id, inherited)
        """,
        "CREATE INDEX identity_assignments_by_user ON identity_assignments (user_id)",
        "CREATE INDEX identity_assignments_by_group ON identity_assignments (group_id)",
        "CREATE INDEX identity_assignments_by_project ON identity_assignments (project_id)",
        "CREATE INDEX identity_assignments_by_role ON identity_assignments (role_id)",
    ]

    private static let catalogTables: [SQL] = [
        """
        CREATE TABLE identity_regions (
            id TEXT PRIMARY KEY,
            parent_region_id TEXT REFERENCES identity_regions (id) ON DELETE CASCADE,
            description TEXT NOT NULL,
            extra TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE identity_services (
            id TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            name TEXT NOT NULL,
            enabled BIGINT NOT NULL,
            extra TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE identity_endpoints (
            id TEXT PRIMARY KEY,
            interface TEXT NOT NULL,
            service_id TEXT NOT NULL REFERENCES identity_services (id) ON DELETE CASCADE,
            region_id TEXT REFERENCES identity_regions (id),
            url TEXT NOT NULL,
            enabled BIGINT NOT NULL,
            extra TEXT NOT NULL
        )
        """,
        "CREATE INDEX identity_endpoints_by_service ON identity_endpoints (service_id)",
        "CREATE INDEX identity_endpoints_by_region ON identity_endpoints (region_id)",
        // The types of the services that a start of the program put into the catalog, so that what an operator
        // deleted stays deleted.
        "CREATE TABLE identity_bootstrapped_services (type TEXT PRIMARY KEY)",
    ]

    private static let revocationTables: [SQL] = [
        // An event with an audit id ends one token, one with a chain id all tokens made from a login, one with a
        // user all the user's tokens issued before. It is of use until the last such token has ended.
        """
        CREATE TABLE identity_revocation_events (
            id TEXT PRIMARY KEY,
            audit_id TEXT,
            audit_chain_id TEXT,
            user_id TEXT,
            issued_before BIGINT NOT NULL,
            revoked_at BIGINT NOT NULL,
            useful_until BIGINT NOT NULL
        )
        """,
        "CREATE INDEX identity_revocations_by_audit ON identity_revocation_events (audit_id)",
        "CREATE INDEX identity_revocations_by_chain ON identity_revocation_events (audit_chain_id)",
        "CREATE INDEX identity_revocations_by_user ON identity_revocation_events (user_id)",
        "CREATE INDEX identity_revocations_by_use ON identity_revocation_events (useful_until)",
    ]
}
