import CloudCore
import CloudStore

/// Resource providers as rows.
enum ProviderRecords {
    private static let columns: SQL = "p.uuid, p.name, p.generation, p.parent_uuid, p.root_uuid, p.created_at, p.updated_at"

    private static func provider(_ row: borrowing Row) throws -> ResourceProvider {
        ResourceProvider(
            uuid: try row[0], name: try row[1], generation: try row[2], parentUUID: try row[3], rootUUID: try row[4],
            createdAt: try row[5], updatedAt: try row[6])
    }

    static func find(_ uuid: String, in reader: any Reader) throws -> ResourceProvider? {
        try reader.first("SELECT \(columns) FROM placement_providers p WHERE p.uuid = \(uuid)", provider)
    }

    static func find(uuids: [String], in reader: any Reader) throws -> [ResourceProvider] {
        try uuids.chunked.flatMap { chunk in
            try reader.all("SELECT \(columns) FROM placement_providers p WHERE p.uuid IN \(in: chunk)", provider)
        }
    }

    static func list(_ filter: ProviderFilter, in reader: any Reader) throws -> [ResourceProvider] {
        let conditions = ProviderConditions.all(filter, provider: "p.uuid")
        return try reader.all(
            "SELECT \(columns) FROM placement_providers p WHERE \(conditions.joined(separator: " AND ")) ORDER BY p.created_at, p.uuid",
            provider)
    }

    static func uuid(named name: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT uuid FROM placement_providers WHERE name = \(name)")
    }

    static func insert(_ provider: ResourceProvider, in transaction: any Transaction) throws {
        try transaction.execute("""
            INSERT INTO placement_providers (uuid, name, generation, parent_uuid, root_uuid, created_at, updated_at)
            VALUES (\(provider.uuid), \(provider.name), \(provider.generation), \(provider.parentUUID),
                \(provider.rootUUID), \(provider.createdAt), \(provider.updatedAt))
            """)
        try ChangeRecords.note([provider.uuid], in: transaction)
    }

    static func update(_ provider: ResourceProvider, in transaction: any Transaction) throws {
        try transaction.execute("""
            UPDATE placement_providers SET name = \(provider.name), parent_uuid = \(provider.parentUUID),
                root_uuid = \(provider.rootUUID), updated_at = \(provider.updatedAt) WHERE uuid = \(provider.uuid)
            """)
        try ChangeRecords.note([provider.uuid], in: transaction)
    }

    /// Gives a subtree another root.
    static func setRoot(_ root: String, of uuids: some Sequence<String>, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE placement_providers SET root_uuid = \(root) WHERE uuid IN \(in: Array(uuids))")
        try ChangeRecords.note(uuids, in: transaction)
    }

    /// Counts a change of what the providers offer or have given.
    /// - Parameter ofUsage: whether only what they have given has changed.
    static func bumpGenerations(
        of uuids: some Sequence<String>, ofUsage: Bool = false, now: Timestamp, in transaction: any Transaction
    ) throws {
        try transaction.execute("""
            UPDATE placement_providers SET generation = generation + 1, updated_at = \(now)
            WHERE uuid IN \(in: uuids.sorted())
            """)
        if ofUsage { try ChangeRecords.noteUsage(uuids, in: transaction) } else { try ChangeRecords.note(uuids, in: transaction) }
    }

    /// The providers of a tree: each with its parent.
    static func parents(inTree root: String, in reader: any Reader) throws -> [(uuid: String, parent: String?)] {
        try reader.all("SELECT uuid, parent_uuid FROM placement_providers WHERE root_uuid = \(root)") { (try $0[0], try $0[1]) }
    }

    static func hasChildren(_ uuid: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM placement_providers WHERE parent_uuid = \(uuid) LIMIT 1", as: Int.self) != nil
    }

    static func hasAllocations(_ uuid: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM placement_allocations WHERE provider_uuid = \(uuid) LIMIT 1", as: Int.self) != nil
    }

    static func delete(_ uuid: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM placement_providers WHERE uuid = \(uuid)")
        try ChangeRecords.note([uuid], in: transaction)
    }

    // MARK: Aggregates

    static func aggregates(of uuid: String, in reader: any Reader) throws -> [String] {
        try reader.all("""
            SELECT aggregate_uuid FROM placement_provider_aggregates WHERE provider_uuid = \(uuid) ORDER BY aggregate_uuid
            """) { try $0[0] }
    }

    static func setAggregates(_ aggregates: [String], of uuid: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM placement_provider_aggregates WHERE provider_uuid = \(uuid)")
        try ChangeRecords.note([uuid], in: transaction)
        for aggregate in Set(aggregates).sorted() {
            try transaction.execute("""
                INSERT INTO placement_provider_aggregates (provider_uuid, aggregate_uuid) VALUES (\(uuid), \(aggregate))
                """)
        }
    }
}

/// A provider filter as conditions on a column that holds a provider's UUID.
enum ProviderConditions {
    /// - Parameter provider: the column.
    static func all(_ filter: ProviderFilter, provider: SQL) -> [SQL] {
        var conditions: [SQL] = ["1 = 1"]
        if let name = filter.name {
            conditions.append("\(provider) = (SELECT uuid FROM placement_providers WHERE name = \(name))")
        }
        if let uuid = filter.uuid { conditions.append("\(provider) = \(uuid)") }
        if let member = filter.inTree {
            conditions.append("""
                \(provider) IN (SELECT uuid FROM placement_providers WHERE root_uuid =
                    (SELECT root_uuid FROM placement_providers WHERE uuid = \(member)))
                """)
        }
        for (resourceClass, amount) in filter.resources.sorted(by: { $0.key < $1.key }) {
            conditions.append(hasRoom(provider, resourceClass, amount))
        }
        for traits in filter.traits.required { conditions.append("EXISTS (\(traited(provider, traits)))") }
        if !filter.traits.forbidden.isEmpty { conditions.append("NOT EXISTS (\(traited(provider, filter.traits.forbidden)))") }
        for aggregates in filter.memberOf { conditions.append("EXISTS (\(aggregated(provider, aggregates)))") }
        if !filter.forbiddenAggregates.isEmpty {
            conditions.append("NOT EXISTS (\(aggregated(provider, filter.forbiddenAggregates)))")
        }
        return conditions
    }

    /// Whether the provider can give an amount in one allocation and has that much left.
    static func hasRoom(_ provider: SQL, _ resourceClass: String, _ amount: Int) -> SQL {
        """
        EXISTS (SELECT 1 FROM placement_inventories i WHERE i.resource_class = \(resourceClass)
            AND i.provider_uuid = \(provider) AND \(fits(amount)))
        """
    }

    /// The same on the row `i` of the inventories.
    static func fits(_ amount: Int) -> SQL {
        """
        i.min_unit <= \(amount) AND i.max_unit >= \(amount) AND \(amount) % i.step_size = 0
        AND i.capacity >= \(amount) + COALESCE((SELECT CAST(SUM(a.amount) AS BIGINT) FROM placement_allocations a
            WHERE a.provider_uuid = i.provider_uuid AND a.resource_class = i.resource_class), 0)
        """
    }

    private static func traited(_ provider: SQL, _ traits: Set<String>) -> SQL {
        "SELECT 1 FROM placement_provider_traits t WHERE t.provider_uuid = \(provider) AND t.trait IN \(in: traits.sorted())"
    }

    private static func aggregated(_ provider: SQL, _ aggregates: Set<String>) -> SQL {
        """
        SELECT 1 FROM placement_provider_aggregates g WHERE g.provider_uuid = \(provider)
            AND g.aggregate_uuid IN \(in: aggregates.sorted())
        """
    }
}

extension Array {
    /// Pieces short enough for one statement's values.
    var chunked: [[Element]] {
        stride(from: 0, to: count, by: 5_000).map { Array(self[$0..<Swift.min($0 + 5_000, count)]) }
    }
}
