import CloudStore

/// Counts changes of what the allocation candidates are made of, so that a copy of it in memory can tell what of it is
/// old. Every statement that changes providers, their inventories, traits, aggregates or what they have given is
/// followed by a note in the same transaction.
///
/// Providers are counted in shards, by the beginning of their UUIDs: writers of different providers then hardly ever
/// meet at one row, and after a change only a small part is read again.
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

    /// Notes that providers have changed, with anything of theirs.
    static func note(_ providers: some Sequence<String>, in transaction: any Transaction) throws {
        try note(shards: Set(providers.map(shard(of:))), in: transaction)
    }

    /// Notes that all providers may have changed.
    static func noteAll(in transaction: any Transaction) throws { try note(shards: [everything], in: transaction) }

    /// Notes that what some consumers have changes; to be called while the rows are still there.
    static func noteAllocations(of consumers: [String], in transaction: any Transaction) throws {
        let providers = try transaction.all("""
            SELECT DISTINCT provider_uuid FROM placement_allocations WHERE consumer_uuid IN \(in: consumers)
            """) { try $0[0] as String }
        try note(providers, in: transaction)
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

    /// How many changes there were: a number that each change makes larger.
    static func total(in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT) FROM placement_changes") ?? 0
    }

    /// How many changes there were in each shard.
    static func numbers(in reader: any Reader) throws -> [String: Int] {
        var numbers: [String: Int] = [:]
        try reader.forEach("SELECT shard, number FROM placement_changes") { numbers[try $0[0]] = try $0[1] }
        return numbers
    }
}
