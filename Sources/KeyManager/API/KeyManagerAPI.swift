import CloudAPI
import CloudCore

/// The key manager's front: its table of operations.
struct KeyManagerAPI: Sendable {
    static let minimum = Microversion(1, 0)
    static let maximum = Microversion(1, 2)

    let parts: KeyManager.Parts

    var service: ServiceAPI {
        ServiceAPI(
            type: "key-manager", name: "barbican", path: "/key-manager", envelope: .keyManager,
            microversions: MicroversionPolicy(service: "key-manager", minimum: Self.minimum, maximum: Self.maximum),
            endpoints: endpoints, rules: KeyManagerPolicies.rules)
    }

    private var endpoints: [Endpoint] {
        VersionEndpoints.table
            + SecretEndpoints(parts: parts).table
            + PayloadEndpoints(parts: parts).table
            + SecretMetadataEndpoints(parts: parts).table
            + ContainerEndpoints(parts: parts).table
            + AccessListEndpoints(parts: parts, kind: .secret).table
            + AccessListEndpoints(parts: parts, kind: .container).table
            + ConsumerEndpoints(parts: parts, kind: .secret).table
            + ConsumerEndpoints(parts: parts, kind: .container).table
            + OrderEndpoints(parts: parts).table
            + QuotaEndpoints(parts: parts).table
            + SecretStoreEndpoints(parts: parts).table
            + TransportKeyEndpoints(parts: parts).table
    }
}
