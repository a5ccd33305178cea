import CloudAPI
import CloudCore

/// `federated` of users: `[{"idp_id", "protocols": [{"protocol_id", "unique_id"}]}]`.
extension FederatedIdentity {
    private static let protocols: Schema = .array(
        .object(
            [("protocol_id", .string(length: 0...64)), ("unique_id", .string(length: 0...255))],
            required: ["protocol_id", "unique_id"], additional: .any),
        count: 1...64)

    /// What requests may say.
    static let schema: Schema = .array(
        .object([("idp_id", .string(length: 0...64)), ("protocols", protocols)], required: ["idp_id", "protocols"], additional: .any),
        count: 0...64)

    /// Reads a list that the schema admits; what is named twice counts once.
    static func list(_ body: JSON) -> [FederatedIdentity] {
        var identities: [FederatedIdentity] = []
        for provider in body.array ?? [] {
            for entry in provider["protocols"]?.array ?? [] {
                let identity = FederatedIdentity(
                    identityProviderID: provider["idp_id"]?.string ?? "", protocolID: entry["protocol_id"]?.string ?? "",
                    uniqueID: entry["unique_id"]?.string ?? "")
                if !identities.contains(identity) { identities.append(identity) }
            }
        }
        return identities
    }

    /// The list as answers show it, gathered by provider.
    static func view(_ identities: [FederatedIdentity]) -> JSON {
        let byProvider = Dictionary(grouping: identities, by: \.identityProviderID)
        return .array(byProvider.keys.sorted().map { provider in
            let protocols = (byProvider[provider] ?? []).map { identity -> JSON in
                ["protocol_id": .string(identity.protocolID), "unique_id": .string(identity.uniqueID)]
            }
            return ["idp_id": .string(provider), "protocols": .array(protocols)]
        })
    }
}
