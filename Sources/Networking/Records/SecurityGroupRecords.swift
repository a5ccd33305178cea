import CloudCore
import CloudStore

/// The security groups' rows and who is in them.
enum SecurityGroupRecords {
    static let columns: SQL = """
        id, project_id, name, stateful, default_of, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("security_groups", [
        "stateful": .column("stateful", .boolean, isSorted: false), "shared": .shared(),
    ], isTagged: true)

    static func group(_ row: borrowing Row) throws -> SecurityGroup {
        let owner: String? = try row[4]
        return SecurityGroup(
            id: try row[0], projectID: try row[1], name: try row[2], isStateful: try row[3], isDefault: owner != nil,
            standard: try StandardAttributes(row, at: 5))
    }

    static func insert(_ group: SecurityGroup, in transaction: any Transaction) throws {
        let standard = group.standard
        try transaction.execute(
            """
            INSERT INTO security_groups (id, project_id, name, description, stateful, default_of,
                created_at, updated_at, revision_number)
            VALUES (\(group.id), \(group.projectID), \(group.name), \(standard.description), \(group.isStateful),
                \(group.isDefault ? group.projectID : nil), \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ group: SecurityGroup, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE security_groups SET name = \(group.name), description = \(group.standard.description),
                stateful = \(group.isStateful), updated_at = \(group.standard.updatedAt),
                revision_number = \(group.standard.revision)
            WHERE id = \(group.id)
            """)
    }

    /// Deletes a group with its rules, and the rules of other groups that name it.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM security_groups WHERE id = \(id)")
    }

    /// Counts one more change of a group whose rules changed.
    static func touch(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE security_groups SET revision_number = revision_number + 1, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> SecurityGroup? {
        try complete(try reader.all("SELECT \(columns) FROM security_groups WHERE id = \(id)", group), in: reader).first
    }

    /// The groups with these ids, by id.
    static func find(_ ids: some Sequence<String>, in reader: any Reader) throws -> [String: SecurityGroup] {
        let ids = Array(Set(ids))
        let sharing = try SharingRecords.sharing(of: ids, in: reader)
        return try reader.grouped(ids, { "SELECT \(columns) FROM security_groups WHERE id IN \(in: $0)" }) { row in
            var group = try group(row)
            group.sharing = sharing[group.id] ?? .none
            return (group.id, group)
        }.compactMapValues(\.first)
    }

    /// Adds whom the groups are open to.
    private static func complete(_ groups: [SecurityGroup], in reader: any Reader) throws -> [SecurityGroup] {
        let sharing = try SharingRecords.sharing(of: groups.map(\.id), in: reader)
        return groups.map { group in
            var group = group
            group.sharing = sharing[group.id] ?? .none
            return group
        }
    }

    /// The project's groups with a name.
    static func find(name: String, project: String, in reader: any Reader) throws -> [SecurityGroup] {
        try reader.all(
            "SELECT \(columns) FROM security_groups WHERE project_id = \(project) AND name = \(name) ORDER BY id", group)
    }

    /// The id of a project's default group, if it has one already.
    static func defaultID(project: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT id FROM security_groups WHERE default_of = \(project)")
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [SecurityGroup] {
        try complete(try reader.page(columns, listing, request, visibility: visibility.condition(), group), in: reader)
    }

    /// Every group, for the complete topology.
    static func all(in reader: any Reader) throws -> [SecurityGroup] {
        try reader.all("SELECT \(columns) FROM security_groups ORDER BY id", group)
    }

    /// The ports' groups by port, in a stable order.
    static func memberships(ports: RowSelection, in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            ports, of: "port_security_groups", by: "port_id",
            // In the index's own order, so that the groups of ports named by their ids are not sorted.
            { "SELECT port_id, security_group_id FROM \($0) ORDER BY port_id, security_group_id" }
        ) { (try $0[0], try $0[1]) }
    }

    /// Puts a port into groups.
    static func join(port: String, groups: [String], in transaction: any Transaction) throws {
        for group in groups {
            try transaction.execute(
                "INSERT INTO port_security_groups (port_id, security_group_id) VALUES (\(port), \(group))")
        }
    }

    /// Takes a port out of all its groups.
    static func leave(port: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM port_security_groups WHERE port_id = \(port)")
    }

    /// Whether a port is in a group.
    static func isUsed(_ id: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM port_security_groups WHERE security_group_id = \(id) LIMIT 1")
    }
}

/// The rules' rows.
enum SecurityGroupRuleRecords {
    static let columns: SQL = """
        id, security_group_id, project_id, direction, ethertype, protocol, port_range_min, port_range_max, \
        remote_ip_prefix, remote_group_id, remote_address_group_id, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("security_group_rules", [
        "security_group_id": .column("security_group_id"), "direction": .column("direction"),
        "ethertype": .column("ethertype"), "protocol": .column("protocol"),
        "port_range_min": .column("port_range_min", .integer), "port_range_max": .column("port_range_max", .integer),
        "remote_ip_prefix": .column("remote_ip_prefix"), "remote_group_id": .column("remote_group_id"),
        "remote_address_group_id": .column("remote_address_group_id"),
        "belongs_to_default_sg": .custom { values in
            let flags = values.compactMap { LenientBoolean($0)?.value }
            guard flags.count == values.count else { return nil }
            let conditions: [SQL] = flags.map { isIn in
                let negation: SQL = isIn ? "" : "NOT "
                return "security_group_id \(negation)IN (SELECT id FROM security_groups WHERE default_of IS NOT NULL)"
            }
            return "(\(conditions.joined(separator: " OR ")))"
        },
    ], without: ["name"])

    static func rule(_ row: borrowing Row) throws -> SecurityGroupRule {
        SecurityGroupRule(
            id: try row[0], groupID: try row[1], projectID: try row[2], direction: try row[3], etherType: try row[4],
            ipProtocol: try row[5], portMin: try row[6], portMax: try row[7], remoteCIDR: try row[8],
            remoteGroupID: try row[9], remoteAddressGroupID: try row[10], standard: try StandardAttributes(row, at: 11))
    }

    static func insert(_ rule: SecurityGroupRule, in transaction: any Transaction) throws {
        let standard = rule.standard
        try transaction.execute(
            """
            INSERT INTO security_group_rules (id, security_group_id, project_id, direction, ethertype, protocol,
                port_range_min, port_range_max, remote_ip_prefix, remote_group_id, remote_address_group_id,
                description, fingerprint,
                created_at, updated_at, revision_number)
            VALUES (\(rule.id), \(rule.groupID), \(rule.projectID), \(rule.direction), \(rule.etherType),
                \(rule.ipProtocol), \(rule.portMin), \(rule.portMax), \(rule.remoteCIDR), \(rule.remoteGroupID),
                \(rule.remoteAddressGroupID),
                \(standard.description), \(rule.fingerprint),
                \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM security_group_rules WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> SecurityGroupRule? {
        try reader.first("SELECT \(columns) FROM security_group_rules WHERE id = \(id)", rule)
    }

    /// The rule of a group that admits the same traffic; nil when there is none.
    static func duplicate(of rule: SecurityGroupRule, in reader: any Reader) throws -> String? {
        try reader.scalar(
            """
            SELECT id FROM security_group_rules
            WHERE security_group_id = \(rule.groupID) AND fingerprint = \(rule.fingerprint)
            """)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [SecurityGroupRule] {
        try reader.page(columns, listing, request, visibility: visible(visibility), rule)
    }

    private static func visible(_ visibility: Visibility) -> SQL? {
        switch visibility {
        case .everything: nil
        case .project(let project): "security_group_id IN (SELECT id FROM security_groups WHERE project_id = \(project))"
        case .sharedOnly: "1 = 0"
        }
    }

    /// The groups' rules by group, in the order they were made.
    static func all(groups: [String], in reader: any Reader) throws -> [String: [SecurityGroupRule]] {
        try reader.grouped(
            groups,
            { "SELECT \(columns) FROM security_group_rules WHERE security_group_id IN \(in: $0) ORDER BY created_at, id" }
        ) { row in
            let rule = try rule(row)
            return (rule.groupID, rule)
        }
    }

    /// The groups whose rules name a group, which lose those rules with it.
    static func groups(naming id: String, in reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT DISTINCT security_group_id FROM security_group_rules
            WHERE remote_group_id = \(id) AND security_group_id <> \(id)
            """
        ) { try $0[0] }
    }
}
