import CloudStore

// Sharing, subnet pools and segments.
extension NetworkingMigrations {
    static let sharing: [SQL] = rbac

    private static let rbac: [SQL] = [
        """
        CREATE TABLE network_rbac (
            id TEXT PRIMARY KEY, project_id TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
            target_project TEXT NOT NULL, action TEXT NOT NULL, UNIQUE (object_id, action, target_project))
        """,
        "CREATE INDEX network_rbac_by_target ON network_rbac (target_project, action, object_id)",
        "CREATE INDEX network_rbac_by_project ON network_rbac (project_id)",
        // What the column said becomes policies for everyone. Their ids are the networks', and the networks' with the
        // parts in another order: no function makes ids in both databases.
        """
        INSERT INTO network_rbac (id, project_id, object_type, object_id, target_project, action)
        SELECT id, project_id, 'network', id, '*', 'access_as_shared' FROM networks WHERE shared = 1
        """,
        """
        INSERT INTO network_rbac (id, project_id, object_type, object_id, target_project, action)
        SELECT substr(id, 25, 8) || substr(id, 9, 16) || substr(id, 33, 4) || substr(id, 1, 8), project_id, 'network', id,
            '*', 'access_as_external'
        FROM networks WHERE external = 1
        """,
        "ALTER TABLE networks DROP COLUMN shared",
    ]
}
