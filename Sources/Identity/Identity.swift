import CloudAPI
import CloudCore
import CloudCrypto
import CloudPolicy
import CloudStore
import Logging

/// Keystone's part of the cloud: who exists, who may do what where, which services there are, and the tokens that
/// say so. It depends on nothing but the database and the directory of its keys.
public struct Identity: Sendable {
    /// The part of the address under which it answers.
    public static let path = "/identity"

    let database: any Database
    let options: IdentityOptions
    let passwords: PasswordHasher
    let formats: TokenFormats
    let tokens: TokenProvider
    let renderedTokens = BoundedCache<RenderedToken>(capacity: 2_000)
    let tokensWithoutCatalog = BoundedCache<RenderedToken>(capacity: 2_000)
    let catalogCache = CatalogCache()
    /// The keys of what domains' options must not show. They stay as they are: nothing seals those values anew.
    let domainConfigKeys: KeyRepository
    let serviceProviderCache = ServiceProviderCache()
    /// The Fernet keys, for `altostack identity rotate-keys`.
    public let keys: KeyRepository
    /// The Fernet keys of credentials; `rotateCredentialKeys` rotates them.
    public let credentialKeys: KeyRepository
    /// What encrypts credentials and OAuth secrets in the database.
    let vault: SecretVault

    /// The service over a database that has its `migrations`.
    /// - Throws: `KeyRepositoryError`, `CryptoError`.
    public init(database: any Database, options: IdentityOptions) throws {
        (self.database, self.options) = (database, options)
        passwords = try PasswordHasher(rounds: options.passwordHashRounds)
        keys = try KeyRepository(directory: options.keyDirectory, maximumActiveKeys: options.maximumActiveKeys)
        domainConfigKeys = try KeyRepository(directory: options.keyDirectory + "/domain-config", maximumActiveKeys: 2)
        // A running program may seal under the older key until it notices a rotation, so that one must stay for the next.
        credentialKeys = try KeyRepository(
            directory: options.credentialKeyDirectory, maximumActiveKeys: max(3, options.maximumActiveKeys))
        vault = SecretVault(keys: credentialKeys)
        formats = try Self.formats(keys, options)
        tokens = TokenProvider(database: database, formats: formats, cacheSize: options.tokenCacheSize)
    }

    /// Its front: every endpoint and rule it has.
    public var api: ServiceAPI {
        ServiceAPI(
            type: "identity", name: "keystone", path: Self.path, envelope: Keystone.envelope, endpoints: endpoints,
            rules: Self.rules)
    }

    private var endpoints: [Endpoint] {
        let groups = [
            versionEndpoints,
            tokenEndpoints,
            authEndpoints,
            revocationEndpoints,
            domainEndpoints,
            projectEndpoints,
            projectTagEndpoints,
            userEndpoints,
            groupEndpoints,
            roleEndpoints,
            impliedRoleEndpoints,
            grantEndpoints,
            systemGrantEndpoints,
            roleAssignmentEndpoints,
            regionEndpoints,
            serviceEndpoints,
            endpointEndpoints,
            identityProviderEndpoints,
            federationProtocolEndpoints,
            mappingEndpoints,
            serviceProviderEndpoints,
            federatedLoginEndpoints,
            endpointFilterEndpoints,
            endpointGroupEndpoints,
            projectEndpointGroupEndpoints,
            domainConfigEndpoints,
            domainConfigDefaultEndpoints,
            registeredLimitEndpoints,
            limitEndpoints,
            credentialEndpoints,
            ec2CredentialEndpoints,
            signatureTokenEndpoints,
            consumerEndpoints,
            oauthTokenEndpoints,
            accessTokenEndpoints,
            policyEndpoints,
            policyAssociationEndpoints,
            trustEndpoints,
            applicationCredentialEndpoints,
            accessRuleEndpoints,
        ]
        return groups.flatMap { $0 }
    }

    /// The service's default policy.
    public static var rules: [PolicyRule] {
        let groups = [
            baseRules,
            tokenRules,
            authRules,
            revocationRules,
            domainRules,
            projectRules,
            projectTagRules,
            userRules,
            groupRules,
            roleRules,
            impliedRoleRules,
            grantRules,
            roleAssignmentRules,
            regionRules,
            serviceRules,
            endpointRules,
            identityProviderRules,
            federationProtocolRules,
            mappingRules,
            serviceProviderRules,
            endpointFilterRules,
            endpointGroupRules,
            domainConfigRules,
            registeredLimitRules,
            limitRules,
            credentialRules,
            ec2CredentialRules,
            signatureTokenRules,
            consumerRules,
            oauthTokenRules,
            policyRules,
            policyAssociationRules,
            trustRules,
            applicationCredentialRules,
            accessRuleRules,
        ]
        return groups.flatMap { $0 }
    }
}

extension Identity {
    private static func formats(_ keys: KeyRepository, _ options: IdentityOptions) throws -> TokenFormats {
        let (directory, count) = (options.signingKeyDirectory, options.maximumActiveKeys)
        switch options.tokenFormat {
        case .jws:
            let signing = try SigningKeyRepository(directory: directory, maximumActiveKeys: count)
            return TokenFormats(keys: keys, signingKeys: signing, signs: true)
        case .fernet:
            return TokenFormats(keys: keys, signingKeys: try .existing(directory: directory, maximumActiveKeys: count))
        }
    }

    /// Rotates the keys of tokens: those that encrypt and, where there are any, those that sign.
    /// - Throws: `KeyRepositoryError`.
    public func rotateTokenKeys() throws {
        try keys.rotate()
        try formats.signingKeys?.rotate()
    }
}

extension Identity: TokenAuthenticator {
    /// The context of a token, by which every service knows its callers.
    public func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        try await tokens.validate(token)?.context
    }
}

/// What other services ask Identity about, in-process.
extension Identity {
    /// A project as others see it.
    public struct ProjectSummary: Sendable, Hashable {
        /// The project.
        public let id: String
        /// Its name.
        public let name: String
        /// Its domain; its own id for a domain.
        public let domainID: String
        /// Whether it may be used.
        public let isEnabled: Bool
    }

    /// Projects by their ids; those that do not exist are left out.
    /// - Throws: `StoreError`.
    public func projects(_ ids: [String]) async throws -> [String: ProjectSummary] {
        try await database.read { reader in
            let found = try ProjectRecords.all(Set(ids).sorted(), reader).map {
                ProjectSummary(id: $0.id, name: $0.name, domainID: $0.effectiveDomainID, isEnabled: $0.isEnabled)
            }
            return Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
        }
    }

    /// A project by its id; nil when there is none.
    /// - Throws: `StoreError`.
    public func project(_ id: String) async throws -> ProjectSummary? { try await projects([id])[id] }

    /// Users' names by their ids; those that do not exist are left out.
    /// - Throws: `StoreError`.
    public func userNames(_ ids: [String]) async throws -> [String: String] {
        try await database.read { reader in
            Dictionary(uniqueKeysWithValues: try UserRecords.all(Set(ids), reader).map { ($0.id, $0.name) })
        }
    }
}
