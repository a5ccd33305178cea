import CloudStore

// What only the data plane needs to know.
extension NetworkingMigrations {
    static let dataPlane: [SQL] = [
        "CREATE TABLE tunnel_tags (network_id TEXT PRIMARY KEY, tag BIGINT NOT NULL UNIQUE)",
    ]
    static let carriedTags: [SQL] = [
        "ALTER TABLE networks ADD COLUMN vlan_transparent BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE networks ADD COLUMN qinq BIGINT NOT NULL DEFAULT 0",
    ]
    static let addressPairs: [SQL] = [
        "CREATE INDEX ports_by_pairs ON ports (network_id) WHERE allowed_pairs <> '[]'",
    ]
    static let privateNetworks: [SQL] = [
        "ALTER TABLE networks ADD COLUMN pvlan BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE ports ADD COLUMN pvlan_type TEXT",
        "ALTER TABLE ports ADD COLUMN pvlan_community TEXT",
    ]
}

/// The tags by which GRE and VXLAN networks are told apart on each host's own tunnel bridge: an 802.1Q tag has 12 bits,
/// a tunnel's key up to 32, so there is a tag for each network and the same on all hosts.
enum TunnelTagRecords {
    /// The tags that 802.1Q has.
    static let range = 1...4094

    /// Gives a network the lowest tag that is free; nil if none is.
    static func assign(to network: String, in transaction: any Transaction) throws -> Int? {
        let taken = Set(try transaction.all("SELECT tag FROM tunnel_tags") { try $0[0] as Int })
        guard let tag = range.first(where: { !taken.contains($0) }) else { return nil }
        try transaction.execute("INSERT INTO tunnel_tags (network_id, tag) VALUES (\(network), \(tag))")
        return tag
    }

    /// Takes a network's tag back, if it has one.
    static func release(from network: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM tunnel_tags WHERE network_id = \(network)")
    }

    /// Every network's tag.
    static func all(in reader: any Reader) throws -> [String: Int] {
        Dictionary(uniqueKeysWithValues: try reader.all("SELECT network_id, tag FROM tunnel_tags") {
            (try $0[0] as String, try $0[1] as Int)
        })
    }
}
