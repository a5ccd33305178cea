import CloudCore
import CloudStore

/// Groups and their members in the database.
enum GroupRecords {
    static let filters = FilterColumns(["name": ("g.name", .text), "domain_id": ("g.domain_id", .text)])

    private static let columns: SQL = "g.id, g.name, g.domain_id, g.description, g.extra"

    private static func group(_ row: borrowing Row) throws -> Group {
        Group(
            id: try row[0], name: try row[1], domainID: try row[2], description: try row[3],
            extra: (try row[4] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Group? {
        try reader.first("SELECT \(columns) FROM identity_groups g WHERE g.id = \(id)", group)
    }

    static func find(name: String, domainID: String, _ reader: any Reader) throws -> Group? {
        try reader.first("SELECT \(columns) FROM identity_groups g WHERE g.name = \(name) AND g.domain_id = \(domainID)", group)
    }

    static func all(_ ids: some Sequence<String>, _ reader: any Reader) throws -> [Group] {
        try reader.all("SELECT \(columns) FROM identity_groups g WHERE g.id IN \(in: ids)", group)
    }

    /// The groups of a domain that have one of these names, in order of their ids.
    static func all(named names: some Sequence<String>, inDomain domainID: String, _ reader: any Reader) throws -> [Group] {
        try reader.all(
            "SELECT \(columns) FROM identity_groups g WHERE g.domain_id = \(domainID) AND g.name IN \(in: names) ORDER BY g.id", group)
    }

    /// Groups in order of their ids.
    /// - Parameter userID: only those a user is a member of.
    static func list(_ query: ListQuery, ofUser userID: String? = nil, _ reader: any Reader) throws -> [Group] {
        let membership: [SQL] = userID.map {
            [
                """
                g.id IN (SELECT group_id FROM identity_group_members WHERE user_id = \($0)
                    UNION \(ExpiringMembershipRecords.groupIDs(of: $0, at: .now)))
                """
            ]
        } ?? []
        let matching = query.whereClause(filters, id: "g.id", and: membership)
        return try reader.all("SELECT \(columns) FROM identity_groups g\(matching)\(query.pageClause(id: "g.id"))", group)
    }

    static func insert(_ group: Group, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_groups (id, name, domain_id, description, extra)
            VALUES (\(group.id), \(group.name), \(group.domainID), \(group.description), \(JSON.object(group.extra)))
            """)
    }

    static func update(_ group: Group, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_groups SET name = \(group.name), description = \(group.description),
                extra = \(JSON.object(group.extra)) WHERE id = \(group.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_groups WHERE id = \(id)")
    }

    static func hasMember(_ userID: String, _ groupID: String, _ reader: any Reader) throws -> Bool {
        try reader.scalar(
            """
            SELECT 1 FROM identity_groups WHERE id = \(groupID) AND id IN (
                SELECT group_id FROM identity_group_members WHERE user_id = \(userID)
                UNION \(ExpiringMembershipRecords.groupIDs(of: userID, at: .now)))
            """, as: Int.self) != nil
    }

    static func addMember(_ userID: String, _ groupID: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_group_members (group_id, user_id) VALUES (\(groupID), \(userID))
            ON CONFLICT (group_id, user_id) DO NOTHING
            """)
    }

    /// Whether there was such a member.
    static func removeMember(_ userID: String, _ groupID: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "DELETE FROM identity_group_members WHERE group_id = \(groupID) AND user_id = \(userID)") > 0
    }

    /// The members of several groups.
    static func members(of groupIDs: some Sequence<String>, _ reader: any Reader) throws -> [String: [String]] {
        var members: [String: [String]] = [:]
        let sql: SQL = "SELECT group_id, user_id FROM identity_group_members WHERE group_id IN \(in: groupIDs) ORDER BY user_id"
        try reader.forEach(sql) { row in members[try row[0], default: []].append(try row[1]) }
        return members
    }
}
