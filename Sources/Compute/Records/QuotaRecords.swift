import CloudStore

/// The limits that projects have instead of the defaults.
enum QuotaRecords {
    /// Each limit by upstream's name.
    static let resources: [(name: String, path: any WritableKeyPath<ComputeQuota, Int> & Sendable)] = [
        ("instances", \.instances), ("cores", \.cores), ("ram", \.ram), ("metadata_items", \.metadataItems),
        ("key_pairs", \.keyPairs), ("server_groups", \.serverGroups), ("server_group_members", \.serverGroupMembers),
    ]

    /// A project's limits.
    static func quota(projectID: String, defaults: ComputeQuota, in reader: any Reader) throws -> ComputeQuota {
        var quota = defaults
        try reader.forEach("SELECT resource, maximum FROM compute_quotas WHERE project_id = \(projectID)") { row in
            let name: String = try row[0]
            guard let resource = resources.first(where: { $0.name == name }) else { return }
            quota[keyPath: resource.path] = try row[1]
        }
        return quota
    }

    /// Sets one of a project's limits.
    static func set(_ resource: String, _ maximum: Int, projectID: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_quotas (project_id, resource, maximum) VALUES (\(projectID), \(resource), \(maximum))
            ON CONFLICT (project_id, resource) DO UPDATE SET maximum = excluded.maximum
            """)
    }

    /// Gives a project the defaults again.
    static func reset(projectID: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_quotas WHERE project_id = \(projectID)")
    }
}
