import CloudCore
import CloudStore

/// Domains' own options.
extension Identity {
    func domainConfig(_ domainID: String, _ part: DomainConfig.Part) async throws -> DomainConfig {
        try DomainConfig.check(part)
        let config = try await database.read { try DomainConfigRecords.shown(ofDomain: domainID, part, $0) }
        guard !config.options.isEmpty else { throw DomainConfig.missing(part, domainID) }
        return config
    }

    /// Gives a domain these options and no others.
    /// - Returns: what may be shown of them, and whether the domain had none before.
    func setDomainConfig(_ domainID: String, _ body: JSONObject) async throws -> (config: DomainConfig, isFirst: Bool) {
        _ = try await domain(id: domainID)
        let options = try DomainConfig(body).options.map { DomainConfigRecords.Stored($0, domainConfigKeys.fernet) }
        return try await database.write { transaction in
            try Self.checkIsDomain(domainID, transaction)
            let isFirst = try !DomainConfigRecords.exists(ofDomain: domainID, .everything, transaction)
            try DomainConfigRecords.delete(ofDomain: domainID, .everything, transaction)
            try DomainConfigRecords.merge(options, ofDomain: domainID, transaction)
            return (try DomainConfigRecords.shown(ofDomain: domainID, .everything, transaction), isFirst)
        }
    }

    /// Adds and replaces options; of a part only, when that is there.
    /// - Returns: all that may be shown.
    func updateDomainConfig(_ domainID: String, _ part: DomainConfig.Part, _ body: JSONObject) async throws -> DomainConfig {
        _ = try await domain(id: domainID)
        let options = try DomainConfig(body, for: part).options.map { DomainConfigRecords.Stored($0, domainConfigKeys.fernet) }
        return try await database.write { transaction in
            try Self.checkIsDomain(domainID, transaction)
            guard try part == .everything || DomainConfigRecords.exists(ofDomain: domainID, part, transaction) else {
                throw DomainConfig.missing(part, domainID)
            }
            try DomainConfigRecords.merge(options, ofDomain: domainID, transaction)
            return try DomainConfigRecords.shown(ofDomain: domainID, .everything, transaction)
        }
    }

    func deleteDomainConfig(_ domainID: String, _ part: DomainConfig.Part) async throws {
        try await database.write { transaction in
            try Self.checkIsDomain(domainID, transaction)
            try DomainConfig.check(part)
            guard try part == .everything || DomainConfigRecords.exists(ofDomain: domainID, part, transaction) else {
                throw DomainConfig.missing(part, domainID)
            }
            try DomainConfigRecords.delete(ofDomain: domainID, part, transaction)
        }
    }

    private static func checkIsDomain(_ id: String, _ reader: any Reader) throws {
        guard try ProjectRecords.domain(.id(id), reader) != nil else { throw IdentityError.notFound("domain", id: id) }
    }
}
