import CloudStore

/// The limits of projects and what they have, counted from rows. A resource's name is upstream's: "volumes", "snapshots",
/// "gigabytes", "per_volume_gigabytes", "backups", "backup_gigabytes", "groups", and of a type "volumes_TYPE" and so on.
enum VolumeQuotaRecords {
    /// The class whose limits are every project's defaults.
    static let defaultClass = "default"

    /// What is set for a class.
    static func limits(class name: String, in reader: any Reader) throws -> [String: Int] {
        try limits("SELECT resource, maximum FROM volume_quota_classes WHERE class = \(name)", in: reader)
    }

    /// What is set for a project.
    static func limits(project id: String, in reader: any Reader) throws -> [String: Int] {
        try limits("SELECT resource, maximum FROM volume_quotas WHERE project_id = \(id)", in: reader)
    }

    private static func limits(_ query: SQL, in reader: any Reader) throws -> [String: Int] {
        Dictionary(uniqueKeysWithValues: try reader.all(query) { (try $0[0] as String, try $0[1] as Int) })
    }

    /// A project's limits: its own, else the default class's, else the operator's. What is absent (types' limits) is without bound.
    static func effective(project id: String, configured: VolumeQuota, in reader: any Reader) throws -> [String: Int] {
        try configured.limits.merging(limits(class: defaultClass, in: reader)) { $1 }.merging(limits(project: id, in: reader)) { $1 }
    }

    static func set(_ resource: String, _ maximum: Int, project id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_quotas (project_id, resource, maximum) VALUES (\(id), \(resource), \(maximum))
            ON CONFLICT (project_id, resource) DO UPDATE SET maximum = excluded.maximum
            """)
    }

    static func set(_ resource: String, _ maximum: Int, class name: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_quota_classes (class, resource, maximum) VALUES (\(name), \(resource), \(maximum))
            ON CONFLICT (class, resource) DO UPDATE SET maximum = excluded.maximum
            """)
    }

    /// Gives a project the defaults again.
    static func reset(project id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_quotas WHERE project_id = \(id)")
    }

    // MARK: Usage

    /// What a project has, in all and by type: volumes, snapshots, gigabytes. Other areas add their own resources.
    /// - Parameter countsSnapshots: whether snapshots' GiB count.
    static func usage(project id: String, countsSnapshots: Bool, in reader: any Reader) throws -> [String: Int] {
        var usage = ["volumes": 0, "snapshots": 0, "gigabytes": 0]
        usage.merge(try BackupRecords.usage(project: id, in: reader)) { $1 }
        func add(_ resource: String, _ type: String?, _ amount: Int) {
            usage[resource, default: 0] += amount
            if let type { usage["\(resource)_\(type)", default: 0] += amount }
        }
        try reader.forEach(
            """
            SELECT t.name, COUNT(*), COALESCE(SUM(v.size + v.growth), 0) FROM volumes v LEFT JOIN volume_types t ON t.id = v.type_id
            WHERE v.project_id = \(id) AND v.uses_quota = 1 GROUP BY t.name
            """
        ) { row in
            let type: String? = try row[0]
            add("volumes", type, try row[1])
            add("gigabytes", type, try row[2])
        }
        try reader.forEach(
            """
            SELECT t.name, COUNT(*), COALESCE(SUM(s.volume_size), 0) FROM volume_snapshots s LEFT JOIN volume_types t ON t.id = s.type_id
            WHERE s.project_id = \(id) AND s.uses_quota = 1 GROUP BY t.name
            """
        ) { row in
            let type: String? = try row[0]
            add("snapshots", type, try row[1])
            if countsSnapshots { add("gigabytes", type, try row[2]) }
        }
        return usage
    }
}
