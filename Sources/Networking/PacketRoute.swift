import CloudStore
import NetworkMessages

/// How a packet from one port to an address leaves: what a trace through the data plane begins with.
public struct PacketRoute: Sendable, Hashable {
    /// A port as people know it.
    public struct Endpoint: Sendable, Hashable {
        /// The port's id.
        public let id: String
        /// Its name, else its server's host name, else its id.
        public let name: String
        /// Its MAC address.
        public let mac: String
        /// Its address that the packet has.
        public let address: String
    }

    /// Who sends.
    public let source: Endpoint
    /// Where to.
    public let destination: String
    /// The cloud's port that was meant; nil for an address that was given as such.
    public let target: Endpoint?
    /// The address that the packet is handed to first: the destination's own, or a router's.
    public let nextHop: String
    /// That one's MAC address.
    public let nextHopMAC: String

    /// Finds out how a packet leaves.
    /// - Parameters:
    ///   - sender: a port's id, name or address, or a server's id or host name.
    ///   - receiver: the same, or any address.
    /// - Throws: `PacketRouteError`.
    public static func find(from sender: String, to receiver: String, in reader: any Reader) throws -> PacketRoute {
        let port = try only(TraceRecords.ports(meantBy: sender, in: reader), sender)
        let (address, target) = try destination(receiver, for: port, in: reader)
        guard let fixed = port.fixedIPs.first(where: { IPAddress($0.address)?.version == address.version }) else {
            throw PacketRouteError("port \(port.id) has no IPv\(address.version.rawValue) address")
        }
        let subnets = try SubnetRecords.all(network: port.networkID, in: reader)
        let isNear = subnets.contains { $0.cidr.contains(address) }
        let own = subnets.first { $0.id == fixed.subnetID }
        guard let hop = isNear ? address : own?.hop(to: address) else {
            throw PacketRouteError("subnet \(fixed.subnetID) has no gateway, and no route to \(address)")
        }
        guard let holder = try TraceRecords.holder(of: hop.description, network: port.networkID, in: reader) else {
            throw PacketRouteError("nothing of the cloud has the address \(hop) on the port's network, where the packet goes first")
        }
        return PacketRoute(
            source: Endpoint(port, fixed.address), destination: address.description, target: target,
            nextHop: hop.description, nextHopMAC: holder.mac)
    }

    private static func destination(
        _ text: String, for port: Port, in reader: any Reader
    ) throws -> (IPAddress, Endpoint?) {
        if let address = IPAddress(text) { return (address, nil) }
        let target = try only(TraceRecords.ports(meantBy: text, in: reader), text)
        let versions = port.fixedIPs.compactMap { IPAddress($0.address)?.version }
        guard let address = target.fixedIPs.compactMap({ IPAddress($0.address) }).first(where: { versions.contains($0.version) })
        else { throw PacketRouteError("ports \(port.id) and \(target.id) have no addresses of one IP version") }
        return (address, Endpoint(target, address.description))
    }

    private static func only(_ ports: [Port], _ text: String) throws -> Port {
        guard let port = ports.first else { throw PacketRouteError("no port, server or address is \(text)") }
        guard ports.count == 1 else {
            throw PacketRouteError("\(text) may be any of the ports \(ports.map(\.id).joined(separator: ", "))")
        }
        return port
    }
}

extension PacketRoute.Endpoint {
    fileprivate init(_ port: Port, _ address: String) {
        let names = [port.name, port.dnsName, port.id]
        self.init(id: port.id, name: names.first { !$0.isEmpty } ?? port.id, mac: port.mac, address: address)
    }
}

extension Subnet {
    /// The router to which a guest of the subnet sends what is for elsewhere: by the most exact of the subnet's routes, else
    /// the gateway; nil when there is none.
    fileprivate func hop(to address: IPAddress) -> IPAddress? {
        let routes = hostRoutes.compactMap { route in
            CIDR(route.destination).flatMap { range in IPAddress(route.nexthop).map { (range: range, hop: $0) } }
        }
        return routes.filter { $0.range.contains(address) }.max { $0.range.prefixLength < $1.range.prefixLength }?.hop ?? gateway
    }
}

/// Why no packet can be traced, for people.
public struct PacketRouteError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason.
    public let description: String

    init(_ description: String) { self.description = description }
}
