import NetworkMessages

/// What someone asks of networks for a device, such as a server.
public enum NetworksRequest: Sendable, Hashable {
    /// The one network that the project can use; none if there is none.
    case automatic
    /// No network at all.
    case none
    /// These, in order.
    case explicit([Entry])

    /// One of the networks asked for.
    public struct Entry: Sendable, Hashable {
        /// A network to make a port on.
        public var networkID: String?
        /// An existing port to take.
        public var portID: String?
        /// The address to have.
        public var fixedIP: String?

        /// An entry.
        public init(networkID: String? = nil, portID: String? = nil, fixedIP: String? = nil) {
            (self.networkID, self.portID, self.fixedIP) = (networkID, portID, fixedIP)
        }
    }
}

/// A port that a device will have.
public struct PortPlan: Sendable, Hashable {
    /// The network.
    public var networkID: String
    /// The existing port to take; nil to make one.
    public var portID: String?
    /// The address to have; nil for any.
    public var fixedIP: String?

    /// A plan.
    public init(networkID: String, portID: String? = nil, fixedIP: String? = nil) {
        (self.networkID, self.portID, self.fixedIP) = (networkID, portID, fixedIP)
    }
}

/// The device for which ports are made.
public struct PortDevice: Sendable, Hashable {
    /// The device, such as a server.
    public var id: String
    /// The ports' owner, such as `compute:nova`.
    public var owner: String
    /// The device's project.
    public var projectID: String
    /// The name under which it asks for its address.
    public var hostName: String
    /// The security groups of ports that are made; empty for the project's default.
    public var securityGroupIDs: [String]
    /// The host to bind to.
    public var host: String

    /// A device.
    public init(id: String, owner: String, projectID: String, hostName: String, securityGroupIDs: [String], host: String) {
        (self.id, self.owner, self.projectID) = (id, owner, projectID)
        (self.hostName, self.securityGroupIDs, self.host) = (hostName, securityGroupIDs, host)
    }
}

/// A device's port with what its users want to know of it.
public struct DevicePort: Sendable, Hashable {
    /// An address.
    public struct Address: Sendable, Hashable {
        /// The address.
        public var address: String
        /// 4 or 6.
        public var version: Int
        /// The subnet.
        public var subnetID: String
        /// The subnet's range.
        public var cidr: String
        /// The subnet's gateway.
        public var gateway: String?
        /// The subnet's resolvers.
        public var nameservers: [String]
        /// The floating IPs that lead to it.
        public var floatingIPs: [String]
        /// Whether the subnet's addresses are given out by DHCP.
        public var isDHCPEnabled: Bool
        /// How guests come by their address (Neutron's `ipv6_address_mode`); nil where the subnet says nothing of it.
        public var addressMode: String?
        /// The subnet's routes besides the gateway's.
        public var hostRoutes: [Route]
    }

    /// The port.
    public var id: String
    /// Its network.
    public var networkID: String
    /// Its network's name.
    public var networkName: String
    /// Its MAC address.
    public var mac: String
    /// The largest packet in bytes.
    public var mtu: Int
    /// Whether its host says that packets flow.
    public var isActive: Bool
    /// The host it is bound to; empty while it is unbound.
    public var host: String
    /// Its addresses in the order they were given.
    public var addresses: [Address]
    /// The names of its security groups.
    public var securityGroups: [String]
    /// Whether security groups can hold for it.
    public var hasPortSecurity = true
}
