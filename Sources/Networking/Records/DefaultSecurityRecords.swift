import CloudCore
import CloudStore

/// The templates of security group rules.
enum DefaultSecurityRuleRecords {
    private static let columns: SQL = """
        id, direction, ethertype, protocol, port_range_min, port_range_max, remote_ip_prefix, remote_group_id, \
        remote_address_group_id, description, used_in_default_sg, used_in_non_default_sg
        """

    static let listing = Listing("default_security_group_rules", [
        "direction": .column("direction"), "ethertype": .column("ethertype"), "protocol": .column("protocol"),
        "port_range_min": .column("port_range_min", .integer), "port_range_max": .column("port_range_max", .integer),
        "remote_ip_prefix": .column("remote_ip_prefix"), "remote_group_id": .column("remote_group_id"),
        "remote_address_group_id": .column("remote_address_group_id"),
        "used_in_default_sg": .column("used_in_default_sg", .boolean, isSorted: false),
        "used_in_non_default_sg": .column("used_in_non_default_sg", .boolean, isSorted: false),
    ], without: ["name", "project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    private static func rule(_ row: borrowing Row) throws -> DefaultSecurityGroupRule {
        var draft = SecurityRuleDraft(groupID: "", try row[1], try row[2])
        draft.ipProtocol = try row[3]
        draft.portMin = try row[4]
        draft.portMax = try row[5]
        draft.remoteCIDR = try row[6]
        draft.remoteGroupID = try row[7]
        draft.remoteAddressGroupID = try row[8]
        draft.description = try row[9]
        return DefaultSecurityGroupRule(
            id: try row[0], draft: draft, isForDefaultGroups: try row[10], isForOtherGroups: try row[11])
    }

    static func insert(_ rule: DefaultSecurityGroupRule, in transaction: any Transaction) throws {
        let draft = rule.draft
        try transaction.execute(
            """
            INSERT INTO default_security_group_rules (id, direction, ethertype, protocol, port_range_min, port_range_max,
                remote_ip_prefix, remote_group_id, remote_address_group_id, description,
                used_in_default_sg, used_in_non_default_sg)
            VALUES (\(rule.id), \(draft.direction), \(draft.etherType), \(draft.ipProtocol), \(draft.portMin), \(draft.portMax),
                \(draft.remoteCIDR), \(draft.remoteGroupID), \(draft.remoteAddressGroupID), \(draft.description),
                \(rule.isForDefaultGroups), \(rule.isForOtherGroups))
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM default_security_group_rules WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> DefaultSecurityGroupRule? {
        try reader.first("SELECT \(columns) FROM default_security_group_rules WHERE id = \(id)", rule)
    }

    static func list(_ request: ListRequest, in reader: any Reader) throws -> [DefaultSecurityGroupRule] {
        try reader.page(columns, listing, request, visibility: nil, rule)
    }

    /// Every template.
    static func all(in reader: any Reader) throws -> [DefaultSecurityGroupRule] {
        try reader.all("SELECT \(columns) FROM default_security_group_rules ORDER BY id", rule)
    }

    /// The templates of new groups. One about a remote group that is gone is left out: nobody is in that group.
    static func applicable(isDefault: Bool, in reader: any Reader) throws -> [DefaultSecurityGroupRule] {
        let column: SQL = isDefault ? "used_in_default_sg" : "used_in_non_default_sg"
        return try reader.all(
            """
            SELECT \(columns) FROM default_security_group_rules WHERE \(column) = \(true)
            AND (remote_group_id IS NULL OR remote_group_id = \(DefaultSecurityGroupRule.parent)
                OR remote_group_id IN (SELECT id FROM security_groups))
            AND (remote_address_group_id IS NULL OR remote_address_group_id IN (SELECT id FROM address_groups))
            ORDER BY id
            """, rule)
    }
}

/// The settings of whether new groups have state.
enum DefaultStatefulnessRecords {
    private static let columns: SQL = "id, project_id, stateful"

    static let listing = Listing("default_statefulness", [
        "stateful": .column("stateful", .boolean),
    ], without: ["name", "description", "revision_number", "created_at", "updated_at"])

    private static func setting(_ row: borrowing Row) throws -> DefaultStatefulness {
        DefaultStatefulness(id: try row[0], projectID: try row[1], isStateful: try row[2])
    }

    static func insert(_ setting: DefaultStatefulness, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO default_statefulness (id, project_id, stateful)
            VALUES (\(setting.id), \(setting.projectID), \(setting.isStateful))
            """)
    }

    static func update(_ setting: DefaultStatefulness, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE default_statefulness SET stateful = \(setting.isStateful) WHERE id = \(setting.id)")
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM default_statefulness WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> DefaultStatefulness? {
        try reader.first("SELECT \(columns) FROM default_statefulness WHERE id = \(id)", setting)
    }

    static func find(project: String, in reader: any Reader) throws -> DefaultStatefulness? {
        try reader.first("SELECT \(columns) FROM default_statefulness WHERE project_id = \(project)", setting)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [DefaultStatefulness] {
        try reader.page(columns, listing, request, visibility: visibility.ownRows, setting)
    }

    /// Whether a project's new groups have state: by its own setting, else by everyone's, else yes.
    static func isStateful(project: String, in reader: any Reader) throws -> Bool {
        try find(project: project, in: reader)?.isStateful ?? find(project: "", in: reader)?.isStateful ?? true
    }
}
