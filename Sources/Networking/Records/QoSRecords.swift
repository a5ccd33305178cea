import CloudCore
import CloudStore
import NetworkMessages

extension QoSRuleType: SQLConvertible {}

/// The QoS policies' rows, with their rules.
enum QoSPolicyRecords {
    private static let columns: SQL = """
        id, project_id, name, default_of, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("qos_policies", [
        "shared": .shared(),
        "is_default": .custom { values in
            let flags = values.compactMap { LenientBoolean($0)?.value }
            guard flags.count == values.count else { return nil }
            let conditions: [SQL] = flags.map { $0 ? "default_of IS NOT NULL" : "default_of IS NULL" }
            return "(\(conditions.joined(separator: " OR ")))"
        },
    ], isTagged: true)

    private static func policy(_ row: borrowing Row) throws -> QoSPolicy {
        let defaultOf: String? = try row[3]
        return QoSPolicy(
            id: try row[0], projectID: try row[1], name: try row[2], isDefault: defaultOf != nil,
            standard: try StandardAttributes(row, at: 4))
    }

    static func insert(_ policy: QoSPolicy, in transaction: any Transaction) throws {
        let standard = policy.standard
        try transaction.execute(
            """
            INSERT INTO qos_policies (id, project_id, name, default_of, description, created_at, updated_at, revision_number)
            VALUES (\(policy.id), \(policy.projectID), \(policy.name), \(policy.isDefault ? policy.projectID : nil),
                \(standard.description), \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ policy: QoSPolicy, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE qos_policies SET name = \(policy.name), default_of = \(policy.isDefault ? policy.projectID : nil),
                description = \(policy.standard.description), updated_at = \(policy.standard.updatedAt),
                revision_number = \(policy.standard.revision)
            WHERE id = \(policy.id)
            """)
    }

    /// Counts one more change of a policy whose rules changed.
    static func touch(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE qos_policies SET revision_number = revision_number + 1, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }

    /// Deletes the row; its rules go with it.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM qos_policies WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> QoSPolicy? {
        try complete(try reader.all("SELECT \(columns) FROM qos_policies WHERE id = \(id)", policy), in: reader).first
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [QoSPolicy] {
        try complete(try reader.page(columns, listing, request, visibility: visibility.condition(), policy), in: reader)
    }

    /// The policy that a project's new networks get; nil when there is none.
    static func standard(of project: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT id FROM qos_policies WHERE default_of = \(project)")
    }

    /// Adds the rules, and whom the policies are open to.
    private static func complete(_ policies: [QoSPolicy], in reader: any Reader) throws -> [QoSPolicy] {
        guard !policies.isEmpty else { return [] }
        let ids = policies.map(\.id)
        let rules = try QoSRuleRecords.all(policies: ids, in: reader)
        let sharing = try SharingRecords.sharing(of: ids, in: reader)
        return policies.map { policy in
            var policy = policy
            policy.rules = rules[policy.id] ?? []
            policy.sharing = sharing[policy.id] ?? .none
            return policy
        }
    }
}

/// The QoS rules' rows.
enum QoSRuleRecords {
    private static let columns: SQL = "id, policy_id, type, direction, value, burst"

    /// How the rules of a type are listed.
    static func listing(_ type: QoSRuleType) -> Listing {
        var attributes: [String: Listing.Attribute] = [type.valueName: .column("value", .integer)]
        if let name = type.burstName { attributes[name] = .column("burst", .integer) }
        if !type.directions.isEmpty { attributes["direction"] = .column("direction") }
        return Listing("qos_rules", attributes, without: [
            "name", "project_id", "tenant_id", "description", "revision_number", "created_at", "updated_at",
        ])
    }

    private static func rule(_ row: borrowing Row) throws -> QoSRule {
        QoSRule(
            id: try row[0], policyID: try row[1], type: try row[2], direction: QoSDirection(rawValue: try row[3]),
            value: try row[4], burst: try row[5])
    }

    static func insert(_ rule: QoSRule, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO qos_rules (id, policy_id, type, direction, value, burst)
            VALUES (\(rule.id), \(rule.policyID), \(rule.type), \(rule.direction?.rawValue ?? ""), \(rule.value), \(rule.burst))
            """)
    }

    static func update(_ rule: QoSRule, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE qos_rules SET direction = \(rule.direction?.rawValue ?? ""), value = \(rule.value), burst = \(rule.burst)
            WHERE id = \(rule.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM qos_rules WHERE id = \(id)")
    }

    static func find(_ id: String, _ type: QoSRuleType, in reader: any Reader) throws -> QoSRule? {
        try reader.first("SELECT \(columns) FROM qos_rules WHERE id = \(id) AND type = \(type)", rule)
    }

    static func list(
        _ request: ListRequest, _ type: QoSRuleType, policy: String, in reader: any Reader
    ) throws -> [QoSRule] {
        try reader.page(columns, listing(type), request, visibility: "policy_id = \(policy) AND type = \(type)", rule)
    }

    /// The policies' rules by policy.
    static func all(policies: [String], in reader: any Reader) throws -> [String: [QoSRule]] {
        try reader.grouped(
            policies, { "SELECT \(columns) FROM qos_rules WHERE policy_id IN \(in: $0) ORDER BY type, direction, id" }
        ) { row in
            let rule = try rule(row)
            return (rule.policyID, rule)
        }
    }
}

/// What can be under a QoS policy.
enum QoSHolder: String, Sendable, CaseIterable {
    case network, port
    case floatingIP = "floatingip"
    /// A router's gateway.
    case router

    fileprivate var table: SQL {
        switch self {
        case .network: "networks"
        case .port: "ports"
        case .floatingIP: "floating_ips"
        case .router: "routers"
        }
    }
}

/// Which policies resources are under.
enum QoSBindingRecords {
    /// The policies of resources by resource; those without one are left out.
    static func policies(_ kind: QoSHolder, _ ids: some Sequence<String>, in reader: any Reader) throws -> [String: String] {
        try reader.grouped(
            Array(ids), { "SELECT id, qos_policy_id FROM \(kind.table) WHERE id IN \(in: $0) AND qos_policy_id IS NOT NULL" }
        ) { (try $0[0], try $0[1] as String) }.compactMapValues(\.first)
    }

    static func set(_ policy: String?, _ kind: QoSHolder, _ id: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE \(kind.table) SET qos_policy_id = \(policy) WHERE id = \(id)")
    }

    /// A resource that is under a policy; nil when none is.
    static func user(of policy: String, in reader: any Reader) throws -> (kind: QoSHolder, id: String)? {
        for kind in QoSHolder.allCases {
            // What a router says counts as long as it has a gateway.
            let condition: SQL = kind == .router
                ? " AND id IN (SELECT device_id FROM ports WHERE device_owner = \(DeviceOwner.routerGateway))" : ""
            let id: String? = try reader.scalar(
                "SELECT id FROM \(kind.table) WHERE qos_policy_id = \(policy)\(condition) LIMIT 1")
            if let id { return (kind, id) }
        }
        return nil
    }

    /// Forgets that routers' gateways, which are gone, were under a policy.
    static func forgetGateways(of policy: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE routers SET qos_policy_id = NULL WHERE qos_policy_id = \(policy)")
    }

    /// Selects the projects with resources under a policy.
    static func projects(of policy: String) -> SQL {
        let parts: [SQL] = QoSHolder.allCases.map { "SELECT project_id FROM \($0.table) WHERE qos_policy_id = \(policy)" }
        return parts.joined(separator: " UNION ")
    }

    /// The ports under a policy, by their own or by their network's.
    static func ports(under policy: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT id FROM ports WHERE \(portCondition(policy)) ORDER BY id") { try $0[0] }
    }

    /// Whether a guest's port is under a policy.
    static func hasGuests(under policy: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM ports WHERE (\(portCondition(policy))) AND device_owner LIKE 'compute:%' LIMIT 1")
    }

    private static func portCondition(_ policy: String) -> SQL {
        """
        qos_policy_id = \(policy)
            OR qos_policy_id IS NULL AND network_id IN (SELECT id FROM networks WHERE qos_policy_id = \(policy))
        """
    }

    /// Marks everything under a policy, or under the policy of a network, as changed in the topology.
    static func mark(under policy: String, in transaction: any Transaction) throws {
        let networks: SQL = "SELECT id FROM networks WHERE qos_policy_id = \(policy)"
        let floating: SQL = """
            SELECT router_id AS id FROM floating_ips WHERE qos_policy_id = \(policy) AND router_id IS NOT NULL
            UNION SELECT router_id FROM floating_ips WHERE floating_network_id IN (\(networks)) AND router_id IS NOT NULL
            UNION SELECT id FROM routers WHERE qos_policy_id = \(policy)
            UNION SELECT device_id FROM ports WHERE network_id IN (\(networks)) AND device_owner = \(DeviceOwner.routerGateway)
            """
        let guests: SQL = """
            SELECT id FROM ports WHERE (\(portCondition(policy))) AND device_owner NOT IN \(in: DeviceOwner.infrastructure.sorted())
            """
        try TopologyChangeRecords.mark(.network, select: networks, in: transaction)
        try TopologyChangeRecords.mark(.port, select: guests, in: transaction)
        try TopologyChangeRecords.mark(.router, select: floating, in: transaction)
    }
}
