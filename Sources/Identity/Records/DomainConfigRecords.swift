import CloudCore
import CloudCrypto
import CloudStore

/// Domains' own options in the database. Sensitive values are sealed before they get here.
enum DomainConfigRecords {
    /// An option as it is stored: its JSON, or that sealed.
    struct Stored: Sendable {
        let group: String
        let name: String
        let value: String
        let isSealed: Bool

        init(_ option: DomainConfig.Option, _ keys: Fernet) {
            (group, name, isSealed) = (option.group, option.name, option.isSensitive)
            value = isSealed ? keys.seal(option.value.bytes).reveal() : option.value.text
        }
    }

    /// The options that may be shown.
    static func shown(ofDomain id: String, _ part: DomainConfig.Part, _ reader: any Reader) throws -> DomainConfig {
        let sql: SQL = """
            SELECT o.option_group, o.name, o.value FROM identity_domain_options o
            WHERE o.domain_id = \(id) AND o.sealed = 0 ORDER BY o.option_group, o.name
            """
        return DomainConfig(try reader.all(sql) { .init(group: try $0[0], name: try $0[1], value: try $0[2]) }).part(part)
    }

    /// Whether a domain has any option of a part, shown or not.
    static func exists(ofDomain id: String, _ part: DomainConfig.Part, _ reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM identity_domain_options WHERE \(condition(id, part)) LIMIT 1", as: Int.self) != nil
    }

    static func delete(ofDomain id: String, _ part: DomainConfig.Part, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_domain_options WHERE \(condition(id, part))")
    }

    /// Stores options beside those there are, in place of those of the same names.
    static func merge(_ options: [Stored], ofDomain id: String, _ transaction: any Transaction) throws {
        for option in options {
            try transaction.execute(
                """
                INSERT INTO identity_domain_options (domain_id, option_group, name, value, sealed)
                VALUES (\(id), \(option.group), \(option.name), \(option.value), \(option.isSealed))
                ON CONFLICT (domain_id, option_group, name) DO UPDATE SET value = excluded.value, sealed = excluded.sealed
                """)
        }
    }

    private static func condition(_ id: String, _ part: DomainConfig.Part) -> SQL {
        var conditions: [SQL] = ["domain_id = \(id)"]
        if let group = part.group { conditions.append("option_group = \(group)") }
        if let option = part.option { conditions.append("name = \(option)") }
        return conditions.joined(separator: " AND ")
    }
}
