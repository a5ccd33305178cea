import CloudCore
import CloudStore

/// A server as its use of a cloud is told.
struct ServerUsage: Sendable {
    let id: String
    let name: String
    let projectID: String
    let flavor: Flavor
    let state: String
    let launchedAt: Timestamp?
    let endedAt: Timestamp?

    /// How many hours of a period it was there.
    func hours(from begin: Timestamp, to end: Timestamp) -> Double {
        guard let launchedAt else { return 0 }
        let (start, stop) = (max(launchedAt, begin), min(endedAt ?? end, end))
        return max(0, Double(stop.microseconds - start.microseconds) / 3_600_000_000)
    }
}

/// Which servers were there in a period.
enum UsageRecords {
    /// The servers, deleted ones too, that were there in a period, by project and id.
    /// - Parameters:
    ///   - projectID: the project; nil for all.
    ///   - marker: the id of the server after which the list goes on.
    /// - Throws: 400 for a marker that is no server.
    static func list(
        from begin: Timestamp, to end: Timestamp, projectID: String?, after marker: String?, limit: Int, in reader: any Reader
    ) throws -> [ServerUsage] {
        var conditions: [SQL] = ["launched_at < \(end)", "(deleted_at IS NULL OR deleted_at > \(begin))"]
        if let projectID { conditions.append("project_id = \(projectID)") }
        if let marker {
            guard let project: String = try reader.scalar("SELECT project_id FROM compute_servers WHERE id = \(marker)") else {
                throw ComputeError.badRequest("Marker \(marker) could not be found.")
            }
            conditions.append("(project_id > \(project) OR (project_id = \(project) AND id > \(marker)))")
        }
        return try reader.all(
            """
            SELECT id, name, project_id, flavor, state, launched_at, deleted_at FROM compute_servers
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY project_id, id LIMIT \(limit)
            """
        ) { row in
            let flavor: Stored<Flavor> = try row[3]
            return ServerUsage(
                id: try row[0], name: try row[1], projectID: try row[2], flavor: flavor.value, state: try row[4],
                launchedAt: try row[5], endedAt: try row[6])
        }
    }
}
