import CloudStore

/// Counts changes of what the allocation candidates are made of, so that a copy of it in memory can tell what of it is
/// old. Every statement that changes providers, their inventories, traits, aggregates or what they have given is
/// followed by a note in the same transaction.
///
/// Providers are counted in shards, by the beginning of their UUIDs: writers of different providers then hardly ever
/// meet at one row, and after a change only a small part is read again. What is given and given back is counted beside all
/// else: who places many servers need not look at each of their claims.
enum ChangeRecords {
    /// The shard of what concerns every provider.
    static let everything = "*"

    /// The shard of a provider. What looks like no UUID belongs to no shard that can be read by itself.
    static func shard(of provider: String) -> String {
        let isUUID = provider.utf8.count > 2 && provider.utf8.allSatisfy(isUUIDCharacter)
        return isUUID ? String(provider.prefix(2)) : everything
    }

    private static func isUUIDCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// What ends the name of a shard's counter of what is given.
    private static let usageMark = "~"

    /// How many changes there were: numbers that each change makes larger.
    struct Totals {
        /// All changes.
        let all: Int
        /// Those of more than what is given.
        let beyondUsage: Int
    }

    /// Notes that providers have changed, with anything of theirs.
    static func note(_ providers: some Sequence<String>, in transaction: any Transaction) throws {
        try note(shards: Set(providers.map(shard(of:))), in: transaction)
    }

    /// Notes that providers have given something or got it back.
    static func noteUsage(_ providers: some Sequence<String>, in transaction: any Transaction) throws {
        try note(shards: Set(providers.map { shard(of: $0) + usageMark }), in: transaction)
    }

    /// Notes that all providers may have changed.
    static func noteAll(in transaction: any Transaction) throws { try note(shards: [everything], in: transaction) }

    /// Notes that what some consumers have changes; to be called while the rows are still there.
    static func noteAllocations(of consumers: [String], in transaction: any Transaction) throws {
        let providers = try transaction.all("""
            SELECT DISTINCT provider_uuid FROM placement_allocations WHERE consumer_uuid IN \(in: consumers)
            """) { try $0[0] as String }
        try noteUsage(providers, in: transaction)
    }

    /// In the order of the shards, so that two writers cannot wait for each other.
    private static func note(shards: Set<String>, in transaction: any Transaction) throws {
        guard !shards.isEmpty else { return }
        let rows = shards.sorted().map { shard -> SQL in "(\(shard), 1)" }
        try transaction.execute("""
            INSERT INTO placement_changes (shard, number) VALUES \(rows.joined(separator: ", "))
            ON CONFLICT (shard) DO UPDATE SET number = placement_changes.number + 1
            """)
    }

    /// How many changes there were.
    static func totals(in reader: any Reader) throws -> Totals {
        let totals = try reader.first("""
            SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT),
                CAST(COALESCE(SUM(CASE WHEN shard LIKE '%~' THEN 0 ELSE number END), 0) AS BIGINT)
            FROM placement_changes
            """) { Totals(all: try $0[0], beyondUsage: try $0[1]) }
        return totals ?? Totals(all: 0, beyondUsage: 0)
    }

    /// How many changes there were in a shard.
    struct Numbers: Sendable, Equatable {
        /// Those of what is given.
        var usage = 0
        /// Those of anything else.
        var beyondUsage = 0
    }

    /// How many changes there were in each shard.
    static func numbers(in reader: any Reader) throws -> [String: Numbers] {
        var numbers: [String: Numbers] = [:]
        try reader.forEach("SELECT shard, number FROM placement_changes") { row in
            let counter: String = try row[0]
            if counter.hasSuffix(usageMark) {
                numbers[String(counter.dropLast()), default: Numbers()].usage = try row[1]
            } else {
                numbers[counter, default: Numbers()].beyondUsage = try row[1]
            }
        }
        return numbers
    }
}
