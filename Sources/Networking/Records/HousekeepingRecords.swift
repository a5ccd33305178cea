import CloudCore
import CloudStore
import NetworkMessages

/// The tags of resources.
enum TagRecords {
    /// The resources' tags by resource, sorted.
    static func all(_ resources: [String], in reader: any Reader) throws -> [String: [String]] {
        try all(.ids(resources), in: reader)
    }

    /// The selected resources' tags by resource, sorted.
    static func all(_ resources: RowSelection, in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            resources, of: "network_tags", by: "resource_id", { "SELECT resource_id, tag FROM \($0) ORDER BY tag" }
        ) { (try $0[0], try $0[1]) }
    }

    /// Adds a tag; adding it again changes nothing.
    static func add(_ tag: String, to resource: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "INSERT INTO network_tags (resource_id, tag) VALUES (\(resource), \(tag)) ON CONFLICT (resource_id, tag) DO NOTHING")
    }

    /// Takes a tag away; answers whether it was there.
    static func remove(_ tag: String, from resource: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM network_tags WHERE resource_id = \(resource) AND tag = \(tag)") > 0
    }

    /// Counts one more change of a resource whose tags changed.
    static func touch(_ resource: String, in table: SQL, _ transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE \(table) SET revision_number = revision_number + 1, updated_at = \(Timestamp.now) WHERE id = \(resource)")
    }

    /// Takes all of a resource's tags away, as when it is deleted.
    static func removeAll(from resource: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_tags WHERE resource_id = \(resource)")
    }
}

/// The kinds of resource that quotas count.
enum QuotaResource: String, Sendable, Hashable, CaseIterable {
    case network, subnet, port, router, floatingip, trunk
    case securityGroup = "security_group"
    case securityGroupRule = "security_group_rule"
    case rbacPolicy = "rbac_policy"
    case subnetPool = "subnetpool"
    case routerRoute = "router_route"
    case firewallGroup = "firewall_group"
    case firewallPolicy = "firewall_policy"
    case firewallRule = "firewall_rule"

    fileprivate var table: SQL {
        switch self {
        case .network: "networks"
        case .subnet: "subnets"
        case .port: "ports"
        case .router: "routers"
        case .floatingip: "floating_ips"
        case .trunk: "trunks"
        case .securityGroup: "security_groups"
        case .securityGroupRule: "security_group_rules"
        case .rbacPolicy: "network_rbac"
        case .subnetPool: "subnet_pools"
        // A limit of each router: a project as a whole uses none of it.
        case .routerRoute: "(SELECT '' AS project_id WHERE 1 = 0) AS no_rows"
        case .firewallGroup: "firewall_groups"
        case .firewallPolicy: "firewall_policies"
        case .firewallRule: "firewall_rules"
        }
    }
}

/// The limits that were set, and what is used.
enum QuotaRecords {
    /// A project's own limits by resource.
    static func limits(project: String, in reader: any Reader) throws -> [String: Int] {
        Dictionary(
            uniqueKeysWithValues: try reader.all(
                "SELECT resource, quota FROM network_quotas WHERE project_id = \(project)"
            ) { (try $0[0] as String, try $0[1] as Int) })
    }

    /// A project's own limit for one resource.
    static func limit(_ resource: QuotaResource, project: String, in reader: any Reader) throws -> Int? {
        try reader.scalar(
            "SELECT quota FROM network_quotas WHERE project_id = \(project) AND resource = \(resource.rawValue)")
    }

    /// Every project with limits of its own.
    static func all(in reader: any Reader) throws -> [(project: String, limits: [String: Int])] {
        var limits: [String: [String: Int]] = [:]
        try reader.forEach("SELECT project_id, resource, quota FROM network_quotas") { row in
            let (project, resource): (String, String) = (try row[0], try row[1])
            limits[project, default: [:]][resource] = try row[2]
        }
        return limits.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    static func set(_ limit: Int, _ resource: String, project: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO network_quotas (project_id, resource, quota) VALUES (\(project), \(resource), \(limit))
            ON CONFLICT (project_id, resource) DO UPDATE SET quota = excluded.quota
            """)
    }

    /// Forgets a project's own limits; answers whether it had any.
    static func reset(project: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM network_quotas WHERE project_id = \(project)") > 0
    }

    /// How many of a resource a project has, counted no further than `limit`.
    static func used(_ resource: QuotaResource, project: String, upTo limit: Int, in reader: any Reader) throws -> Int {
        try reader.scalar(
            "SELECT COUNT(*) FROM (SELECT 1 FROM \(resource.table) WHERE project_id = \(project) LIMIT \(limit)) AS used") ?? 0
    }
}

/// The hosts' network agents, as they report themselves.
enum AgentRecords {
    private static let columns: SQL = """
        id, host, zone, admin_state_up, description, configurations, created_at, started_at, heartbeat_at
        """

    static let listing = Listing("network_agents", [
        "host": .column("host"), "availability_zone": .column("zone"), "admin_state_up": .column("admin_state_up", .boolean),
        "description": .column("description"), "agent_type": constant(NetworkAgentRecord.type),
        "binary": constant(NetworkAgentRecord.binary), "topic": constant(NetworkAgentRecord.topic),
        "created_at": .sorted(by: "created_at"), "started_at": .sorted(by: "started_at"),
        "heartbeat_timestamp": .sorted(by: "heartbeat_at"),
        "alive": .custom { values in
            let flags = values.compactMap { LenientBoolean($0)?.value }
            guard flags.count == values.count else { return nil }
            let limit = NetworkAgentRecord.aliveLimit
            let conditions: [SQL] = flags.map { $0 ? "heartbeat_at >= \(limit)" : "heartbeat_at < \(limit)" }
            return "(\(conditions.joined(separator: " OR ")))"
        },
    ], without: ["name", "project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    /// An attribute that all agents have alike. PostgreSQL sorts by no constants, but by expressions.
    private static func constant(_ value: String) -> Listing.Attribute {
        .custom(order: "COALESCE('', '')") { $0.contains(value) ? "1 = 1" : "1 = 0" }
    }

    private static func agent(_ row: borrowing Row) throws -> NetworkAgentRecord {
        NetworkAgentRecord(
            id: try row[0], host: try row[1], zone: try row[2], isAdminUp: try row[3], description: try row[4],
            configurations: try row[5], createdAt: try row[6], startedAt: try row[7], heartbeatAt: try row[8])
    }

    /// Notes that a host's agent is alive, and when it started.
    static func beat(host: String, zone: String, isStarting: Bool, in transaction: any Transaction) throws {
        let now = Timestamp.now
        try transaction.execute(
            """
            INSERT INTO network_agents (id, host, zone, admin_state_up, description, configurations,
                created_at, started_at, heartbeat_at)
            VALUES (\(Identifier.passing()), \(host), \(zone), \(true), \(""), \(JSON.object([:])), \(now), \(now), \(now))
            ON CONFLICT (host) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, zone = excluded.zone
            """)
        guard isStarting else { return }
        try transaction.execute("UPDATE network_agents SET started_at = \(now) WHERE host = \(host)")
    }

    static func update(_ agent: NetworkAgentRecord, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE network_agents SET admin_state_up = \(agent.isAdminUp), description = \(agent.description)
            WHERE id = \(agent.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_agents WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> NetworkAgentRecord? {
        try reader.first("SELECT \(columns) FROM network_agents WHERE id = \(id)", agent)
    }

    /// The agents with these ids, by id.
    static func find(_ ids: [String], in reader: any Reader) throws -> [String: NetworkAgentRecord] {
        try reader.grouped(ids, { "SELECT \(columns) FROM network_agents WHERE id IN \(in: $0)" }) { row in
            let agent = try agent(row)
            return (agent.id, agent)
        }.compactMapValues(\.first)
    }

    static func list(_ request: ListRequest, in reader: any Reader) throws -> [NetworkAgentRecord] {
        try reader.page(columns, listing, request, visibility: nil, agent)
    }

    /// The hosts whose agents have reported lately.
    static func aliveHosts(in reader: any Reader) throws -> [String] {
        try reader.all(
            "SELECT host FROM network_agents WHERE heartbeat_at >= \(NetworkAgentRecord.aliveLimit) ORDER BY host"
        ) { try $0[0] }
    }
}

/// Entities of the topology that the data plane has yet to be told of. Rows are written in the transaction that makes
/// the change, so that a crash loses nothing.
enum TopologyChangeRecords {
    /// A pending change: the mark tells it from a later one of the same entity.
    struct Pending: Sendable, Hashable {
        var key: TopologyKey
        var mark: String
    }

    /// Marks an entity as changed or gone.
    static func mark(_ key: TopologyKey, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO topology_changes (kind, id, mark, marked_at)
            VALUES (\(key.kind.rawValue), \(key.id), \(Identifier.passing()), \(Timestamp.now))
            ON CONFLICT (kind, id) DO UPDATE SET mark = excluded.mark
            """)
    }

    /// Marks all whose `id` a query selects as changed or gone.
    static func mark(_ kind: TopologyKey.Kind, select ids: SQL, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO topology_changes (kind, id, mark, marked_at)
            SELECT CAST(\(kind.rawValue) AS TEXT), id, CAST(\(Identifier.passing()) AS TEXT), CAST(\(Timestamp.now) AS BIGINT)
            FROM (\(ids)) AS changed WHERE 1 = 1
            ON CONFLICT (kind, id) DO UPDATE SET mark = excluded.mark
            """)
    }

    /// The changes that have waited longest.
    static func pending(limit: Int, in reader: any Reader) throws -> [Pending] {
        try reader.all("SELECT kind, id, mark FROM topology_changes ORDER BY marked_at, kind, id LIMIT \(limit)") { row in
            let kind: String = try row[0]
            return Pending(
                key: TopologyKey(kind: TopologyKey.Kind(rawValue: kind) ?? .network, id: try row[1]), mark: try row[2])
        }
    }

    /// Every pending change.
    static func all(in reader: any Reader) throws -> [Pending] { try pending(limit: Int(Int32.max), in: reader) }

    /// Forgets changes that the data plane has, unless they were marked anew meanwhile.
    static func clear(_ changes: [Pending], in transaction: any Transaction) throws {
        for change in changes {
            try transaction.execute(
                """
                DELETE FROM topology_changes
                WHERE kind = \(change.key.kind.rawValue) AND id = \(change.key.id) AND mark = \(change.mark)
                """)
        }
    }

    /// The pending changes of these entities.
    static func pending(_ keys: [TopologyKey], in reader: any Reader) throws -> [Pending] {
        try keys.compactMap { key in
            let mark: String? = try reader.scalar(
                "SELECT mark FROM topology_changes WHERE kind = \(key.kind.rawValue) AND id = \(key.id)")
            return mark.map { Pending(key: key, mark: $0) }
        }
    }
}
