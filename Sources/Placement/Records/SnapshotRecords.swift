import CloudStore

/// Reads providers with all that candidates are made of: a query for each kind of row, none for a single provider.
enum SnapshotRecords {
    /// All providers of some shards, sorted by UUID.
    /// - Parameter shards: nil for every provider.
    static func load(_ shards: Set<String>?, in reader: any Reader) throws -> [ProviderState] {
        func range(_ column: SQL) -> SQL { shards.map { self.range($0.sorted(), column) } ?? "1 = 1" }
        var providers: [ProviderState] = []
        var places: [String: Int] = [:]
        try reader.forEach("""
            SELECT uuid, parent_uuid, root_uuid FROM placement_providers WHERE \(range("uuid")) ORDER BY uuid
            """) { row in
            let provider = ProviderState(uuid: try row[0], parentUUID: try row[1], rootUUID: try row[2])
            places[provider.uuid] = providers.count
            providers.append(provider)
        }
        try reader.forEach("""
            SELECT provider_uuid, resource_class, capacity, min_unit, max_unit, step_size FROM placement_inventories
            WHERE \(range("provider_uuid"))
            """) { row in
            guard let place = places[try row[0]] else { return }
            providers[place].inventories[try row[1]] = InventoryState(
                capacity: try row[2], used: 0, minimumUnit: try row[3], maximumUnit: try row[4], stepSize: try row[5])
        }
        try reader.forEach("""
            SELECT provider_uuid, resource_class, CAST(SUM(amount) AS BIGINT) FROM placement_allocations
            WHERE \(range("provider_uuid")) GROUP BY provider_uuid, resource_class
            """) { row in
            guard let place = places[try row[0]] else { return }
            providers[place].inventories[try row[1]]?.used = try row[2]
        }
        try reader.forEach("SELECT provider_uuid, trait FROM placement_provider_traits WHERE \(range("provider_uuid"))") { row in
            if let place = places[try row[0]] { providers[place].traits.insert(try row[1]) }
        }
        try reader.forEach("""
            SELECT provider_uuid, aggregate_uuid FROM placement_provider_aggregates WHERE \(range("provider_uuid"))
            """) { row in
            if let place = places[try row[0]] { providers[place].aggregates.insert(try row[1]) }
        }
        return providers
    }

    /// How much the providers of some shards have given, by provider and resource class.
    static func usage(of shards: Set<String>, in reader: any Reader) throws -> [String: [String: Int]] {
        // A SELECT for each shard: an index is then read from end to end, where ranges in one condition are gone through one by one and
        // compared with what was found before.
        let parts = shards.sorted().map { shard -> SQL in
            """
            SELECT provider_uuid, resource_class, CAST(SUM(amount) AS BIGINT) FROM placement_allocations
            WHERE \(range([shard], "provider_uuid")) GROUP BY provider_uuid, resource_class
            """
        }
        var usage: [String: [String: Int]] = [:]
        guard !parts.isEmpty else { return usage }
        try reader.forEach(parts.joined(separator: " UNION ALL ")) { row in
            usage[try row[0], default: [:]][try row[1]] = try row[2] as Int
        }
        return usage
    }

    /// UUIDs are hexadecimal: whatever begins like the shard comes before the shard's name with a letter after those.
    private static func range(_ shards: [String], _ column: SQL) -> SQL {
        let ranges = shards.map { shard -> SQL in "\(column) >= \(shard) AND \(column) < \(shard + "g")" }
        return "(" + ranges.joined(separator: " OR ") + ")"
    }
}
