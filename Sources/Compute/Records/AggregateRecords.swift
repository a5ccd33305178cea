import CloudCore
import CloudStore

/// The aggregates' rows.
enum AggregateRecords {
    private static let columns: SQL = "id, uuid, name, metadata, created_at, updated_at"

    private static func aggregate(_ row: borrowing Row) throws -> Aggregate {
        let metadata: JSON = try row[3]
        return Aggregate(
            id: try row[0], uuid: try row[1], name: try row[2], metadata: metadata.stringDictionary, hosts: [],
            createdAt: try row[4], updatedAt: try row[5])
    }

    /// Every aggregate with its hosts, in the order of their ids.
    static func all(in reader: any Reader) throws -> [Aggregate] {
        var aggregates = try reader.all("SELECT \(columns) FROM compute_aggregates ORDER BY id", aggregate)
        let places = Dictionary(uniqueKeysWithValues: aggregates.enumerated().map { ($1.id, $0) })
        try reader.forEach("SELECT aggregate_id, host FROM compute_aggregate_hosts ORDER BY aggregate_id, host") { row in
            if let place = places[try row[0]] { aggregates[place].hosts.append(try row[1]) }
        }
        return aggregates
    }

    /// An aggregate with its hosts.
    static func find(_ id: Int, in reader: any Reader) throws -> Aggregate? {
        guard var aggregate = try reader.first("SELECT \(columns) FROM compute_aggregates WHERE id = \(id)", aggregate)
        else { return nil }
        aggregate.hosts = try reader.all(
            "SELECT host FROM compute_aggregate_hosts WHERE aggregate_id = \(id) ORDER BY host") { try $0[0] }
        return aggregate
    }

    /// The id of the aggregate of a name.
    static func id(named name: String, in reader: any Reader) throws -> Int? {
        try reader.scalar("SELECT id FROM compute_aggregates WHERE name = \(name)")
    }

    static func insert(_ aggregate: Aggregate, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_aggregates (\(columns)) VALUES (\(aggregate.id), \(aggregate.uuid), \(aggregate.name),
                \(JSON(aggregate.metadata)), \(aggregate.createdAt), \(aggregate.updatedAt))
            """)
        try HostChangeRecords.note(.aggregates, in: transaction)
    }

    /// Saves an aggregate's name, metadata and time of change.
    static func update(_ aggregate: Aggregate, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_aggregates SET name = \(aggregate.name), metadata = \(JSON(aggregate.metadata)),
                updated_at = \(aggregate.updatedAt) WHERE id = \(aggregate.id)
            """)
        try HostChangeRecords.note(.aggregates, in: transaction)
    }

    static func delete(_ id: Int, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_aggregate_hosts WHERE aggregate_id = \(id)")
        try transaction.execute("DELETE FROM compute_aggregates WHERE id = \(id)")
        try HostChangeRecords.note(.aggregates, in: transaction)
    }

    /// - Returns: false when the host was a member already.
    static func add(_ host: String, to id: Int, in transaction: any Transaction) throws -> Bool {
        try HostChangeRecords.note(.aggregates, in: transaction)
        return try transaction.execute(
            """
            INSERT INTO compute_aggregate_hosts (aggregate_id, host) VALUES (\(id), \(host))
            ON CONFLICT (aggregate_id, host) DO NOTHING
            """) > 0
    }

    /// - Returns: false when the host was no member.
    static func remove(_ host: String, from id: Int, in transaction: any Transaction) throws -> Bool {
        try HostChangeRecords.note(.aggregates, in: transaction)
        return try transaction.execute(
            "DELETE FROM compute_aggregate_hosts WHERE aggregate_id = \(id) AND host = \(host)") > 0
    }
}

/// How many servers there are on hosts, counted from the servers' rows.
enum HostLoadRecords {
    /// What a host's servers add up to.
    struct Load: Sendable, Hashable {
        /// Servers that are on it or on their way to it.
        var servers = 0
        /// Those of them that something is being done to.
        var workload = 0
    }

    /// The loads of hosts that have servers.
    /// - Parameter hosts: nil for every host.
    static func loads(of hosts: [String]? = nil, in reader: any Reader) throws -> [String: Load] {
        let range: SQL = hosts.map { "host IN \(in: $0)" } ?? "host IS NOT NULL"
        var loads: [String: Load] = [:]
        try reader.forEach(
            """
            SELECT host, COUNT(*), COUNT(task) FROM compute_servers WHERE \(range) AND deleted_at IS NULL GROUP BY host
            """) { loads[try $0[0]] = Load(servers: try $0[1], workload: try $0[2]) }
        return loads
    }

    /// How many servers on each host keep its disks busy: they are built, copied or moved (nova.compute.stats.io_workload).
    static func diskWork(in reader: any Reader) throws -> [String: Int] {
        var work: [String: Int] = [:]
        try reader.forEach(
            """
            SELECT host, COUNT(*) FROM compute_servers WHERE task IN \(in: Self.diskTasks) AND host IS NOT NULL
                AND task IS NOT NULL AND deleted_at IS NULL GROUP BY host
            """) { work[try $0[0]] = try $0[1] }
        return work
    }

    private static let diskTasks = [
        "block_device_mapping", "image_backup", "image_snapshot", "networking", "rebuilding", "rescuing", "resize_migrating",
        "resize_prep", "shelving", "spawning", "unshelving",
    ]

    /// The servers on hosts by their ids and names, by host.
    static func servers(on hosts: [String], in reader: any Reader) throws -> [String: [(id: String, name: String)]] {
        var servers: [String: [(id: String, name: String)]] = [:]
        try reader.forEach(
            """
            SELECT host, id, name FROM compute_servers WHERE host IN \(in: hosts) AND deleted_at IS NULL
            ORDER BY created_at, id
            """) { servers[try $0[0], default: []].append((try $0[1], try $0[2])) }
        return servers
    }

    /// The hosts of servers that are alive, by their ids.
    static func hosts(of servers: [String], in reader: any Reader) throws -> [String: String] {
        var hosts: [String: String] = [:]
        try reader.forEach(
            "SELECT id, host FROM compute_servers WHERE id IN \(in: servers) AND host IS NOT NULL AND deleted_at IS NULL"
        ) { hosts[try $0[0]] = try $0[1] }
        return hosts
    }

    /// Those of some servers that are alive.
    static func existing(_ servers: [String], in reader: any Reader) throws -> Set<String> {
        Set(try reader.all("SELECT id FROM compute_servers WHERE id IN \(in: servers) AND deleted_at IS NULL") { try $0[0] as String })
    }
}
