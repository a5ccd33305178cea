import CloudStore

extension Identity {
    /// For purging trusts that ended.
    static let trustEndings: [SQL] = [
        "CREATE INDEX identity_trusts_by_deletion ON identity_trusts (deleted_at)",
        "CREATE INDEX identity_trusts_by_expiry ON identity_trusts (expires_at)",
    ]

    static let trustTables: [SQL] = [
        // Whoever deletes a trust only marks it; with its people or its project it goes for good. The roles of a trust
        // stay when a role is deleted: a trust of which a role is gone is of no use any more, not a smaller one.
        """
        CREATE TABLE identity_trusts (
            id TEXT PRIMARY KEY,
            trustor_user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            trustee_user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            project_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
            impersonation BIGINT NOT NULL,
            expires_at BIGINT,
            remaining_uses BIGINT CHECK (remaining_uses >= 0),
            redelegated_trust_id TEXT REFERENCES identity_trusts (id) ON DELETE CASCADE,
            redelegation_count BIGINT NOT NULL,
            deleted_at BIGINT,
            extra TEXT NOT NULL
        )
        """,
        """
        CREATE UNIQUE INDEX identity_trusts_unique ON identity_trusts
            (trustor_user_id, trustee_user_id, project_id, impersonation, expires_at) WHERE deleted_at IS NULL
        """,
        "CREATE INDEX identity_trusts_by_trustee ON identity_trusts (trustee_user_id)",
        "CREATE INDEX identity_trusts_by_project ON identity_trusts (project_id)",
        "CREATE INDEX identity_trusts_by_redelegated ON identity_trusts (redelegated_trust_id)",
        """
        CREATE TABLE identity_trust_roles (
            trust_id TEXT NOT NULL REFERENCES identity_trusts (id) ON DELETE CASCADE,
            role_id TEXT NOT NULL,
            PRIMARY KEY (trust_id, role_id)
        )
        """,
        """
        CREATE TABLE identity_application_credentials (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            secret_hash TEXT NOT NULL,
            description TEXT,
            project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
            expires_at BIGINT,
            unrestricted BIGINT NOT NULL,
            UNIQUE (user_id, name)
        )
        """,
        "CREATE INDEX identity_application_credentials_by_project ON identity_application_credentials (project_id)",
        """
        CREATE TABLE identity_application_credential_roles (
            application_credential_id TEXT NOT NULL REFERENCES identity_application_credentials (id) ON DELETE CASCADE,
            role_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
            PRIMARY KEY (application_credential_id, role_id)
        )
        """,
        "CREATE INDEX identity_application_credential_roles_by_role ON identity_application_credential_roles (role_id)",
        """
        CREATE TABLE identity_access_rules (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            service TEXT NOT NULL,
            path TEXT NOT NULL,
            method TEXT NOT NULL,
            UNIQUE (user_id, service, path, method)
        )
        """,
        // Without an action on the rule's side: a rule in use stays, but may go together with its user.
        """
        CREATE TABLE identity_application_credential_access_rules (
            application_credential_id TEXT NOT NULL REFERENCES identity_application_credentials (id) ON DELETE CASCADE,
            access_rule_id TEXT NOT NULL REFERENCES identity_access_rules (id),
            PRIMARY KEY (application_credential_id, access_rule_id)
        )
        """,
        """
        CREATE INDEX identity_application_credential_access_rules_by_rule
            ON identity_application_credential_access_rules (access_rule_id)
        """,
    ]
}
