import CloudStore

/// On which hosts' agents routers' gateways may live, and in which order: what OVN calls an HA chassis group.
enum RouterAgentRecords {
    /// A gateway's place on an agent; the highest priority carries the traffic.
    struct Binding: Sendable, Hashable {
        var agentID: String
        var priority: Int
    }

    /// The most agents a router is placed on by itself, and so the highest priority given by itself.
    static let spread = 5
    /// The priorities that OVN knows.
    static let priorities = 0...32767

    /// A router's places, highest priority first.
    static func all(router: String, in reader: any Reader) throws -> [Binding] {
        try reader.all("SELECT agent_id, priority FROM router_agents WHERE router_id = \(router) ORDER BY priority DESC") {
            Binding(agentID: try $0[0], priority: try $0[1])
        }
    }

    /// The hosts of routers by router, highest priority first.
    static func hosts(routers: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(routers, {
            """
            SELECT r.router_id, a.host FROM router_agents r JOIN network_agents a ON a.id = r.agent_id
            WHERE r.router_id IN \(in: $0) ORDER BY r.priority DESC
            """
        }) { (try $0[0], try $0[1]) }
    }

    /// The routers on an agent.
    static func routers(agent: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT router_id FROM router_agents WHERE agent_id = \(agent) ORDER BY router_id") { try $0[0] }
    }

    static func insert(_ binding: Binding, router: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO router_agents (router_id, agent_id, priority)
            VALUES (\(router), \(binding.agentID), \(binding.priority))
            """)
    }

    static func update(_ binding: Binding, router: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE router_agents SET priority = \(binding.priority)
            WHERE router_id = \(router) AND agent_id = \(binding.agentID)
            """)
    }

    /// Takes a router from an agent; answers whether it was there.
    static func delete(router: String, agent: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM router_agents WHERE router_id = \(router) AND agent_id = \(agent)") > 0
    }

    /// Takes a router from all agents.
    static func delete(router: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM router_agents WHERE router_id = \(router)")
    }

    /// The agents that are alive and in service, those with the fewest routers first.
    static func candidates(in reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT id FROM network_agents WHERE heartbeat_at >= \(NetworkAgentRecord.aliveLimit) AND admin_state_up = \(true)
            ORDER BY (SELECT COUNT(*) FROM router_agents WHERE agent_id = network_agents.id), id LIMIT \(spread)
            """
        ) { try $0[0] }
    }

    /// The routers with a gateway that no agent has.
    static func unplaced(in reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT id FROM routers WHERE gateway_port_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM router_agents WHERE router_id = routers.id) ORDER BY id
            """
        ) { try $0[0] }
    }
}
