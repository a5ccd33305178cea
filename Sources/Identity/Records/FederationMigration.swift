import CloudStore

/// Federation's tables.
enum FederationMigration {
    static let statements: [SQL] = providers + users

    private static let providers: [SQL] = [
        """
        CREATE TABLE identity_providers (
            id TEXT PRIMARY KEY,
            domain_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            enabled BIGINT NOT NULL,
            description TEXT,
            authorization_ttl BIGINT
        )
        """,
        "CREATE INDEX identity_providers_by_domain ON identity_providers (domain_id)",
        """
        CREATE TABLE identity_provider_remote_ids (
            remote_id TEXT PRIMARY KEY,
            idp_id TEXT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE
        )
        """,
        "CREATE INDEX identity_provider_remote_ids_by_provider ON identity_provider_remote_ids (idp_id)",
        """
        CREATE TABLE identity_federation_mappings (
            id TEXT PRIMARY KEY,
            rules TEXT NOT NULL,
            schema_version TEXT NOT NULL
        )
        """,
        // A mapping may go while protocols still name it; their logins fail from then on.
        """
        CREATE TABLE identity_federation_protocols (
            idp_id TEXT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE,
            id TEXT NOT NULL,
            mapping_id TEXT NOT NULL,
            remote_id_attribute TEXT,
            PRIMARY KEY (idp_id, id)
        )
        """,
        """
        CREATE TABLE identity_service_providers (
            id TEXT PRIMARY KEY,
            enabled BIGINT NOT NULL,
            description TEXT,
            auth_url TEXT NOT NULL,
            sp_url TEXT NOT NULL,
            relay_state_prefix TEXT NOT NULL
        )
        """,
    ]

    private static let users: [SQL] = [
        """
        CREATE TABLE identity_federated_users (
            idp_id TEXT NOT NULL,
            protocol_id TEXT NOT NULL,
            unique_id TEXT NOT NULL,
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            display_name TEXT NOT NULL,
            PRIMARY KEY (idp_id, protocol_id, unique_id),
            FOREIGN KEY (idp_id, protocol_id) REFERENCES identity_federation_protocols (idp_id, id) ON DELETE CASCADE
        )
        """,
        "CREATE INDEX identity_federated_users_by_user ON identity_federated_users (user_id)",
        // A membership ends so many minutes after the last login that named it: the provider's number, or the one
        // that was the cloud's setting at that login.
        """
        CREATE TABLE identity_expiring_group_members (
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            group_id TEXT NOT NULL REFERENCES identity_groups (id) ON DELETE CASCADE,
            idp_id TEXT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE,
            last_verified BIGINT NOT NULL,
            standard_ttl BIGINT NOT NULL,
            PRIMARY KEY (user_id, group_id, idp_id)
        )
        """,
        "CREATE INDEX identity_expiring_group_members_by_group ON identity_expiring_group_members (group_id)",
        "CREATE INDEX identity_expiring_group_members_by_provider ON identity_expiring_group_members (idp_id)",
    ]
}
