/// Prepared statements by their key, bounded: lists in `IN` make many texts that are never seen again.
struct StatementCache<Key: Hashable, Statement> {
    private struct Entry {
        let statement: Statement
        var lastUse: Int
    }

    private var entries: [Key: Entry] = [:]
    private var clock = 0
    private let limit: Int

    init(limit: Int = 256) { self.limit = limit }

    /// The statement of a key, marked as used.
    subscript(key: Key) -> Statement? {
        mutating get {
            clock += 1
            guard let index = entries.index(forKey: key) else { return nil }
            entries.values[index].lastUse = clock
            return entries.values[index].statement
        }
    }

    /// Keeps a statement; answers those that had to go to make room, the longest unused half.
    mutating func insert(_ statement: Statement, for key: Key) -> [Statement] {
        var evicted: [Statement] = []
        if entries.count >= limit {
            for (key, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }).prefix(limit / 2) {
                evicted.append(entry.statement)
                entries[key] = nil
            }
        }
        clock += 1
        entries[key] = Entry(statement: statement, lastUse: clock)
        return evicted
    }

    /// Forgets every statement.
    mutating func removeAll() { entries.removeAll() }
}
