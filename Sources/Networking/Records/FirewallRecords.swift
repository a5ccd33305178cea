import CloudCore
import CloudStore

extension FirewallRule.Action: SQLConvertible {}

/// The firewall rules' rows.
enum FirewallRuleRecords {
    private static let columns: SQL = """
        id, project_id, name, shared, protocol, ip_version, source_ip_address, destination_ip_address, source_port, \
        destination_port, action, enabled, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("firewall_rules", [
        "shared": .column("shared", .boolean), "protocol": .column("protocol"), "ip_version": .column("ip_version", .integer),
        "source_ip_address": .column("source_ip_address"), "destination_ip_address": .column("destination_ip_address"),
        "action": .column("action"), "enabled": .column("enabled", .boolean),
    ])

    private static func rule(_ row: borrowing Row) throws -> FirewallRule {
        FirewallRule(
            id: try row[0], projectID: try row[1], name: try row[2], isShared: try row[3], ipProtocol: try row[4],
            ipVersion: try row[5], source: try row[6], destination: try row[7], sourcePort: try row[8],
            destinationPort: try row[9], action: try row[10], isEnabled: try row[11],
            standard: try StandardAttributes(row, at: 12))
    }

    static func insert(_ rule: FirewallRule, in transaction: any Transaction) throws {
        let standard = rule.standard
        try transaction.execute(
            """
            INSERT INTO firewall_rules (id, project_id, name, description, shared, protocol, ip_version, source_ip_address,
                destination_ip_address, source_port, destination_port, action, enabled,
                created_at, updated_at, revision_number)
            VALUES (\(rule.id), \(rule.projectID), \(rule.name), \(standard.description), \(rule.isShared),
                \(rule.ipProtocol), \(rule.ipVersion), \(rule.source), \(rule.destination), \(rule.sourcePort),
                \(rule.destinationPort), \(rule.action), \(rule.isEnabled),
                \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ rule: FirewallRule, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE firewall_rules SET name = \(rule.name), description = \(rule.standard.description),
                shared = \(rule.isShared), protocol = \(rule.ipProtocol), ip_version = \(rule.ipVersion),
                source_ip_address = \(rule.source), destination_ip_address = \(rule.destination),
                source_port = \(rule.sourcePort), destination_port = \(rule.destinationPort), action = \(rule.action),
                enabled = \(rule.isEnabled), updated_at = \(rule.standard.updatedAt),
                revision_number = \(rule.standard.revision)
            WHERE id = \(rule.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM firewall_rules WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> FirewallRule? {
        try reader.first("SELECT \(columns) FROM firewall_rules WHERE id = \(id)", rule)
    }

    /// The rules with these ids, by id.
    static func find(_ ids: [String], in reader: any Reader) throws -> [String: FirewallRule] {
        try reader.grouped(ids, { "SELECT \(columns) FROM firewall_rules WHERE id IN \(in: $0)" }) { row in
            let rule = try rule(row)
            return (rule.id, rule)
        }.compactMapValues(\.first)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [FirewallRule] {
        try reader.page(columns, listing, request, visibility: visibility.ownOrSharedRows, rule)
    }
}

/// The firewall policies' rows, and the order of their rules.
enum FirewallPolicyRecords {
    private static let columns: SQL = """
        id, project_id, name, shared, audited, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("firewall_policies", [
        "shared": .column("shared", .boolean), "audited": .column("audited", .boolean),
        "firewall_rules": .custom { "id IN (SELECT policy_id FROM firewall_policy_rules WHERE rule_id IN \(in: $0))" },
    ])

    private static func policy(_ row: borrowing Row) throws -> FirewallPolicy {
        FirewallPolicy(
            id: try row[0], projectID: try row[1], name: try row[2], isShared: try row[3], isAudited: try row[4],
            standard: try StandardAttributes(row, at: 5))
    }

    static func insert(_ policy: FirewallPolicy, in transaction: any Transaction) throws {
        let standard = policy.standard
        try transaction.execute(
            """
            INSERT INTO firewall_policies (id, project_id, name, description, shared, audited,
                created_at, updated_at, revision_number)
            VALUES (\(policy.id), \(policy.projectID), \(policy.name), \(standard.description), \(policy.isShared),
                \(policy.isAudited), \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ policy: FirewallPolicy, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE firewall_policies SET name = \(policy.name), description = \(policy.standard.description),
                shared = \(policy.isShared), audited = \(policy.isAudited), updated_at = \(policy.standard.updatedAt),
                revision_number = \(policy.standard.revision)
            WHERE id = \(policy.id)
            """)
    }

    /// Deletes the row; its rules stay.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM firewall_policies WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> FirewallPolicy? {
        try reader.first("SELECT \(columns) FROM firewall_policies WHERE id = \(id)", policy)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [FirewallPolicy] {
        try reader.page(columns, listing, request, visibility: visibility.ownOrSharedRows, policy)
    }

    /// The rules of policies by policy, in order.
    static func ruleIDs(policies: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            policies,
            { "SELECT policy_id, rule_id FROM firewall_policy_rules WHERE policy_id IN \(in: $0) ORDER BY position" }
        ) { (try $0[0], try $0[1]) }
    }

    /// The policies that have rules by rule.
    static func ids(rules: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            rules, { "SELECT rule_id, policy_id FROM firewall_policy_rules WHERE rule_id IN \(in: $0) ORDER BY policy_id" }
        ) { (try $0[0], try $0[1]) }
    }

    /// Gives a policy exactly these rules in this order.
    static func setRules(_ ids: [String], of policy: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM firewall_policy_rules WHERE policy_id = \(policy)")
        for (position, id) in ids.enumerated() {
            try transaction.execute(
                """
                INSERT INTO firewall_policy_rules (policy_id, rule_id, position)
                VALUES (\(policy), \(id), \(position + 1))
                """)
        }
    }

    /// Notes that policies have changed since someone looked them over.
    static func unaudit(_ ids: [String], in transaction: any Transaction) throws {
        for batch in batches(ids) {
            try transaction.execute("UPDATE firewall_policies SET audited = \(false) WHERE id IN \(in: batch)")
        }
    }
}

/// The firewall groups' rows, and their ports.
enum FirewallGroupRecords {
    private static let columns: SQL = """
        id, project_id, name, shared, admin_state_up, default_of, ingress_policy_id, egress_policy_id, \
        description, created_at, updated_at, revision_number
        """

    static let listing = Listing("firewall_groups", [
        "shared": .column("shared", .boolean), "admin_state_up": .column("admin_state_up", .boolean),
        "ingress_firewall_policy_id": .column("ingress_policy_id"), "egress_firewall_policy_id": .column("egress_policy_id"),
        "ports": .custom { "id IN (SELECT group_id FROM firewall_group_ports WHERE port_id IN \(in: $0))" },
        "status": .custom { values in
            let ported: SQL = "EXISTS (SELECT 1 FROM firewall_group_ports WHERE group_id = firewall_groups.id)"
            let conditions: [SQL] = values.map { value in
                switch value {
                case "ACTIVE": "(admin_state_up = \(true) AND \(ported))"
                case "INACTIVE": "(admin_state_up = \(true) AND NOT \(ported))"
                case "DOWN": "admin_state_up = \(false)"
                default: "1 = 0"
                }
            }
            return "(\(conditions.joined(separator: " OR ")))"
        },
    ])

    private static func group(_ row: borrowing Row) throws -> FirewallGroup {
        let owner: String? = try row[5]
        return FirewallGroup(
            id: try row[0], projectID: try row[1], name: try row[2], isShared: try row[3], isAdminUp: try row[4],
            isDefault: owner != nil, ingressPolicyID: try row[6], egressPolicyID: try row[7],
            standard: try StandardAttributes(row, at: 8))
    }

    /// Inserts the row; answers whether it was, which it is not when the project has a default group already.
    static func insert(_ group: FirewallGroup, in transaction: any Transaction) throws -> Bool {
        let standard = group.standard
        return try transaction.execute(
            """
            INSERT INTO firewall_groups (id, project_id, name, description, shared, admin_state_up, default_of,
                ingress_policy_id, egress_policy_id, created_at, updated_at, revision_number)
            VALUES (\(group.id), \(group.projectID), \(group.name), \(standard.description), \(group.isShared),
                \(group.isAdminUp), \(group.isDefault ? group.projectID : nil), \(group.ingressPolicyID),
                \(group.egressPolicyID), \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            ON CONFLICT (default_of) DO NOTHING
            """) > 0
    }

    static func update(_ group: FirewallGroup, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE firewall_groups SET name = \(group.name), description = \(group.standard.description),
                shared = \(group.isShared), admin_state_up = \(group.isAdminUp),
                ingress_policy_id = \(group.ingressPolicyID), egress_policy_id = \(group.egressPolicyID),
                updated_at = \(group.standard.updatedAt), revision_number = \(group.standard.revision)
            WHERE id = \(group.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM firewall_groups WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> FirewallGroup? {
        try reader.first("SELECT \(columns) FROM firewall_groups WHERE id = \(id)", group)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [FirewallGroup] {
        try reader.page(columns, listing, request, visibility: visibility.ownOrSharedRows, group)
    }

    /// Whether a project has its default group.
    static func hasDefault(project: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM firewall_groups WHERE default_of = \(project)")
    }

    /// The groups that use any of these policies.
    static func using(policies: [String], in reader: any Reader) throws -> [FirewallGroup] {
        var groups: [FirewallGroup] = []
        for batch in batches(policies) {
            groups += try reader.all(
                """
                SELECT \(columns) FROM firewall_groups
                WHERE ingress_policy_id IN \(in: batch) OR egress_policy_id IN \(in: batch) ORDER BY id
                """, group)
        }
        return groups
    }

    /// The ports of groups by group.
    static func ports(groups: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            groups, { "SELECT group_id, port_id FROM firewall_group_ports WHERE group_id IN \(in: $0) ORDER BY port_id" }
        ) { (try $0[0], try $0[1]) }
    }

    /// The groups of ports by port.
    static func groups(ports: [String], in reader: any Reader) throws -> [String: FirewallGroup] {
        let ids = try reader.grouped(
            ports, { "SELECT port_id, group_id FROM firewall_group_ports WHERE port_id IN \(in: $0)" }
        ) { (try $0[0] as String, try $0[1] as String) }.compactMapValues(\.first)
        let groups = try reader.grouped(
            Array(Set(ids.values)), { "SELECT \(columns) FROM firewall_groups WHERE id IN \(in: $0)" }
        ) { row in
            let group = try group(row)
            return (group.id, group)
        }.compactMapValues(\.first)
        return ids.compactMapValues { groups[$0] }
    }

    /// Gives a group exactly these ports.
    static func setPorts(_ ids: [String], of group: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM firewall_group_ports WHERE group_id = \(group)")
        for id in ids {
            try transaction.execute("INSERT INTO firewall_group_ports (port_id, group_id) VALUES (\(id), \(group))")
        }
    }

    /// What firewalls do with the traffic of these ports, by port; ports without a firewall are left out. A constant
    /// number of queries for however many ports.
    static func effective(ports: [String], in reader: any Reader) throws -> [String: EffectiveFirewall] {
        let groups = try groups(ports: ports, in: reader)
        let policies = Set(groups.values.flatMap { [$0.ingressPolicyID, $0.egressPolicyID].compactMap { $0 } })
        let order = try FirewallPolicyRecords.ruleIDs(policies: Array(policies), in: reader)
        let rules = try FirewallRuleRecords.find(Array(Set(order.values.joined())), in: reader)
        func enabled(_ policy: String?) -> [FirewallRule] {
            (policy.flatMap { order[$0] } ?? []).compactMap { rules[$0] }.filter(\.isEnabled)
        }
        return groups.mapValues {
            EffectiveFirewall(
                groupID: $0.id, isAdminUp: $0.isAdminUp, ingress: enabled($0.ingressPolicyID),
                egress: enabled($0.egressPolicyID))
        }
    }
}
