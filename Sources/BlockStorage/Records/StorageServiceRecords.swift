import CloudCore
import CloudStore
import VolumeMessages

extension StorageService.Binary: SQLConvertible {}

/// The rows of services and of the pools that they report.
enum StorageServiceRecords {
    private static let columns: SQL = """
        id, service, host, availability_zone, is_disabled, disabled_reason, is_frozen, failure, seen_at, created_at
        """

    private static func service(_ row: borrowing Row) throws -> StorageService {
        StorageService(
            id: try row[0], binary: try row[1], host: try row[2], availabilityZone: try row[3], isDisabled: try row[4],
            disabledReason: try row[5], isFrozen: try row[6], failure: try row[7], seenAt: try row[8], createdAt: try row[9])
    }

    static func find(_ binary: StorageService.Binary, host: String, in reader: any Reader) throws -> StorageService? {
        try reader.first("SELECT \(columns) FROM volume_services WHERE service = \(binary) AND host = \(host)", service)
    }

    /// All services, by program and host.
    static func all(in reader: any Reader) throws -> [StorageService] {
        try reader.all("SELECT \(columns) FROM volume_services ORDER BY service, host", service)
    }

    /// Notes that a service is alive, and what it said of itself.
    @discardableResult
    static func report(
        _ binary: StorageService.Binary, host: String, zone: String, failure: String? = nil, in transaction: any Transaction
    ) throws -> StorageService {
        let now = Timestamp.now
        if var known = try find(binary, host: host, in: transaction) {
            try transaction.execute("UPDATE volume_services SET seen_at = \(now), failure = \(failure) WHERE id = \(known.id)")
            (known.seenAt, known.failure) = (now, failure)
            return known
        }
        let new = StorageService(
            id: Identifier.passing(), binary: binary, host: host, availabilityZone: zone, failure: failure, seenAt: now, createdAt: now)
        try transaction.execute(
            """
            INSERT INTO volume_services (\(columns)) VALUES (\(new.id), \(new.binary), \(new.host), \(new.availabilityZone),
                \(new.isDisabled), \(new.disabledReason), \(new.isFrozen), \(new.failure), \(new.seenAt), \(new.createdAt))
            """)
        return new
    }

    /// Saves what operators decide about a service.
    static func update(_ service: StorageService, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volume_services SET is_disabled = \(service.isDisabled), disabled_reason = \(service.disabledReason),
                is_frozen = \(service.isFrozen), availability_zone = \(service.availabilityZone)
            WHERE id = \(service.id)
            """)
    }

    // MARK: Pools

    /// Every pool that is known, with the service it belongs to.
    static func pools(in reader: any Reader) throws -> [KnownPool] {
        let services = Dictionary(uniqueKeysWithValues: try all(in: reader).map { ($0.id, $0) })
        let rows = try reader.all("SELECT service_id, report FROM volume_pools ORDER BY name") { row in
            (service: try row[0] as String, report: try (row[1] as Stored<VolumePool>).value)
        }
        return rows.compactMap { row in
            services[row.service].map { KnownPool(name: VolumeHostName(row.report), report: row.report, service: $0) }
        }
    }

    /// Replaces the pools of a service by those that it reports.
    static func replacePools(_ pools: [VolumePool], of service: StorageService, in transaction: any Transaction) throws {
        let names = pools.map { VolumeHostName($0).text }
        for (pool, name) in zip(pools, names) {
            try transaction.execute(
                """
                INSERT INTO volume_pools (name, service_id, report) VALUES (\(name), \(service.id), \(Stored(pool)))
                ON CONFLICT (name) DO UPDATE SET service_id = excluded.service_id, report = excluded.report
                """)
        }
        let gone: SQL = names.isEmpty ? "" : " AND name NOT IN \(in: names)"
        try transaction.execute("DELETE FROM volume_pools WHERE service_id = \(service.id)\(gone)")
    }
}

extension VolumeHostName {
    /// A reported pool's name.
    init(_ pool: VolumePool) { self.init(host: pool.host, backend: pool.backend, pool: pool.pool) }
}
