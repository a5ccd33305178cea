import CloudCore
import CloudStore

/// Consumers and what they have been given, as rows.
enum AllocationRecords {
    // MARK: Consumers

    static func consumer(_ uuid: String, in reader: any Reader) throws -> Consumer? {
        try reader.first("SELECT uuid, generation, project_id, user_id, type FROM placement_consumers WHERE uuid = \(uuid)") {
            Consumer(uuid: try $0[0], generation: try $0[1], projectID: try $0[2], userID: try $0[3], type: try $0[4])
        }
    }

    static func put(_ consumer: Consumer, now: Timestamp, in transaction: any Transaction) throws {
        try transaction.execute("""
            INSERT INTO placement_consumers (uuid, generation, project_id, user_id, type, created_at)
            VALUES (\(consumer.uuid), \(consumer.generation), \(consumer.projectID), \(consumer.userID), \(consumer.type), \(now))
            ON CONFLICT (uuid) DO UPDATE SET generation = excluded.generation, project_id = excluded.project_id,
                user_id = excluded.user_id, type = excluded.type
            """)
    }

    static func deleteConsumer(_ uuid: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM placement_consumers WHERE uuid = \(uuid)")
    }

    // MARK: Allocations

    private static func allocation(_ row: borrowing Row) throws -> Allocation {
        Allocation(
            consumer: try row[0], provider: try row[1], resourceClass: try row[2], amount: try row[3], createdAt: try row[4])
    }

    private static let columns: SQL = "a.consumer_uuid, a.provider_uuid, a.resource_class, a.amount, a.created_at"

    static func list(consumer: String, in reader: any Reader) throws -> [Allocation] {
        try reader.all("""
            SELECT \(columns) FROM placement_allocations a WHERE a.consumer_uuid = \(consumer)
            ORDER BY a.provider_uuid, a.resource_class
            """, allocation)
    }

    /// What a provider has given, with each consumer's generation.
    static func list(provider: String, in reader: any Reader) throws -> [(allocation: Allocation, generation: Int)] {
        try reader.all("""
            SELECT \(columns), c.generation FROM placement_allocations a
            JOIN placement_consumers c ON c.uuid = a.consumer_uuid
            WHERE a.provider_uuid = \(provider) ORDER BY a.consumer_uuid, a.resource_class
            """) { (try allocation($0), try $0[5]) }
    }

    /// Everything that is given, by consumers in the order of their UUIDs, a page at a time.
    static func list(afterConsumer consumer: String, limit: Int, in reader: any Reader) throws -> [Allocation] {
        try reader.all("""
            SELECT \(columns) FROM placement_allocations a WHERE a.consumer_uuid IN
                (SELECT uuid FROM placement_consumers WHERE uuid > \(consumer) ORDER BY uuid LIMIT \(limit))
            ORDER BY a.consumer_uuid, a.provider_uuid, a.resource_class
            """, allocation)
    }

    static func insert(_ allocation: Allocation, in transaction: any Transaction) throws {
        try transaction.execute("""
            INSERT INTO placement_allocations (consumer_uuid, provider_uuid, resource_class, amount, created_at)
            VALUES (\(allocation.consumer), \(allocation.provider), \(allocation.resourceClass), \(allocation.amount),
                \(allocation.createdAt))
            """)
    }

    static func delete(consumers: [String], in transaction: any Transaction) throws -> Int {
        try ChangeRecords.noteAllocations(of: consumers, in: transaction)
        return try transaction.execute("DELETE FROM placement_allocations WHERE consumer_uuid IN \(in: consumers)")
    }

    // MARK: Usages

    /// How much of some classes some providers have given, by provider and class.
    static func usage(
        providers: [String], resourceClasses: [String], in reader: any Reader
    ) throws -> [String: Resources] {
        var usage: [String: Resources] = [:]
        try reader.forEach("""
            SELECT provider_uuid, resource_class, CAST(SUM(amount) AS BIGINT) FROM placement_allocations
            WHERE provider_uuid IN \(in: providers) AND resource_class IN \(in: resourceClasses)
            GROUP BY provider_uuid, resource_class
            """) { usage[try $0[0], default: [:]][try $0[1]] = try $0[2] }
        return usage
    }

    /// What a provider has given of each class it has.
    static func usage(provider: String, in reader: any Reader) throws -> [(resourceClass: String, amount: Int)] {
        try reader.all("""
            SELECT i.resource_class, CAST(COALESCE(SUM(a.amount), 0) AS BIGINT) FROM placement_inventories i
            LEFT JOIN placement_allocations a ON a.provider_uuid = i.provider_uuid AND a.resource_class = i.resource_class
            WHERE i.provider_uuid = \(provider) GROUP BY i.resource_class ORDER BY i.resource_class
            """) { (try $0[0], try $0[1]) }
    }

    private static func owned(_ project: String, _ user: String?) -> SQL {
        user.map { "c.project_id = \(project) AND c.user_id = \($0)" } ?? "c.project_id = \(project)"
    }

    /// What the consumers of a project, or of a user in it, have: by their type (nil: they have none) and class.
    static func usage(
        project: String, user: String?, in reader: any Reader
    ) throws -> [(type: String?, resourceClass: String, amount: Int)] {
        try reader.all("""
            SELECT c.type, a.resource_class, CAST(SUM(a.amount) AS BIGINT) FROM placement_consumers c
            JOIN placement_allocations a ON a.consumer_uuid = c.uuid WHERE \(owned(project, user))
            GROUP BY c.type, a.resource_class ORDER BY c.type, a.resource_class
            """) { (try $0[0], try $0[1], try $0[2]) }
    }

    /// How many consumers that have something there are of each type.
    static func consumerCounts(
        project: String, user: String?, in reader: any Reader
    ) throws -> [(type: String?, count: Int)] {
        try reader.all("""
            SELECT c.type, COUNT(*) FROM placement_consumers c WHERE \(owned(project, user))
                AND EXISTS (SELECT 1 FROM placement_allocations a WHERE a.consumer_uuid = c.uuid) GROUP BY c.type
            """) { (try $0[0], try $0[1]) }
    }
}
