import CloudCore
import CloudStore

/// Identity providers and their protocols.
extension Identity {
    /// The fields of an identity provider as a request names them; nil for what it does not mention.
    struct IdentityProviderFields: Sendable {
        var isEnabled: Bool?
        var description: JSON?
        var remoteIDs: [String]?
        /// Null for the cloud's setting.
        var authorizationTTL: JSON?

        func apply(to provider: inout IdentityProvider) {
            if let isEnabled { provider.isEnabled = isEnabled }
            if let description { provider.description = description.string }
            if let remoteIDs { provider.remoteIDs = remoteIDs.sorted() }
            if let authorizationTTL { provider.authorizationTTL = authorizationTTL.int }
        }
    }

    func identityProvider(id: String) async throws -> IdentityProvider {
        try await database.read { try Self.identityProvider(id, $0) }
    }

    static func identityProvider(_ id: String, _ reader: any Reader) throws -> IdentityProvider {
        guard let provider = try IdentityProviderRecords.find(id, reader) else {
            throw IdentityError.notFound("Identity Provider", id: id)
        }
        return provider
    }

    func listIdentityProviders(_ query: ListQuery) async throws -> Page<IdentityProvider> {
        try await database.read { query.page(try IdentityProviderRecords.list(query, $0)) }
    }

    /// Creates an identity provider, and a domain for its users when none is named.
    func createIdentityProvider(_ id: String, domainID: String?, _ fields: IdentityProviderFields) async throws -> IdentityProvider {
        try Self.checkLength(id)
        let domain = Project(
            id: domainID ?? Identifier.hex(), name: "", isDomain: true,
            description: "Auto generated federated domain for Identity Provider: \(id)")
        var new = IdentityProvider(id: id, domainID: domain.id)
        fields.apply(to: &new)
        let provider = new
        return try await writing(conflict: .conflict("identity_provider", "Duplicate entry: \(id)")) { transaction in
            if try IdentityProviderRecords.exists(id, transaction) {
                throw IdentityError.conflict("identity_provider", "Duplicate entry: \(id)")
            }
            try Self.checkRemoteIDs(provider, transaction)
            if domainID == nil {
                var made = domain
                made.name = domain.id
                try ProjectRecords.insert(made, transaction)
            } else if try ProjectRecords.domain(.id(domain.id), transaction) == nil {
                throw IdentityError.notFound("domain", id: domain.id)
            }
            try IdentityProviderRecords.insert(provider, transaction)
            return provider
        }
    }

    func updateIdentityProvider(_ id: String, _ fields: IdentityProviderFields) async throws -> IdentityProvider {
        try await writing(conflict: .conflict("identity_provider", "Duplicate remote ID")) {
            [generations = tokens.generations] transaction in
            var provider = try Self.identityProvider(id, transaction)
            fields.apply(to: &provider)
            try Self.checkRemoteIDs(provider, transaction)
            try IdentityProviderRecords.update(provider, transaction)
            // The time memberships last is part of what users may do.
            transaction.onCommit { generations.advanceEveryone() }
            return provider
        }
    }

    /// Deletes an identity provider with the users who came by it only; the domain stays.
    func deleteIdentityProvider(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try IdentityProviderRecords.delete(id, transaction) else {
                throw IdentityError.notFound("Identity Provider", id: id)
            }
            try FederatedUserRecords.deleteOrphans(transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    private static func checkRemoteIDs(_ provider: IdentityProvider, _ reader: any Reader) throws {
        if let taken = try IdentityProviderRecords.takenRemoteID(provider.remoteIDs, except: provider.id, reader) {
            throw IdentityError.conflict("identity_provider", "Duplicate remote ID: \(taken)")
        }
    }

    /// Names that clients choose for resources go into tokens and keys.
    static func checkLength(_ id: String) throws {
        guard (1...64).contains(id.unicodeScalars.count) else {
            throw IdentityError.invalid("Invalid input for field 'id': it must have 1 to 64 characters.")
        }
    }
}

extension Identity {
    func federationProtocol(_ id: String, of providerID: String) async throws -> FederationProtocol {
        try await database.read { try Self.federationProtocol(id, of: providerID, $0) }
    }

    static func federationProtocol(_ id: String, of providerID: String, _ reader: any Reader) throws -> FederationProtocol {
        guard let found = try FederationProtocolRecords.find(id, of: providerID, reader) else {
            throw protocolNotFound(id, of: providerID)
        }
        return found
    }

    private static func protocolNotFound(_ id: String, of providerID: String) -> IdentityError {
        .missing("Could not find federated protocol \(id) for Identity Provider: \(providerID).")
    }

    /// A provider's protocols; none for a provider there is not, as upstream has it.
    func listFederationProtocols(of providerID: String) async throws -> [FederationProtocol] {
        try await database.read { try FederationProtocolRecords.list(of: providerID, $0) }
    }

    func createFederationProtocol(_ new: FederationProtocol) async throws -> FederationProtocol {
        try Self.checkLength(new.id)
        return try await writing(conflict: .conflict("federation_protocol", "Duplicate entry found with id \(new.id)")) { transaction in
            try Self.checkMapping(new.mappingID, transaction)
            _ = try Self.identityProvider(new.identityProviderID, transaction)
            try FederationProtocolRecords.insert(new, transaction)
            return new
        }
    }

    func updateFederationProtocol(
        _ id: String, of providerID: String, mappingID: String, remoteIDAttribute: String?
    ) async throws -> FederationProtocol {
        try await database.write { transaction in
            try Self.checkMapping(mappingID, transaction)
            var changed = try Self.federationProtocol(id, of: providerID, transaction)
            changed.mappingID = mappingID
            if let remoteIDAttribute { changed.remoteIDAttribute = remoteIDAttribute }
            try FederationProtocolRecords.update(changed, transaction)
            return changed
        }
    }

    func deleteFederationProtocol(_ id: String, of providerID: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try FederationProtocolRecords.delete(id, of: providerID, transaction) else {
                throw Self.protocolNotFound(id, of: providerID)
            }
            try FederatedUserRecords.deleteOrphans(transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    private static func checkMapping(_ id: String, _ reader: any Reader) throws {
        guard try MappingRecords.find(id, reader) != nil else { throw IdentityError.invalid("Invalid mapping id: \(id)") }
    }
}

/// Mappings.
extension Identity {
    func mapping(id: String) async throws -> FederationMapping {
        guard let mapping = try await database.read({ try MappingRecords.find(id, $0) }) else {
            throw IdentityError.notFound("mapping", id: id)
        }
        return mapping
    }

    func listMappings() async throws -> [FederationMapping] { try await database.read { try MappingRecords.list($0) } }

    func createMapping(_ id: String, _ body: JSON) async throws -> FederationMapping {
        try Self.checkLength(id)
        let mapping = try Self.mapping(id, body)
        return try await writing(conflict: .conflict("mapping", "Duplicate entry found with id \(id)")) { transaction in
            try MappingRecords.insert(mapping, transaction)
            return mapping
        }
    }

    func updateMapping(_ id: String, _ body: JSON) async throws -> FederationMapping {
        let mapping = try Self.mapping(id, body)
        return try await database.write { transaction in
            guard try MappingRecords.update(mapping, transaction) else { throw IdentityError.notFound("mapping", id: id) }
            return mapping
        }
    }

    func deleteMapping(_ id: String) async throws {
        try await database.write { transaction in
            guard try MappingRecords.delete(id, transaction) else { throw IdentityError.notFound("mapping", id: id) }
        }
    }

    private static func mapping(_ id: String, _ body: JSON) throws -> FederationMapping {
        let rules = try MappingRules(body)
        return FederationMapping(id: id, rules: body["rules"] ?? [], schemaVersion: rules.version)
    }
}

/// Service providers.
extension Identity {
    /// The fields of a service provider as a request names them; nil for what it does not mention.
    struct ServiceProviderFields: Sendable {
        var isEnabled: Bool?
        var description: JSON?
        var authURL: String?
        var url: String?
        /// Null for the usual prefix.
        var relayStatePrefix: JSON?

        func apply(to provider: inout ServiceProvider) {
            if let isEnabled { provider.isEnabled = isEnabled }
            if let description { provider.description = description.string }
            if let authURL { provider.authURL = authURL }
            if let url { provider.url = url }
            if let relayStatePrefix { provider.relayStatePrefix = relayStatePrefix.string ?? ServiceProvider.standardRelayStatePrefix }
        }
    }

    func serviceProvider(id: String) async throws -> ServiceProvider {
        try await database.read { try Self.serviceProvider(id, $0) }
    }

    private static func serviceProvider(_ id: String, _ reader: any Reader) throws -> ServiceProvider {
        guard let provider = try ServiceProviderRecords.find(id, reader) else {
            throw IdentityError.notFound("Service Provider", id: id)
        }
        return provider
    }

    func listServiceProviders(_ query: ListQuery) async throws -> Page<ServiceProvider> {
        try await database.read { query.page(try ServiceProviderRecords.list(query, $0)) }
    }

    func createServiceProvider(_ id: String, _ fields: ServiceProviderFields) async throws -> ServiceProvider {
        try Self.checkLength(id)
        var new = ServiceProvider(id: id, authURL: "", url: "")
        fields.apply(to: &new)
        let provider = new
        return try await writing(conflict: .conflict("service_provider", "Duplicate entry found with id \(id)")) {
            [generations = tokens.generations] transaction in
            try ServiceProviderRecords.insert(provider, transaction)
            transaction.onCommit { generations.advanceEveryone() }
            return provider
        }
    }

    func updateServiceProvider(_ id: String, _ fields: ServiceProviderFields) async throws -> ServiceProvider {
        try await database.write { [generations = tokens.generations] transaction in
            var provider = try Self.serviceProvider(id, transaction)
            fields.apply(to: &provider)
            try ServiceProviderRecords.update(provider, transaction)
            transaction.onCommit { generations.advanceEveryone() }
            return provider
        }
    }

    func deleteServiceProvider(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try ServiceProviderRecords.delete(id, transaction) else {
                throw IdentityError.notFound("Service Provider", id: id)
            }
            transaction.onCommit { generations.advanceEveryone() }
        }
    }
}
