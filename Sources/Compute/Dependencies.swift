import CloudAPI
import CloudCore
import CloudStore

/// What compute needs of the image service.
public protocol ComputeImages: ComputeSnapshots {
    /// An image the caller may see; nil when there is none.
    func image(_ id: String, for token: TokenContext) async throws -> ServerImage?

    /// The image that holds a server's own disk, whoever may see it; nil when there is none.
    func ownImage(_ id: String) async throws -> ServerImage?
}

/// An image as far as a server depends on it.
public struct ServerImage: Sendable, Codable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its name.
    public var name: String?
    /// Its status; only an `active` image boots.
    public var status: String
    /// Its format: raw, qcow2 …
    public var diskFormat: String
    /// The smallest root disk in GiB that holds it.
    public var minDiskGiB: Int
    /// The least memory in MiB it runs in.
    public var minMemoryMiB: Int
    /// Its size in bytes.
    public var sizeBytes: Int
    /// Its SHA-512, if it was computed.
    public var checksum: String?
    /// Its properties (hw_…, os_…).
    public var properties: [String: String]

    /// An image.
    public init(
        id: String, name: String?, status: String, diskFormat: String, minDiskGiB: Int, minMemoryMiB: Int, sizeBytes: Int,
        checksum: String?, properties: [String: String]
    ) {
        (self.id, self.name, self.status, self.diskFormat) = (id, name, status, diskFormat)
        (self.minDiskGiB, self.minMemoryMiB, self.sizeBytes) = (minDiskGiB, minMemoryMiB, sizeBytes)
        (self.checksum, self.properties) = (checksum, properties)
    }
}

/// What compute needs of networking. Calls with a reader or transaction take part in it.
public protocol ComputeNetworking: Sendable {
    /// Turns what a request asks for into the ports to make.
    /// - Throws: `NetworkRefusal` when the caller can't have it.
    func plan(_ request: NetworkRequest, for caller: NetworkCaller, in reader: any Reader) throws -> [PlannedPort]

    /// Creates or takes over the planned ports for a server and binds them to a host. Repeating it for a server
    /// that has its ports already binds those.
    /// - Throws: `NetworkRefusal`, such as for an exhausted subnet.
    func attach(_ plan: [PlannedPort], to owner: PortOwner, in transaction: any Transaction) throws -> [ServerPort]

    /// Deletes the ports made for a server and releases those it was given. Repeating it is harmless.
    func detach(server id: String, in transaction: any Transaction) throws

    /// The ports of servers by server id, in the order they were attached.
    func ports(servers: [String], in reader: any Reader) throws -> [String: [ServerPort]]

    /// What ports need of their host beyond addresses; unknown ports need nothing.
    func resourceRequests(ports: [String], in reader: any Reader) throws -> [PortResourceRequest]

    /// Notes at a server's ports which resource provider serves each of their requests, by the requests' ids. Ports whose
    /// requests are not named are left alone.
    /// - Returns: which served them before.
    @discardableResult
    func allocate(_ providers: [String: String], server: String, in transaction: any Transaction) throws -> [String: String]

    /// Waits until the data plane has these ports.
    /// - Throws: when it hasn't by the deadline.
    func settle(ports: [String], deadline: Timestamp) async throws

    /// The server whose port has this address on this network, and the port's project; nil when none has.
    func server(network id: String, address: String, in reader: any Reader) throws -> (id: String, projectID: String)?

    /// The ids of the project's security groups, each named by id or name.
    /// - Throws: `NetworkRefusal` for one that does not exist, or a name that several have.
    func securityGroups(_ namesOrIDs: [String], projectID: String, in reader: any Reader) throws -> [String]

    /// The network that is made by itself for a project that has none, with its way out; made when it is missing.
    /// - Throws: `NetworkRefusal` where the cloud has not what it is made of.
    func autoAllocate(projectID: String, in transaction: any Transaction) throws -> String

    /// The servers with an address that contains one of these texts.
    /// - Parameter projectID: the project whose ports count; nil for all.
    func servers(withAddressesContaining parts: [String], projectID: String?, in reader: any Reader) throws -> [String]

    /// Makes or takes over one more port for a server and binds it, whatever ports the server has.
    /// - Throws: `NetworkRefusal`.
    func attachOne(_ plan: PlannedPort, to owner: PortOwner, in transaction: any Transaction) throws -> ServerPort

    /// Deletes or releases one port of a server; a port that is not the server's is left alone. Repeating it is harmless.
    func detach(port id: String, server: String, in transaction: any Transaction) throws

    /// Binds a server's ports to another host. Repeating it is harmless; the ports' state is down until that host has them.
    func rebind(server id: String, host: String, in transaction: any Transaction) throws

    /// Gives a server one more address on a network that it is on.
    /// - Throws: `NetworkRefusal`.
    func addAddress(network id: String, server: String, in transaction: any Transaction) throws

    /// Takes an address from a server.
    /// - Returns: whether it had it.
    func removeAddress(_ address: String, server: String, in transaction: any Transaction) throws -> Bool

    /// Puts a server's ports into a security group of its project, by name or id, or takes them out of it.
    /// - Throws: `NetworkRefusal` for one that does not exist.
    func setSecurityGroup(
        _ nameOrID: String, isMember: Bool, server: String, projectID: String, in transaction: any Transaction) throws

    /// Leads a floating IP of a project to an address of a server.
    /// - Throws: `NetworkRefusal`.
    func associate(
        floatingIP address: String, projectID: String, server: String, fixedAddress: String, in transaction: any Transaction) throws

    /// Leads a floating IP away from a server.
    /// - Returns: whether it led there.
    /// - Throws: `NetworkRefusal` when the project has no such floating IP.
    func disassociate(
        floatingIP address: String, projectID: String, server: String, in transaction: any Transaction) throws -> Bool
}

/// What a port needs of a host beyond an address, such as guaranteed bandwidth (Neutron's `resource_request`).
public struct PortResourceRequest: Sendable, Hashable, Codable {
    /// The UUID of the group of resources, under which the port's binding names what serves it.
    public var id: String
    /// Amounts by resource class.
    public var resources: [String: Int]
    /// What the provider must have.
    public var requiredTraits: [String]

    /// A request.
    public init(id: String, resources: [String: Int], requiredTraits: [String]) {
        (self.id, self.resources, self.requiredTraits) = (id, resources, requiredTraits)
    }
}

/// Why networking can't give what was asked for.
public struct NetworkRefusal: Error, Sendable, Hashable {
    /// The kinds of refusal, which differ in the status the API answers.
    public enum Kind: String, Sendable, Codable { case notFound, forbidden, conflict, invalid, exhausted, ambiguous, quota }
    /// The kind.
    public let kind: Kind
    /// What is wrong, for the user.
    public let message: String

    /// A refusal.
    public init(_ kind: Kind, _ message: String) { (self.kind, self.message) = (kind, message) }
}

/// What a server create request says of networks.
public enum NetworkRequest: Sendable, Codable, Hashable {
    /// The project's network if it has exactly one; none if it has none.
    case automatic
    /// No network at all.
    case none
    /// These, in order.
    case explicit([RequestedNetwork])
}

/// Who asks for a server's networks, and what they may.
public struct NetworkCaller: Sendable, Hashable {
    /// The server's project.
    public var projectID: String
    /// Whether others' networks and ports may be used.
    public var isAdmin: Bool
    /// Whether a port may be made on an external network that is shared with nobody (`network:attach_external_network`).
    public var mayUseExternal: Bool

    /// A caller.
    public init(projectID: String, isAdmin: Bool, mayUseExternal: Bool) {
        (self.projectID, self.isAdmin, self.mayUseExternal) = (projectID, isAdmin, mayUseExternal)
    }
}

/// One entry of a request's networks.
public struct RequestedNetwork: Sendable, Codable, Hashable {
    /// A network to make a port on.
    public var networkID: String?
    /// An existing port to take.
    public var portID: String?
    /// The address to have.
    public var fixedIP: String?
    /// A tag that the guest finds in its metadata.
    public var tag: String?

    /// An entry.
    public init(networkID: String?, portID: String?, fixedIP: String?, tag: String?) {
        (self.networkID, self.portID, self.fixedIP, self.tag) = (networkID, portID, fixedIP, tag)
    }
}

/// A port that a server will have.
public struct PlannedPort: Sendable, Codable, Hashable {
    /// The network.
    public var networkID: String
    /// The existing port to take; nil to make one.
    public var portID: String?
    /// The address to have; nil for any.
    public var fixedIP: String?
    /// The tag.
    public var tag: String?

    /// A plan.
    public init(networkID: String, portID: String? = nil, fixedIP: String? = nil, tag: String? = nil) {
        (self.networkID, self.portID, self.fixedIP, self.tag) = (networkID, portID, fixedIP, tag)
    }
}

/// The server for which ports are made.
public struct PortOwner: Sendable, Codable, Hashable {
    /// The server.
    public var serverID: String
    /// Its project.
    public var projectID: String
    /// Its host name, which the network's resolver announces.
    public var hostName: String
    /// The security groups' ids of ports that are made; empty for the project's default.
    public var securityGroupIDs: [String]
    /// The availability zone.
    public var availabilityZone: String
    /// The compute host to bind to.
    public var host: String

    /// An owner.
    public init(
        serverID: String, projectID: String, hostName: String, securityGroupIDs: [String], availabilityZone: String, host: String
    ) {
        (self.serverID, self.projectID, self.hostName) = (serverID, projectID, hostName)
        (self.securityGroupIDs, self.availabilityZone, self.host) = (securityGroupIDs, availabilityZone, host)
    }
}

/// A port of a server as compute shows it.
public struct ServerPort: Sendable, Codable, Hashable {
    /// An address.
    public struct Address: Sendable, Codable, Hashable {
        /// The address.
        public var address: String
        /// The subnet.
        public var subnetID: String
        /// 4 or 6.
        public var version: Int
        /// The subnet's range.
        public var cidr: String
        /// The subnet's gateway.
        public var gateway: String?
        /// The subnet's resolvers.
        public var nameservers: [String]
        /// The floating IPs that lead to it.
        public var floatingIPs: [String]
        /// How a guest comes by it; nil in what workflows kept before it was told, which means by DHCP.
        public var configuration: Configuration?

        /// An address.
        public init(
            address: String, subnetID: String, version: Int, cidr: String, gateway: String?, nameservers: [String],
            floatingIPs: [String], configuration: Configuration? = nil
        ) {
            (self.address, self.subnetID, self.version, self.cidr) = (address, subnetID, version, cidr)
            (self.gateway, self.nameservers, self.floatingIPs) = (gateway, nameservers, floatingIPs)
            self.configuration = configuration
        }

        /// How guests on a subnet come by their addresses and routes.
        public struct Configuration: Sendable, Codable, Hashable {
            /// Whether the subnet's addresses are given out by DHCP.
            public var isDHCPEnabled: Bool
            /// The subnet's `ipv6_address_mode`: slaac, dhcpv6-stateful or dhcpv6-stateless; nil where it has none.
            public var ipv6Mode: String?
            /// The subnet's routes besides the gateway's.
            public var routes: [Route]

            /// What a subnet says.
            public init(isDHCPEnabled: Bool, ipv6Mode: String?, routes: [Route]) {
                (self.isDHCPEnabled, self.ipv6Mode, self.routes) = (isDHCPEnabled, ipv6Mode, routes)
            }

            /// A static route.
            public struct Route: Sendable, Codable, Hashable {
                /// The range it leads to.
                public var destination: String
                /// The address of the next router.
                public var nextHop: String

                /// A route.
                public init(destination: String, nextHop: String) { (self.destination, self.nextHop) = (destination, nextHop) }
            }
        }
    }

    /// The port.
    public var id: String
    /// Its network.
    public var networkID: String
    /// Its network's name, under which addresses are listed.
    public var networkName: String
    /// Its MAC address.
    public var mac: String
    /// The largest packet in bytes.
    public var mtu: Int
    /// Its addresses.
    public var addresses: [Address]
    /// The names of its security groups.
    public var securityGroups: [String]
    /// Whether its host says that packets flow.
    public var isActive: Bool
    /// The host it is bound to; empty while it is unbound.
    public var host: String
    /// Whether security groups can hold for it.
    public var hasPortSecurity: Bool

    /// A port.
    public init(
        id: String, networkID: String, networkName: String, mac: String, mtu: Int, addresses: [Address], securityGroups: [String],
        isActive: Bool = true, host: String = "", hasPortSecurity: Bool = true
    ) {
        (self.id, self.networkID, self.networkName, self.mac) = (id, networkID, networkName, mac)
        (self.mtu, self.addresses, self.securityGroups) = (mtu, addresses, securityGroups)
        (self.isActive, self.host, self.hasPortSecurity) = (isActive, host, hasPortSecurity)
    }
}
