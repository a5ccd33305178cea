import CloudCore

/// An identity provider: somebody else's list of users whose word this cloud takes.
struct IdentityProvider: Sendable, Hashable {
    var id: String
    /// Where its users are, unless a mapping says otherwise.
    var domainID: String
    var isEnabled = false
    var description: String?
    /// The names it calls itself in assertions; no two providers share one.
    var remoteIDs: [String] = []
    /// How many minutes a membership from a mapping lasts; nil for the cloud's setting.
    var authorizationTTL: Int?
}

/// A way to log in at an identity provider, with the mapping that applies.
struct FederationProtocol: Sendable, Hashable {
    var id: String
    var identityProviderID: String
    var mappingID: String
    /// The attribute of assertions that holds the provider's remote id; nil for the cloud's setting.
    var remoteIDAttribute: String?
}

/// Rules as they were set, by the name protocols refer to.
struct FederationMapping: Sendable, Hashable {
    var id: String
    var rules: JSON
    var schemaVersion: MappingSchemaVersion

    /// The rules, ready to be applied.
    /// - Throws: `IdentityError.invalid`; never for rules that were checked when they were set.
    var parsed: MappingRules {
        get throws { try MappingRules(["rules": rules, "schema_version": .string(schemaVersion.rawValue)]) }
    }
}

/// Another cloud that takes this one's word for its users.
struct ServiceProvider: Sendable, Hashable {
    /// The prefix of the SAML relay state unless one is set.
    static let standardRelayStatePrefix = "ss:mem:"

    var id: String
    var isEnabled = false
    var description: String?
    var authURL: String
    var url: String
    var relayStatePrefix = standardRelayStatePrefix
}

/// A user's name at an identity provider.
struct FederatedIdentity: Sendable, Hashable {
    var identityProviderID: String
    var protocolID: String
    var uniqueID: String
}
