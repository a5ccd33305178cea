import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The operator's choices for the key manager.
public struct KeyManagerOptions: Sendable {
    /// The largest payload in bytes (Barbican's max_allowed_secret_in_bytes).
    public var largestPayload = 20_000
    /// How many items a list answers when the client does not say.
    public var pageSize = 10
    /// How many items a list answers at most.
    public var maximumPageSize = 100
    /// How many items of each kind a project may have when nothing is set for it; a kind that is missing has no bound.
    public var quotas: [String: Int] = [:]

    /// Upstream's defaults.
    public init() {}
}

/// Encrypts what the key manager keeps. The keys are files of the data folder that the composition root looks after.
public protocol PayloadCipher: Sendable {
    /// The bytes, encrypted and authenticated, as text.
    func seal(_ payload: [UInt8]) -> String
    /// What `seal` was given; nil when no key opens the text.
    func open(_ sealed: String) -> [UInt8]?
}

/// The key manager: secrets kept encrypted, keys made to order, containers of secrets (Barbican's API 1.0 to 1.2).
///
/// Payloads are encrypted before they reach a transaction and are nowhere in clear but in the request that brings or
/// fetches them. Services in this program use the methods that make and reveal keys for volumes; everybody else the API.
public final class KeyManager: Sendable {
    /// What every part of the service works with.
    struct Parts: Sendable {
        let database: any Database
        let cipher: any PayloadCipher
        let options: KeyManagerOptions
        let forge = KeyForge()
    }

    let parts: Parts

    /// The service over its database, whose migrations have run.
    public init(database: any Database, cipher: any PayloadCipher, options: KeyManagerOptions = KeyManagerOptions()) {
        parts = Parts(database: database, cipher: cipher, options: options)
    }

    /// The service's tables.
    public static var migrations: MigrationSet { KeyManagerSchema.migrations }

    /// The service's default policy rules.
    public static var rules: [PolicyRule] { KeyManagerPolicies.rules }

    /// The service's front.
    public var api: ServiceAPI { KeyManagerAPI(parts: parts).service }
}
