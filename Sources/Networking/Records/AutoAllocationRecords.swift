import CloudCore
import CloudStore

/// A project's network that was made for it, with a router to the default external network.
struct AutoAllocatedTopology: Sendable, Hashable {
    let projectID: String
    var networkID: String
    var routerID: String?
}

/// The rows of auto-allocated topologies.
enum AutoAllocationRecords {
    static func find(project: String, in reader: any Reader) throws -> AutoAllocatedTopology? {
        try reader.first(
            """
            SELECT project_id, network_id, router_id FROM auto_allocated_topologies
            WHERE project_id = \(project) AND network_id IS NOT NULL
            """
        ) { AutoAllocatedTopology(projectID: try $0[0], networkID: try $0[1], routerID: try $0[2]) }
    }

    /// Takes the project's place, so that two requests at once make one topology.
    static func claim(project: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO auto_allocated_topologies (project_id) VALUES (\(project))
            ON CONFLICT (project_id) DO UPDATE SET project_id = excluded.project_id
            """)
    }

    static func update(_ topology: AutoAllocatedTopology, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE auto_allocated_topologies SET network_id = \(topology.networkID), router_id = \(topology.routerID)
            WHERE project_id = \(topology.projectID)
            """)
    }

    static func delete(project: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM auto_allocated_topologies WHERE project_id = \(project)")
    }
}
