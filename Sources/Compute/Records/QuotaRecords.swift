import CloudStore

extension QuotaResource: SQLConvertible {}

/// Limits that projects, their users and classes have instead of the operator's, and what they are held against.
enum QuotaRecords {
    /// The class whose limits are every project's defaults.
    static let defaultClass = "default"

    // MARK: Limits

    /// What a project has that sets no limits of its own.
    static func defaults(_ configured: ComputeQuota, in reader: any Reader) throws -> ComputeQuota {
        try quota(class: defaultClass, configured: configured, in: reader)
    }

    /// A class's limits; the operator's where it has none.
    static func quota(class name: String, configured: ComputeQuota, in reader: any Reader) throws -> ComputeQuota {
        let set = try limits("SELECT resource, maximum FROM compute_quota_classes WHERE class = \(name)", in: reader)
        return configured.replacing(set)
    }

    /// A project's limits.
    static func quota(projectID: String, defaults: ComputeQuota, in reader: any Reader) throws -> ComputeQuota {
        try quotas(projectID: projectID, userID: nil, defaults: defaults, in: reader).project
    }

    /// A project's limits and those of a user in it, which are the project's where it has none of its own. Read at once,
    /// because every server that is made is held against them.
    static func quotas(
        projectID: String, userID: String?, defaults: ComputeQuota, in reader: any Reader
    ) throws -> (project: ComputeQuota, user: ComputeQuota) {
        var levels: [[QuotaResource: Int]] = [[:], [:], [:]]
        try reader.forEach(
            """
            SELECT 0, resource, maximum FROM compute_quota_classes WHERE class = \(defaultClass)
            UNION ALL SELECT 1, resource, maximum FROM compute_quotas WHERE project_id = \(projectID)
            UNION ALL SELECT 2, resource, maximum FROM compute_user_quotas
                WHERE project_id = \(projectID) AND user_id = \(userID)
            """
        ) { row in
            let (level, name): (Int, String) = (try row[0], try row[1])
            if let resource = QuotaResource(rawValue: name), levels.indices.contains(level) { levels[level][resource] = try row[2] }
        }
        let project = defaults.replacing(levels[0]).replacing(levels[1])
        return (project, project.replacing(levels[2]))
    }

    /// What is set for a user in a project.
    static func userLimits(_ projectID: String, _ userID: String, in reader: any Reader) throws -> [QuotaResource: Int] {
        try limits(
            """
            SELECT resource, maximum FROM compute_user_quotas WHERE project_id = \(projectID) AND user_id = \(userID)
            """, in: reader)
    }

    /// What is set for all users in a project together.
    static func sumOfUserLimits(_ projectID: String, in reader: any Reader) throws -> [QuotaResource: Int] {
        try limits(
            "SELECT resource, SUM(maximum) FROM compute_user_quotas WHERE project_id = \(projectID) GROUP BY resource",
            in: reader)
    }

    private static func limits(_ query: SQL, in reader: any Reader) throws -> [QuotaResource: Int] {
        var limits: [QuotaResource: Int] = [:]
        try reader.forEach(query) { row in
            let name: String = try row[0]
            if let resource = QuotaResource(rawValue: name) { limits[resource] = try row[1] }
        }
        return limits
    }

    /// Sets one of the limits of a project, or of a user in it.
    static func set(
        _ resource: QuotaResource, _ maximum: Int, projectID: String, userID: String? = nil, in transaction: any Transaction
    ) throws {
        if let userID {
            try transaction.execute(
                """
                INSERT INTO compute_user_quotas (project_id, user_id, resource, maximum)
                VALUES (\(projectID), \(userID), \(resource), \(maximum))
                ON CONFLICT (project_id, user_id, resource) DO UPDATE SET maximum = excluded.maximum
                """)
        } else {
            try transaction.execute(
                """
                INSERT INTO compute_quotas (project_id, resource, maximum) VALUES (\(projectID), \(resource), \(maximum))
                ON CONFLICT (project_id, resource) DO UPDATE SET maximum = excluded.maximum
                """)
        }
    }

    /// Sets one of a class's limits.
    static func set(_ resource: QuotaResource, _ maximum: Int, class name: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_quota_classes (class, resource, maximum) VALUES (\(name), \(resource), \(maximum))
            ON CONFLICT (class, resource) DO UPDATE SET maximum = excluded.maximum
            """)
    }

    /// Gives a project and all users in it the defaults again.
    static func reset(projectID: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_quotas WHERE project_id = \(projectID)")
        try transaction.execute("DELETE FROM compute_user_quotas WHERE project_id = \(projectID)")
    }

    /// Gives a user the project's limits again.
    static func reset(projectID: String, userID: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_user_quotas WHERE project_id = \(projectID) AND user_id = \(userID)")
    }

    // MARK: Usage

    /// What a project's servers add up to, or those of one user in it.
    static func usage(projectID: String, userID: String? = nil, in reader: any Reader) throws -> QuotaUsage {
        let owner: SQL = userID.map { " AND user_id = \($0)" } ?? ""
        let usage = try reader.first(
            """
            SELECT COUNT(*), COALESCE(SUM(vcpus), 0), COALESCE(SUM(memory_mib), 0) FROM compute_servers
            WHERE project_id = \(projectID) AND deleted_at IS NULL AND state <> \(Server.State.softDeleted)\(owner)
            """
        ) { QuotaUsage(instances: try $0[0], cores: try $0[1], ram: try $0[2]) }
        return usage ?? QuotaUsage()
    }

    /// The same with server groups.
    static func wholeUsage(projectID: String, userID: String? = nil, in reader: any Reader) throws -> QuotaUsage {
        let owner: SQL = userID.map { " AND user_id = \($0)" } ?? ""
        var usage = try usage(projectID: projectID, userID: userID, in: reader)
        usage.serverGroups = try reader.scalar(
            "SELECT COUNT(*) FROM compute_server_groups WHERE project_id = \(projectID)\(owner)") ?? 0
        return usage
    }

    /// What a project's servers have of each resource class, from their flavors.
    static func resources(projectID: String, in reader: any Reader) throws -> [String: Int] {
        var sums: [String: Int] = [:]
        try reader.forEach(
            "SELECT flavor FROM compute_servers WHERE project_id = \(projectID) AND deleted_at IS NULL"
        ) { row in
            let flavor: Stored<Flavor> = try row[0]
            sums.merge(flavor.value.resources, uniquingKeysWith: +)
        }
        return sums
    }
}

extension ComputeQuota {
    /// The same with some limits in place of its own.
    fileprivate func replacing(_ limits: [QuotaResource: Int]) -> ComputeQuota {
        var quota = self
        for (resource, maximum) in limits { quota[resource] = maximum }
        return quota
    }
}
