import CloudStore

/// The tables of credentials, OAuth 1.0a, policies and what policies are for. Columns named `sealed_…` hold what the
/// credential keys encrypted.
enum CredentialMigration {
    static let tables: [SQL] = credentials + oauth + policies

    private static let credentials: [SQL] = [
        """
        CREATE TABLE identity_credentials (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            project_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            type TEXT NOT NULL,
            sealed_blob TEXT NOT NULL,
            extra TEXT NOT NULL
        )
        """,
        "CREATE INDEX identity_credentials_by_user ON identity_credentials (user_id, type)",
        "CREATE INDEX identity_credentials_by_project ON identity_credentials (project_id)",
    ]

    private static let oauth: [SQL] = [
        """
        CREATE TABLE identity_oauth_consumers (
            id TEXT PRIMARY KEY,
            description TEXT,
            sealed_secret TEXT NOT NULL,
            extra TEXT NOT NULL
        )
        """,
        // Without a user until somebody authorises it; then with the roles that were lent, as a list of ids.
        """
        CREATE TABLE identity_oauth_request_tokens (
            id TEXT PRIMARY KEY,
            consumer_id TEXT NOT NULL REFERENCES identity_oauth_consumers (id) ON DELETE CASCADE,
            project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            sealed_secret TEXT NOT NULL,
            user_id TEXT REFERENCES identity_users (id) ON DELETE CASCADE,
            sealed_verifier TEXT,
            role_ids TEXT NOT NULL,
            expires_at BIGINT
        )
        """,
        "CREATE INDEX identity_oauth_request_tokens_by_consumer ON identity_oauth_request_tokens (consumer_id)",
        "CREATE INDEX identity_oauth_request_tokens_by_project ON identity_oauth_request_tokens (project_id)",
        "CREATE INDEX identity_oauth_request_tokens_by_user ON identity_oauth_request_tokens (user_id)",
        """
        CREATE TABLE identity_oauth_access_tokens (
            id TEXT PRIMARY KEY,
            consumer_id TEXT NOT NULL REFERENCES identity_oauth_consumers (id) ON DELETE CASCADE,
            project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            sealed_secret TEXT NOT NULL,
            role_ids TEXT NOT NULL,
            expires_at BIGINT
        )
        """,
        "CREATE INDEX identity_oauth_access_tokens_by_consumer ON identity_oauth_access_tokens (consumer_id)",
        "CREATE INDEX identity_oauth_access_tokens_by_project ON identity_oauth_access_tokens (project_id)",
        "CREATE INDEX identity_oauth_access_tokens_by_user ON identity_oauth_access_tokens (user_id)",
    ]

    private static let policies: [SQL] = [
        """
        CREATE TABLE identity_policies (
            id TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            blob TEXT NOT NULL,
            extra TEXT NOT NULL
        )
        """,
        // What a policy is for: an endpoint, a service, or a service in a region. Each has at most one policy.
        """
        CREATE TABLE identity_policy_associations (
            policy_id TEXT NOT NULL REFERENCES identity_policies (id) ON DELETE CASCADE,
            endpoint_id TEXT REFERENCES identity_endpoints (id) ON DELETE CASCADE,
            service_id TEXT REFERENCES identity_services (id) ON DELETE CASCADE,
            region_id TEXT REFERENCES identity_regions (id) ON DELETE CASCADE,
            CHECK ((endpoint_id IS NULL) <> (service_id IS NULL)),
            CHECK (endpoint_id IS NULL OR region_id IS NULL)
        )
        """,
        """
        CREATE UNIQUE INDEX identity_policy_associations_unique ON identity_policy_associations
            (COALESCE(endpoint_id, ''), COALESCE(service_id, ''), COALESCE(region_id, ''))
        """,
        "CREATE INDEX identity_policy_associations_by_policy ON identity_policy_associations (policy_id)",
        "CREATE INDEX identity_policy_associations_by_endpoint ON identity_policy_associations (endpoint_id)",
        "CREATE INDEX identity_policy_associations_by_service ON identity_policy_associations (service_id)",
        "CREATE INDEX identity_policy_associations_by_region ON identity_policy_associations (region_id)",
    ]
}
