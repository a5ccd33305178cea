import CloudStore
import NetworkMessages

/// What a port may talk to on a private network (upstream's extension `pvlan`): promiscuous ports to all, isolated ones to
/// promiscuous ones only, those of a community to each other and to promiscuous ones.
enum PrivateRole: Sendable, Hashable {
    case promiscuous, isolated
    case community(String)

    /// The words of `pvlan_type`.
    static let types = ["isolated", "promiscuous", "community"]

    /// A role by its stored words; nil for none.
    init?(type: String?, community: String?) {
        switch type {
        case "promiscuous": self = .promiscuous
        case "isolated": self = .isolated
        case "community": self = .community(community ?? "")
        default: return nil
        }
    }

    var type: String {
        switch self {
        case .promiscuous: "promiscuous"
        case .isolated: "isolated"
        case .community: "community"
        }
    }

    var community: String? {
        guard case .community(let name) = self else { return nil }
        return name
    }

    /// What the data plane must know of it: nothing of a promiscuous port.
    var isolation: PortIsolation? {
        switch self {
        case .promiscuous: nil
        case .isolated: .isolated
        case .community(let name): .community(name)
        }
    }
}

/// What a request says of a port's role. An absent type keeps the one before; a null one means promiscuous.
struct PrivateRoleRequest: Sendable {
    var type: String??
    var community: String?

    /// The role of a port after the request; nil on a network that is not private.
    /// - Parameter old: the role before.
    func role(of port: Port, replacing old: PrivateRole?, on network: Network) throws(NetworkingError) -> PrivateRole? {
        let type = self.type ?? old?.type
        guard network.isPrivate else {
            guard old != nil || type == nil && community == nil else {
                throw NetworkingError(.badRequest, "PVLANNotEnabledOnNetwork", "PVLAN is not enabled on network \(network.id).")
            }
            return nil
        }
        try Self.checkSecurity(of: port, on: network)
        guard type == "community" else {
            guard community == nil else {
                throw NetworkingError(
                    .badRequest, "PVLANCannotSetCommunityName",
                    "Port \(port.id) cannot have a PVLAN community unless its type is \"community\".")
            }
            return PrivateRole(type: type ?? "promiscuous", community: nil)
        }
        guard let name = community ?? old?.community else {
            throw NetworkingError(
                .badRequest, "PVLANCommunityNameRequired", "Port \(port.id) of PVLAN type \"community\" needs a community's name.")
        }
        return .community(name)
    }

    /// Nobody is kept from passing himself off as another without port security, so there is no private network.
    static func checkSecurity(of port: Port, on network: Network) throws(NetworkingError) {
        guard network.isPrivate, !port.deviceOwner.hasPrefix("network:") else { return }
        guard network.hasPortSecurity, port.hasPortSecurity else {
            throw NetworkingError(
                .badRequest, "PVLANPortSecurityDisabled", "Port \(port.id) cannot be in a PVLAN: its port security is off.")
        }
    }
}
