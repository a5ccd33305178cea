import CloudStore

// Address groups, default rules and packet logs.
extension NetworkingMigrations {
    static let groupServices: [SQL] = addressGroups + defaultRules + logs

    private static let addressGroups: [SQL] = [
        """
        CREATE TABLE address_groups (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX address_groups_by_project ON address_groups (project_id)",
        """
        CREATE TABLE address_group_addresses (
            address_group_id TEXT NOT NULL REFERENCES address_groups (id) ON DELETE CASCADE, address TEXT NOT NULL,
            PRIMARY KEY (address_group_id, address))
        """,
        "ALTER TABLE security_group_rules ADD COLUMN remote_address_group_id TEXT REFERENCES address_groups (id)",
        "CREATE INDEX security_group_rules_by_addresses ON security_group_rules (remote_address_group_id)",
    ]

    private static let defaultRules: [SQL] = [
        """
        CREATE TABLE default_security_group_rules (
            id TEXT PRIMARY KEY, direction TEXT NOT NULL, ethertype TEXT NOT NULL, protocol TEXT,
            port_range_min BIGINT, port_range_max BIGINT, remote_ip_prefix TEXT, remote_group_id TEXT,
            remote_address_group_id TEXT, description TEXT NOT NULL,
            used_in_default_sg BIGINT NOT NULL, used_in_non_default_sg BIGINT NOT NULL)
        """,
        // What groups begin with until an administrator decides otherwise: everything out, and in a default group
        // everything among its members (upstream's own templates).
        """
        INSERT INTO default_security_group_rules
            (id, direction, ethertype, remote_group_id, description, used_in_default_sg, used_in_non_default_sg)
        VALUES
            ('5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a01', 'egress', 'IPv4', NULL, 'Everything out', 1, 1),
            ('5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a02', 'egress', 'IPv6', NULL, 'Everything out', 1, 1),
            ('5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a03', 'ingress', 'IPv4', 'PARENT', 'Everything from members', 1, 0),
            ('5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a04', 'ingress', 'IPv6', 'PARENT', 'Everything from members', 1, 0)
        """,
        // The project is empty for the setting of every project that has none of its own.
        """
        CREATE TABLE default_statefulness (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL UNIQUE, stateful BIGINT NOT NULL)
        """,
    ]

    /// What upstream calls the rules that it begins with.
    static let defaultRuleDescriptions: [SQL] = [
        """
        UPDATE default_security_group_rules SET description = 'Legacy default SG rule for ' || direction || ' traffic'
        WHERE id IN ('5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a01', '5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a02',
            '5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a03', '5d1c8a5e-64a1-4a0e-9d0e-0f6f0d1b7a04')
            AND description IN ('Everything out', 'Everything from members')
        """,
    ]

    private static let logs: [SQL] = [
        """
        CREATE TABLE network_logs (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            resource_type TEXT NOT NULL, resource_id TEXT REFERENCES security_groups (id) ON DELETE CASCADE,
            target_id TEXT REFERENCES ports (id) ON DELETE CASCADE, event TEXT NOT NULL, enabled BIGINT NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision_number BIGINT NOT NULL)
        """,
        "CREATE INDEX network_logs_by_resource ON network_logs (resource_id)",
        "CREATE INDEX network_logs_by_target ON network_logs (target_id)",
    ]
}
