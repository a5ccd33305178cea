import CloudCore
import CloudStore

/// Resource classes as rows.
enum ResourceClassRecords {
    static func list(in reader: any Reader) throws -> [(name: String, updatedAt: Timestamp)] {
        try reader.all("SELECT name, updated_at FROM placement_resource_classes ORDER BY number") { (try $0[0], try $0[1]) }
    }

    static func updatedAt(_ name: String, in reader: any Reader) throws -> Timestamp? {
        try reader.scalar("SELECT updated_at FROM placement_resource_classes WHERE name = \(name)")
    }

    /// Which of these names are no resource classes.
    static func unknown(_ names: some Collection<String>, in reader: any Reader) throws -> [String] {
        let known = try reader.all("SELECT name FROM placement_resource_classes WHERE name IN \(in: names)") { try $0[0] as String }
        return Set(names).subtracting(known).sorted()
    }

    static func insert(_ name: String, now: Timestamp, in transaction: any Transaction) throws {
        // Numbers of operators' own classes begin at 10000, as upstream's do, above all standard ones to come.
        try transaction.execute("""
            INSERT INTO placement_resource_classes (name, number, updated_at)
            SELECT \(name), CASE WHEN MAX(number) < 10000 THEN 10000 ELSE MAX(number) + 1 END, \(now)
            FROM placement_resource_classes
            """)
    }

    static func rename(_ name: String, to newName: String, now: Timestamp, in transaction: any Transaction) throws {
        try transaction.execute("""
            UPDATE placement_resource_classes SET name = \(newName), updated_at = \(now) WHERE name = \(name)
            """)
        try ChangeRecords.noteAll(in: transaction)
    }

    static func isInUse(_ name: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM placement_inventories WHERE resource_class = \(name) LIMIT 1", as: Int.self) != nil
    }

    static func delete(_ name: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM placement_resource_classes WHERE name = \(name)")
    }
}

/// Traits as rows.
enum TraitRecords {
    /// A trait's name and when it was made.
    typealias Trait = (name: String, updatedAt: Timestamp)

    static func list(
        names: [String]? = nil, prefix: String? = nil, isAssociated: Bool? = nil, in reader: any Reader
    ) throws -> [Trait] {
        var conditions: [SQL] = ["1 = 1"]
        if let names { conditions.append("t.name IN \(in: names)") }
        if let prefix { conditions.append("SUBSTR(t.name, 1, \(prefix.unicodeScalars.count)) = \(prefix)") }
        let association: SQL = "EXISTS (SELECT 1 FROM placement_provider_traits p WHERE p.trait = t.name)"
        if let isAssociated { conditions.append(isAssociated ? association : "NOT " + association) }
        return try reader.all(
            "SELECT t.name, t.updated_at FROM placement_traits t WHERE \(conditions.joined(separator: " AND ")) ORDER BY t.name"
        ) { (try $0[0], try $0[1]) }
    }

    static func updatedAt(_ name: String, in reader: any Reader) throws -> Timestamp? {
        try reader.scalar("SELECT updated_at FROM placement_traits WHERE name = \(name)")
    }

    /// Which of these names are no traits.
    static func unknown(_ names: some Collection<String>, in reader: any Reader) throws -> [String] {
        let known = try reader.all("SELECT name FROM placement_traits WHERE name IN \(in: names)") { try $0[0] as String }
        return Set(names).subtracting(known).sorted()
    }

    static func insert(_ name: String, now: Timestamp, in transaction: any Transaction) throws {
        try transaction.execute("INSERT INTO placement_traits (name, updated_at) VALUES (\(name), \(now))")
    }

    static func isInUse(_ name: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM placement_provider_traits WHERE trait = \(name) LIMIT 1", as: Int.self) != nil
    }

    static func delete(_ name: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM placement_traits WHERE name = \(name)")
    }

    // MARK: Providers' traits

    static func list(provider: String, in reader: any Reader) throws -> [Trait] {
        try reader.all("""
            SELECT t.name, t.updated_at FROM placement_provider_traits p JOIN placement_traits t ON t.name = p.trait
            WHERE p.provider_uuid = \(provider) ORDER BY t.name
            """) { (try $0[0], try $0[1]) }
    }

    /// The traits of several providers.
    static func list(providers: [String], in reader: any Reader) throws -> [String: [String]] {
        var traits: [String: [String]] = [:]
        for chunk in providers.chunked {
            try reader.forEach("""
                SELECT provider_uuid, trait FROM placement_provider_traits WHERE provider_uuid IN \(in: chunk) ORDER BY trait
                """) { traits[try $0[0], default: []].append(try $0[1]) }
        }
        return traits
    }

    static func set(_ traits: Set<String>, provider: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM placement_provider_traits WHERE provider_uuid = \(provider)")
        try ChangeRecords.note([provider], in: transaction)
        for trait in traits.sorted() {
            try transaction.execute("INSERT INTO placement_provider_traits (provider_uuid, trait) VALUES (\(provider), \(trait))")
        }
    }
}
