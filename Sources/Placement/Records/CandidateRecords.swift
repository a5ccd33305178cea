import CloudCore
import CloudStore

/// Finds the providers that have room.
enum CandidateRecords {
    /// The UUIDs of providers that can give all the resources of a filter, in the order of their UUIDs from a place on,
    /// and round again from the beginning. UUIDs are random, and so a random place spreads what is placed.
    /// - Parameters:
    ///   - from: where to begin; the empty text for the beginning.
    ///   - limit: how many at most.
    static func providers(_ filter: ProviderFilter, from place: String, limit: Int, in reader: any Reader) throws -> [String] {
        let first = try providers(filter, "d.provider_uuid >= \(place)", limit, in: reader)
        guard first.count < limit, !place.isEmpty else { return first }
        return first + (try providers(filter, "d.provider_uuid < \(place)", limit - first.count, in: reader))
    }

    private static func providers(_ filter: ProviderFilter, _ range: SQL, _ limit: Int, in reader: any Reader) throws -> [String] {
        guard !filter.resources.isEmpty else { return [] }
        return try reader.all(query(filter, range, limit)) { try $0[0] }
    }

    /// Walks along one class's inventories in the order of their index and stops at the limit: in a cloud with room,
    /// that is after hardly more rows than wanted.
    static func query(_ filter: ProviderFilter, _ range: SQL, _ limit: Int) -> SQL {
        let conditions = ProviderConditions.all(filter, provider: "d.provider_uuid")
        return """
            SELECT d.provider_uuid FROM placement_inventories d WHERE d.resource_class = \(filter.resources.keys.min() ?? "")
                AND \(range) AND \(conditions.joined(separator: " AND ")) ORDER BY d.provider_uuid LIMIT \(limit)
            """
    }

    /// What providers have of each class, and how much of it they have given.
    static func summaries(_ providers: [String], in reader: any Reader) throws -> [String: [ClassSummary]] {
        var summaries: [String: [ClassSummary]] = [:]
        for chunk in providers.chunked {
            try reader.forEach("""
                SELECT i.provider_uuid, i.resource_class, i.capacity, COALESCE((SELECT CAST(SUM(a.amount) AS BIGINT)
                    FROM placement_allocations a WHERE a.provider_uuid = i.provider_uuid
                    AND a.resource_class = i.resource_class), 0)
                FROM placement_inventories i WHERE i.provider_uuid IN \(in: chunk) ORDER BY i.resource_class
                """) { row in
                summaries[try row[0], default: []].append(
                    ClassSummary(resourceClass: try row[1], capacity: try row[2], used: try row[3]))
            }
        }
        return summaries
    }

    /// Whether providers below others, or ones that share with their aggregates, have some of these classes.
    static func haveTreesOrSharing(_ resourceClasses: some Collection<String>, in reader: any Reader) throws -> Bool {
        try reader.scalar("""
            SELECT 1 FROM placement_inventories i WHERE i.resource_class IN \(in: resourceClasses) AND i.provider_uuid IN
                (SELECT uuid FROM placement_providers WHERE parent_uuid IS NOT NULL
                UNION ALL SELECT provider_uuid FROM placement_provider_traits WHERE trait = 'MISC_SHARES_VIA_AGGREGATE')
            LIMIT 1
            """, as: Int.self) != nil
    }
}

/// How much a provider has of a class, and how much of it is given.
struct ClassSummary: Sendable, Hashable {
    let resourceClass: String
    let capacity: Int
    let used: Int
}
