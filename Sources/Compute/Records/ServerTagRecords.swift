import CloudStore

/// The tags of servers: short texts by which users find them (microversion 2.26).
enum ServerTagRecords {
    /// How many tags a server may have.
    static let maximumCount = 50

    /// A server's tags in alphabetical order.
    static func tags(server id: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT tag FROM compute_server_tags WHERE server_id = \(id) ORDER BY tag") { try $0[0] }
    }

    /// The tags of servers by server id, in alphabetical order, in one query; servers without any are absent.
    static func tags(servers ids: [String], in reader: any Reader) throws -> [String: [String]] {
        guard !ids.isEmpty else { return [:] }
        var tags: [String: [String]] = [:]
        try reader.forEach(
            "SELECT server_id, tag FROM compute_server_tags WHERE server_id IN \(in: ids) ORDER BY server_id, tag"
        ) { row in
            let id: String = try row[0]
            tags[id, default: []].append(try row[1])
        }
        return tags
    }

    /// Adds one tag. Repeating it is harmless.
    static func add(_ tag: String, server id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_server_tags (server_id, tag) VALUES (\(id), \(tag)) ON CONFLICT (server_id, tag) DO NOTHING
            """)
    }

    /// Gives a server these tags and no others.
    static func replace(_ tags: [String], server id: String, in transaction: any Transaction) throws {
        try clear(server: id, in: transaction)
        for tag in tags { try add(tag, server: id, in: transaction) }
    }

    /// - Returns: whether the server had the tag.
    static func remove(_ tag: String, server id: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM compute_server_tags WHERE server_id = \(id) AND tag = \(tag)") > 0
    }

    /// Removes all tags of a server.
    static func clear(server id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_server_tags WHERE server_id = \(id)")
    }
}

/// Which servers a list holds by their tags. Used as a part of `ServerFilter`.
struct ServerTagFilter: Sendable, Hashable {
    /// Tags that a server must all have (`tags`).
    var all: [String] = []
    /// Tags of which it must have one (`tags-any`).
    var any: [String] = []
    /// Tags that it must not have all together (`not-tags`).
    var notAll: [String] = []
    /// Tags of which it must have none (`not-tags-any`).
    var notAny: [String] = []

    /// The conditions on a query over `compute_servers`; none for an empty filter.
    var conditions: [SQL] {
        var conditions = all.map(Self.tagged)
        if !any.isEmpty { conditions.append("id IN (\(Self.serversTagged(oneOf: any)))") }
        if !notAll.isEmpty { conditions.append("NOT (\(notAll.map(Self.tagged).joined(separator: " AND ")))") }
        if !notAny.isEmpty { conditions.append("id NOT IN (\(Self.serversTagged(oneOf: notAny)))") }
        return conditions
    }

    private static func tagged(_ tag: String) -> SQL { "id IN (\(serversTagged(oneOf: [tag])))" }

    private static func serversTagged(oneOf tags: [String]) -> SQL {
        "SELECT server_id FROM compute_server_tags WHERE tag IN \(in: tags)"
    }
}
