import CloudAPI

/// What Networking refuses, with Neutron's own name for it: clients read the `type` of an error.
public struct NetworkingError: FaultConvertible, Hashable {
    /// The HTTP status classes that Neutron's exceptions fall into.
    public enum Kind: Sendable, Hashable { case badRequest, forbidden, notFound, conflict, preconditionFailed, unavailable, notImplemented }

    /// How the refusal answers.
    public let kind: Kind
    /// Neutron's exception name, such as `NetworkNotFound`.
    public let type: String
    /// What is wrong, for the user.
    public let message: String

    init(_ kind: Kind, _ type: String, _ message: String) { (self.kind, self.type, self.message) = (kind, type, message) }

    public var fault: Fault {
        switch kind {
        case .badRequest: Fault(.badRequest, message, code: type)
        case .forbidden: Fault(.forbidden, message, code: type)
        case .notFound: Fault(.notFound, message, code: type)
        case .conflict: Fault(.conflict, message, code: type)
        case .preconditionFailed: Fault(.preconditionFailed, message, code: type)
        case .unavailable: Fault(.serviceUnavailable, message, code: type)
        case .notImplemented: Fault(.notImplemented, message, code: type)
        }
    }
}

// What is not there.
extension NetworkingError {
    static func notFound(_ type: String, _ noun: String, _ id: String) -> Self {
        Self(.notFound, type, "\(noun) \(id) could not be found.")
    }
    static func networkNotFound(_ id: String) -> Self { notFound("NetworkNotFound", "Network", id) }
    static func subnetNotFound(_ id: String) -> Self { notFound("SubnetNotFound", "Subnet", id) }
    static func portNotFound(_ id: String) -> Self { notFound("PortNotFound", "Port", id) }
    static func routerNotFound(_ id: String) -> Self { notFound("RouterNotFound", "Router", id) }
    static func agentNotFound(_ id: String) -> Self { notFound("AgentNotFound", "Agent", id) }
    static func floatingIPNotFound(_ id: String) -> Self { notFound("FloatingIPNotFound", "Floating IP", id) }
    static func securityGroupNotFound(_ id: String) -> Self {
        Self(.notFound, "SecurityGroupNotFound", "Security group \(id) does not exist.")
    }
    static func securityGroupRuleNotFound(_ id: String) -> Self {
        Self(.notFound, "SecurityGroupRuleNotFound", "Security group rule \(id) does not exist.")
    }
}

// What the request says wrongly.
extension NetworkingError {
    static func invalidInput(_ reason: String) -> Self {
        Self(.badRequest, "InvalidInput", "Invalid input for operation: \(reason).")
    }
    static func badRequest(_ resource: String, _ reason: String) -> Self {
        Self(.badRequest, "BadRequest", "Bad \(resource) request: \(reason).")
    }
    /// What Neutron's request decoding refuses.
    static func badBody(_ reason: String) -> Self { Self(.badRequest, "HTTPBadRequest", reason) }
    static func invalidIP(_ address: String, subnet: String) -> Self {
        Self(.badRequest, "InvalidIpForSubnet", "IP address \(address) is not valid on subnet \(subnet).")
    }
    static func invalidIP(_ address: String, network: String) -> Self {
        Self(.badRequest, "InvalidIpForNetwork", "IP address \(address) belongs to no subnet of network \(network).")
    }
}

// What stands in the way.
extension NetworkingError {
    static func networkInUse(_ id: String, _ reason: String) -> Self {
        Self(.conflict, "NetworkInUse", "Network \(id) cannot be changed in this way: \(reason).")
    }
    static func subnetInUse(_ id: String, _ reason: String) -> Self {
        Self(.conflict, "SubnetInUse", "Subnet \(id) cannot be changed in this way: \(reason).")
    }
    static func portInUse(_ id: String, network: String, device: String) -> Self {
        Self(.conflict, "PortInUse", "Port \(id) of network \(network) is attached to device \(device) already.")
    }
    static func servicePortInUse(_ id: String, _ reason: String) -> Self {
        Self(.conflict, "ServicePortInUse", "Port \(id) cannot be deleted by itself: \(reason).")
    }
    static func addressInUse(_ address: String, subnet: String) -> Self {
        Self(.conflict, "IpAddressAlreadyAllocated", "IP address \(address) already allocated in subnet \(subnet)")
    }
    static func macInUse(_ mac: String, network: String) -> Self {
        Self(.conflict, "MacAddressInUse", "MAC address \(mac) of network \(network) is in use.")
    }
    static func addressesExhausted(network: String) -> Self {
        Self(.conflict, "IpAddressGenerationFailure", "No more IP addresses are available on network \(network).")
    }
    static func overQuota(_ resource: String) -> Self {
        Self(.conflict, "OverQuota", "Quota exceeded for resources: ['\(resource)'].")
    }
    static func securityGroupInUse(_ id: String) -> Self {
        Self(.conflict, "SecurityGroupInUse", "Security group \(id) is in use.")
    }
    static func routerInUse(_ id: String, _ reason: String) -> Self {
        Self(.conflict, "RouterInUse", "Router \(id) \(reason).")
    }
}
