import CloudCore
import CloudStore

extension CIDR: StoredElement {
    var json: JSON { .string(description) }
    init?(json: JSON) {
        guard let text = json.string else { return nil }
        self.init(text)
    }
}

/// The subnet pools' rows.
enum SubnetPoolRecords {
    static let columns: SQL = """
        id, project_id, name, prefixes, ip_version, min_prefixlen, max_prefixlen, default_prefixlen, default_quota, \
        is_default, address_scope_id, description, created_at, updated_at, revision_number
        """

    static let listing = Listing("subnet_pools", [
        "ip_version": .column("ip_version", .integer), "min_prefixlen": .column("min_prefixlen", .integer),
        "max_prefixlen": .column("max_prefixlen", .integer), "default_prefixlen": .column("default_prefixlen", .integer),
        "default_quota": .column("default_quota", .integer), "is_default": .column("is_default", .boolean),
        "address_scope_id": .column("address_scope_id"), "shared": .shared(isSorted: true),
    ], isTagged: true)

    static func pool(_ row: borrowing Row) throws -> SubnetPool {
        let prefixes: StoredList<CIDR> = try row[3]
        let version: Int = try row[4]
        return SubnetPool(
            id: try row[0], projectID: try row[1], name: try row[2], prefixes: prefixes.elements,
            version: IPAddress.Version(rawValue: version) ?? .v4,
            bounds: PrefixBounds(minimum: try row[5], maximum: try row[6], standard: try row[7]), quota: try row[8],
            isDefault: try row[9], scopeID: try row[10], standard: try StandardAttributes(row, at: 11))
    }

    static func insert(_ pool: SubnetPool, in transaction: any Transaction) throws {
        let standard = pool.standard
        try transaction.execute(
            """
            INSERT INTO subnet_pools (id, project_id, name, description, prefixes, ip_version, min_prefixlen, max_prefixlen,
                default_prefixlen, default_quota, is_default, address_scope_id, created_at, updated_at, revision_number)
            VALUES (\(pool.id), \(pool.projectID), \(pool.name), \(standard.description), \(StoredList(pool.prefixes)),
                \(pool.version.rawValue), \(pool.bounds.minimum), \(pool.bounds.maximum), \(pool.bounds.standard),
                \(pool.quota), \(pool.isDefault), \(pool.scopeID), \(standard.createdAt), \(standard.updatedAt),
                \(standard.revision))
            """)
    }

    static func update(_ pool: SubnetPool, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE subnet_pools SET name = \(pool.name), description = \(pool.standard.description),
                prefixes = \(StoredList(pool.prefixes)), min_prefixlen = \(pool.bounds.minimum),
                max_prefixlen = \(pool.bounds.maximum), default_prefixlen = \(pool.bounds.standard),
                default_quota = \(pool.quota), is_default = \(pool.isDefault), address_scope_id = \(pool.scopeID),
                updated_at = \(pool.standard.updatedAt), revision_number = \(pool.standard.revision)
            WHERE id = \(pool.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM subnet_pools WHERE id = \(id)")
    }

    /// Makes two transactions that cut subnets from one pool exclude each other.
    static func lock(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE subnet_pools SET cuts = cuts + 1 WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> SubnetPool? {
        try complete(try reader.all("SELECT \(columns) FROM subnet_pools WHERE id = \(id)", pool), in: reader).first
    }

    /// The default pool of a family among those a caller may find.
    static func standard(
        _ version: IPAddress.Version, _ visibility: Visibility, in reader: any Reader
    ) throws -> SubnetPool? {
        var request = ListRequest()
        request.filters = [
            ListRequest.Filter(attribute: "is_default", values: ["true"]),
            ListRequest.Filter(attribute: "ip_version", values: [String(version.rawValue)]),
        ]
        return try list(request, visibility, in: reader).first
    }

    /// The pools of an address scope.
    static func all(scope: String, in reader: any Reader) throws -> [SubnetPool] {
        try complete(
            try reader.all("SELECT \(columns) FROM subnet_pools WHERE address_scope_id = \(scope) ORDER BY id", pool), in: reader)
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [SubnetPool] {
        try complete(try reader.page(columns, listing, request, visibility: visibility.condition(), pool), in: reader)
    }

    private static func complete(_ pools: [SubnetPool], in reader: any Reader) throws -> [SubnetPool] {
        guard !pools.isEmpty else { return [] }
        let sharing = try SharingRecords.sharing(of: pools.map(\.id), in: reader)
        return pools.map { pool in
            var pool = pool
            pool.sharing = sharing[pool.id] ?? .none
            return pool
        }
    }

    /// The address scopes of networks by network and family: those of their subnets' pools.
    static func scopes(networks: [String], in reader: any Reader) throws -> [String: [IPAddress.Version: String]] {
        try reader.grouped(
            networks,
            {
                """
                SELECT DISTINCT s.network_id, p.ip_version, p.address_scope_id FROM subnets s
                JOIN subnet_pools p ON p.id = s.subnetpool_id
                WHERE s.network_id IN \(in: $0) AND p.address_scope_id IS NOT NULL
                """
            }
        ) { row in
            let version: Int = try row[1]
            return (try row[0] as String, (IPAddress.Version(rawValue: version) ?? .v4, try row[2] as String))
        }.mapValues { Dictionary($0) { first, _ in first } }
    }
}

/// The address scopes' rows.
enum AddressScopeRecords {
    static let columns: SQL = "id, project_id, name, ip_version"

    static let listing = Listing(
        "address_scopes", ["ip_version": .column("ip_version", .integer), "shared": .shared(isSorted: true)],
        without: ["description", "revision_number", "created_at", "updated_at"])

    static func scope(_ row: borrowing Row) throws -> AddressScope {
        let version: Int = try row[3]
        return AddressScope(
            id: try row[0], projectID: try row[1], name: try row[2], version: IPAddress.Version(rawValue: version) ?? .v4)
    }

    static func insert(_ scope: AddressScope, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO address_scopes (id, project_id, name, ip_version)
            VALUES (\(scope.id), \(scope.projectID), \(scope.name), \(scope.version.rawValue))
            """)
    }

    static func update(_ scope: AddressScope, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE address_scopes SET name = \(scope.name) WHERE id = \(scope.id)")
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM address_scopes WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> AddressScope? {
        try complete(try reader.all("SELECT \(columns) FROM address_scopes WHERE id = \(id)", scope), in: reader).first
    }

    static func list(_ request: ListRequest, _ visibility: Visibility, in reader: any Reader) throws -> [AddressScope] {
        try complete(try reader.page(columns, listing, request, visibility: visibility.condition(), scope), in: reader)
    }

    private static func complete(_ scopes: [AddressScope], in reader: any Reader) throws -> [AddressScope] {
        guard !scopes.isEmpty else { return [] }
        let sharing = try SharingRecords.sharing(of: scopes.map(\.id), in: reader)
        return scopes.map { scope in
            var scope = scope
            scope.sharing = sharing[scope.id] ?? .none
            return scope
        }
    }
}
