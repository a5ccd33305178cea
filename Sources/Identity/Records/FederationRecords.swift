import CloudCore
import CloudStore

/// Identity providers and their protocols in the database.
enum IdentityProviderRecords {
    static let filters = FilterColumns(["id": ("i.id", .text), "enabled": ("i.enabled", .flag)])

    private static let columns: SQL = "i.id, i.domain_id, i.enabled, i.description, i.authorization_ttl"

    /// Providers with their remote ids, in order, by the condition on `i` and the page.
    private static func collect(_ matching: SQL, page: SQL = "", _ reader: any Reader) throws -> [IdentityProvider] {
        let sql: SQL = """
            SELECT \(columns), r.remote_id FROM (SELECT * FROM identity_providers i\(matching)\(page)) i
            LEFT JOIN identity_provider_remote_ids r ON r.idp_id = i.id ORDER BY i.id, r.remote_id
            """
        var providers: [IdentityProvider] = []
        try reader.forEach(sql) { row in
            let (id, remote): (String, String?) = (try row[0], try row[5])
            if providers.last?.id != id {
                providers.append(
                    IdentityProvider(
                        id: id, domainID: try row[1], isEnabled: try row[2], description: try row[3],
                        authorizationTTL: try row[4]))
            }
            if let remote { providers[providers.count - 1].remoteIDs.append(remote) }
        }
        return providers
    }

    static func find(_ id: String, _ reader: any Reader) throws -> IdentityProvider? {
        try collect(" WHERE i.id = \(id)", reader).first
    }

    static func find(remoteID: String, _ reader: any Reader) throws -> IdentityProvider? {
        try collect(" WHERE i.id IN (SELECT idp_id FROM identity_provider_remote_ids WHERE remote_id = \(remoteID))", reader).first
    }

    static func exists(_ id: String, _ reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM identity_providers WHERE id = \(id)", as: Int.self) != nil
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [IdentityProvider] {
        try collect(query.whereClause(filters, id: "i.id"), page: query.pageClause(id: "i.id"), reader)
    }

    /// One of these remote ids that another provider has.
    static func takenRemoteID(_ remoteIDs: [String], except id: String, _ reader: any Reader) throws -> String? {
        try reader.scalar(
            """
            SELECT remote_id FROM identity_provider_remote_ids WHERE remote_id IN \(in: remoteIDs) AND idp_id <> \(id)
            ORDER BY remote_id LIMIT 1
            """)
    }

    static func insert(_ provider: IdentityProvider, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_providers (id, domain_id, enabled, description, authorization_ttl)
            VALUES (\(provider.id), \(provider.domainID), \(provider.isEnabled), \(provider.description),
                \(provider.authorizationTTL))
            """)
        try setRemoteIDs(provider, transaction)
    }

    static func update(_ provider: IdentityProvider, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_providers SET enabled = \(provider.isEnabled), description = \(provider.description),
                authorization_ttl = \(provider.authorizationTTL) WHERE id = \(provider.id)
            """)
        try transaction.execute("DELETE FROM identity_provider_remote_ids WHERE idp_id = \(provider.id)")
        try setRemoteIDs(provider, transaction)
    }

    private static func setRemoteIDs(_ provider: IdentityProvider, _ transaction: any Transaction) throws {
        for remoteID in provider.remoteIDs {
            try transaction.execute(
                "INSERT INTO identity_provider_remote_ids (remote_id, idp_id) VALUES (\(remoteID), \(provider.id))")
        }
    }

    /// Deletes a provider with its protocols and what they know of users. Whether there was one.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_providers WHERE id = \(id)") > 0
    }
}

/// Identity providers' protocols in the database.
enum FederationProtocolRecords {
    private static let columns: SQL = "p.id, p.idp_id, p.mapping_id, p.remote_id_attribute"

    private static func value(_ row: borrowing Row) throws -> FederationProtocol {
        FederationProtocol(
            id: try row[0], identityProviderID: try row[1], mappingID: try row[2], remoteIDAttribute: try row[3])
    }

    static func find(_ id: String, of providerID: String, _ reader: any Reader) throws -> FederationProtocol? {
        try reader.first(
            "SELECT \(columns) FROM identity_federation_protocols p WHERE p.id = \(id) AND p.idp_id = \(providerID)", value)
    }

    static func list(of providerID: String, _ reader: any Reader) throws -> [FederationProtocol] {
        try reader.all("SELECT \(columns) FROM identity_federation_protocols p WHERE p.idp_id = \(providerID) ORDER BY p.id", value)
    }

    /// The attributes that protocols of this id take remote ids from.
    static func remoteIDAttributes(_ id: String, _ reader: any Reader) throws -> [String] {
        try reader.all(
            """
            SELECT DISTINCT remote_id_attribute FROM identity_federation_protocols
            WHERE id = \(id) AND remote_id_attribute <> '' ORDER BY remote_id_attribute
            """) { try $0[0] }
    }

    static func insert(_ value: FederationProtocol, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_federation_protocols (idp_id, id, mapping_id, remote_id_attribute)
            VALUES (\(value.identityProviderID), \(value.id), \(value.mappingID), \(value.remoteIDAttribute))
            """)
    }

    static func update(_ value: FederationProtocol, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_federation_protocols SET mapping_id = \(value.mappingID),
                remote_id_attribute = \(value.remoteIDAttribute)
            WHERE idp_id = \(value.identityProviderID) AND id = \(value.id)
            """)
    }

    /// Whether there was such a protocol.
    static func delete(_ id: String, of providerID: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_federation_protocols WHERE id = \(id) AND idp_id = \(providerID)") > 0
    }
}

/// Mappings in the database.
enum MappingRecords {
    private static let columns: SQL = "m.id, m.rules, m.schema_version"

    private static func mapping(_ row: borrowing Row) throws -> FederationMapping {
        FederationMapping(
            id: try row[0], rules: try row[1], schemaVersion: MappingSchemaVersion(rawValue: try row[2]) ?? .standard)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> FederationMapping? {
        try reader.first("SELECT \(columns) FROM identity_federation_mappings m WHERE m.id = \(id)", mapping)
    }

    static func list(_ reader: any Reader) throws -> [FederationMapping] {
        try reader.all("SELECT \(columns) FROM identity_federation_mappings m ORDER BY m.id", mapping)
    }

    static func insert(_ mapping: FederationMapping, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_federation_mappings (id, rules, schema_version)
            VALUES (\(mapping.id), \(mapping.rules), \(mapping.schemaVersion.rawValue))
            """)
    }

    /// Whether there was such a mapping.
    static func update(_ mapping: FederationMapping, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            UPDATE identity_federation_mappings SET rules = \(mapping.rules),
                schema_version = \(mapping.schemaVersion.rawValue) WHERE id = \(mapping.id)
            """) > 0
    }

    /// Whether there was such a mapping.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_federation_mappings WHERE id = \(id)") > 0
    }
}

/// Service providers in the database.
enum ServiceProviderRecords {
    static let filters = FilterColumns(["id": ("s.id", .text), "enabled": ("s.enabled", .flag)])

    private static let columns: SQL = "s.id, s.enabled, s.description, s.auth_url, s.sp_url, s.relay_state_prefix"

    private static func provider(_ row: borrowing Row) throws -> ServiceProvider {
        ServiceProvider(
            id: try row[0], isEnabled: try row[1], description: try row[2], authURL: try row[3], url: try row[4],
            relayStatePrefix: try row[5])
    }

    static func find(_ id: String, _ reader: any Reader) throws -> ServiceProvider? {
        try reader.first("SELECT \(columns) FROM identity_service_providers s WHERE s.id = \(id)", provider)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [ServiceProvider] {
        let matching = query.whereClause(filters, id: "s.id")
        return try reader.all("SELECT \(columns) FROM identity_service_providers s\(matching)\(query.pageClause(id: "s.id"))", provider)
    }

    static func insert(_ provider: ServiceProvider, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_service_providers (id, enabled, description, auth_url, sp_url, relay_state_prefix)
            VALUES (\(provider.id), \(provider.isEnabled), \(provider.description), \(provider.authURL), \(provider.url),
                \(provider.relayStatePrefix))
            """)
    }

    static func update(_ provider: ServiceProvider, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_service_providers SET enabled = \(provider.isEnabled), description = \(provider.description),
                auth_url = \(provider.authURL), sp_url = \(provider.url), relay_state_prefix = \(provider.relayStatePrefix)
            WHERE id = \(provider.id)
            """)
    }

    /// Whether there was such a provider.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_service_providers WHERE id = \(id)") > 0
    }
}
