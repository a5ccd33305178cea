import CloudCore
import CloudStore

/// The address groups' rows.
enum AddressGroupRecords {
    private static let columns: SQL = "id, project_id, name, description, created_at, updated_at, revision_number"

    static let listing = Listing("address_groups", [:])

    private static func group(_ row: borrowing Row) throws -> AddressGroup {
        AddressGroup(
            id: try row[0], projectID: try row[1], name: try row[2], addresses: [], standard: try StandardAttributes(row, at: 3))
    }

    /// Adds the addresses and whom the groups are open to.
    private static func complete(_ groups: [AddressGroup], in reader: any Reader) throws -> [AddressGroup] {
        let ids = groups.map(\.id)
        let addresses = try addresses(of: ids, in: reader)
        let sharing = try SharingRecords.sharing(of: ids, in: reader)
        return groups.map { group in
            var group = group
            group.addresses = addresses[group.id] ?? []
            group.sharing = sharing[group.id] ?? .none
            return group
        }
    }

    /// The groups' ranges by group, in order.
    static func addresses(of groups: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            groups,
            {
                """
                SELECT address_group_id, address FROM address_group_addresses WHERE address_group_id IN \(in: $0)
                ORDER BY address
                """
            }
        ) { (try $0[0], try $0[1]) }
    }

    static func insert(_ group: AddressGroup, in transaction: any Transaction) throws {
        let standard = group.standard
        try transaction.execute(
            """
            INSERT INTO address_groups (id, project_id, name, description, created_at, updated_at, revision_number)
            VALUES (\(group.id), \(group.projectID), \(group.name), \(standard.description), \(standard.createdAt),
                \(standard.updatedAt), \(standard.revision))
            """)
        try add(group.addresses, to: group.id, in: transaction)
    }

    static func update(_ group: AddressGroup, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE address_groups SET name = \(group.name), description = \(group.standard.description),
                updated_at = \(group.standard.updatedAt), revision_number = \(group.standard.revision)
            WHERE id = \(group.id)
            """)
    }

    static func add(_ addresses: [String], to id: String, in transaction: any Transaction) throws {
        for address in addresses {
            try transaction.execute(
                "INSERT INTO address_group_addresses (address_group_id, address) VALUES (\(id), \(address))")
        }
    }

    static func remove(_ addresses: [String], from id: String, in transaction: any Transaction) throws {
        for address in addresses {
            try transaction.execute(
                "DELETE FROM address_group_addresses WHERE address_group_id = \(id) AND address = \(address)")
        }
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM address_groups WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> AddressGroup? {
        try complete(try reader.all("SELECT \(columns) FROM address_groups WHERE id = \(id)", group), in: reader).first
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [AddressGroup] {
        try complete(
            try reader.page(columns, listing, request, visibility: visibility.condition(), group), in: reader)
    }

    /// The security groups whose rules name an address group.
    static func securityGroups(naming id: String, in reader: any Reader) throws -> [String] {
        try reader.all(
            "SELECT DISTINCT security_group_id FROM security_group_rules WHERE remote_address_group_id = \(id)") { try $0[0] }
    }
}
