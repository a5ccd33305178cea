import CloudStore

/// What a project has on a storage host.
struct HostUsage: Sendable, Hashable {
    var project: String
    var volumes = 0
    var volumeGiB = 0
    var snapshots = 0
    var snapshotGiB = 0

    mutating func add(_ other: HostUsage) {
        volumes += other.volumes
        volumeGiB += other.volumeGiB
        snapshots += other.snapshots
        snapshotGiB += other.snapshotGiB
    }

    /// What each project has on a host, by project.
    /// - Parameter host: as "host@backend".
    static func all(host: String, in reader: any Reader) throws -> [HostUsage] {
        let place: SQL = "(v.host = \(host) OR substr(v.host, 1, \(host.count + 1)) = \(host + "#"))"
        var usages: [String: HostUsage] = [:]
        try reader.forEach(
            "SELECT v.project_id, COUNT(*), COALESCE(SUM(v.size), 0) FROM volumes v WHERE \(place) GROUP BY v.project_id"
        ) { row in
            let project: String = try row[0]
            usages[project] = HostUsage(project: project, volumes: try row[1], volumeGiB: try row[2])
        }
        try reader.forEach(
            """
            SELECT s.project_id, COUNT(*), COALESCE(SUM(s.volume_size), 0) FROM volume_snapshots s JOIN volumes v ON v.id = s.volume_id
            WHERE \(place) GROUP BY s.project_id
            """
        ) { row in
            let project: String = try row[0]
            var usage = HostUsage(project: project)
            (usage.snapshots, usage.snapshotGiB) = (try row[1], try row[2])
            usages[project, default: HostUsage(project: project)].add(usage)
        }
        return usages.values.sorted { $0.project < $1.project }
    }
}
