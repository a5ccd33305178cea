/// How a host joins the cloud's networks.
public struct NetworkAgentOptions: Sendable, Hashable {
    /// Which packet forwarder Open vSwitch uses.
    public enum Datapath: String, Sendable, Hashable, CaseIterable {
        /// The kernel's where it has one, else the one in userspace.
        case automatic
        case kernel
        case userspace
    }

    /// Where databases, sockets and logs are; sockets' paths must stay below 108 bytes, so at most 70 here.
    public var stateDirectory: String
    /// The host's name, which is also its chassis' name in OVN.
    public var hostName: String
    /// The bridge of each physical network by the network's label, such as `["public": "br-ex"]`.
    public var physicalNetworks: [String: String]
    /// The host's own address on a bridge, with prefix length, by the bridge's name: through it the host reaches floating
    /// IPs, and it can be the external network's gateway.
    public var bridgeAddresses: [String: String]
    /// The address at which other hosts reach this one for tunnels.
    public var tunnelAddress = "127.0.0.1"
    /// `ADDRESS:PORT` at which other hosts' ovn-controllers reach the southbound database, without encryption; nil for none.
    public var southboundListen: String?
    /// Whether guests on this host are answered at 169.254.169.254.
    public var servesMetadata = true
    /// Which packet forwarder to use.
    public var datapath = Datapath.automatic
    /// The bridge on which guests' interfaces are; a bridge's name has at most 15 characters.
    public var integrationBridge = "br-int"
    /// The bridge at which GRE and VXLAN networks leave the host; nil if this host has none.
    public var overlayBridge: String? = "br-tun"
    /// The domain announced by DHCP; nil for none.
    public var dnsDomain: String? = "openstacklocal"
    /// The addresses of the resolvers that guests are told of where their subnet names none.
    public var resolvers: [String] = []
    /// The named network namespace in which everything happens, so that one machine can stand in for several hosts; nil
    /// for the one of the program.
    public var networkNamespace: String?

    /// The options of a host.
    public init(
        stateDirectory: String, hostName: String, physicalNetworks: [String: String] = [:],
        bridgeAddresses: [String: String] = [:]
    ) {
        (self.stateDirectory, self.hostName) = (stateDirectory, hostName)
        (self.physicalNetworks, self.bridgeAddresses) = (physicalNetworks, bridgeAddresses)
    }

    /// The namespace of the data plane.
    var namespace: NetworkNamespace { networkNamespace.map(NetworkNamespace.named) ?? .current }

    /// All bridges that must be there, sorted.
    var bridges: [String] {
        Set(physicalNetworks.values).union(bridgeAddresses.keys).union([integrationBridge])
            .union(overlayBridge.map { [$0] } ?? []).sorted()
    }

    /// The bridge of each network label that OVN may ask for.
    var bridgeMappings: [String: String] {
        physicalNetworks.merging(overlayBridge.map { [TunnelBridge.label: $0] } ?? [:]) { $1 }
    }

    /// Where the southbound database listens beside its Unix socket, in ovsdb-server's words; nil for nowhere.
    var southboundRemote: String? {
        get throws(TopologyError) {
            guard let text = southboundListen else { return nil }
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
                throw .invalid(what: "network.southbound_listen", value: text)
            }
            let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
            let address = try NetworkAddress(String(host), what: "network.southbound_listen")
            return "ptcp:\(port):\(address.isIPv6 ? "[\(address)]" : address.description)"
        }
    }

    /// - Throws: `HostError.badOption`.
    func validate() throws(HostError) {
        for bridge in bridges where bridge.wholeMatch(of: /[A-Za-z][A-Za-z0-9_.-]{0,14}/) == nil {
            throw .badOption("'\(bridge)' cannot be a bridge's name: at most 15 letters, digits, '-', '_' and '.'")
        }
        for label in physicalNetworks.keys where label.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.-]*/) == nil {
            throw .badOption("'\(label)' cannot be a physical network's label: letters, digits, '-', '_' and '.'")
        }
        guard hostName.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9.-]{0,252}/) != nil else {
            throw .badOption("'\(hostName)' cannot be a host's name")
        }
        do {
            for address in bridgeAddresses.values { _ = try NetworkPrefix(address, what: "A bridge's address") }
            _ = try NetworkAddress(tunnelAddress, what: "A tunnel's address")
            _ = try southboundRemote
        } catch {
            throw .badOption("\(error)")
        }
        guard stateDirectory.hasPrefix("/"), stateDirectory.utf8.count <= 70 else {
            throw .badOption("the network state's directory must be an absolute path of at most 70 bytes: \(stateDirectory)")
        }
    }
}

/// Where the parts of a host's state are.
struct OVNPaths: Sendable, Hashable {
    let root: String

    var run: String { root + "/run" }
    var logs: String { root + "/log" }
    /// The socket of the host's own Open vSwitch database.
    var localSocket: String { run + "/db.sock" }
    /// The socket of OVN's northbound database.
    var northboundSocket: String { run + "/nb.sock" }
    /// The socket of OVN's southbound database.
    var southboundSocket: String { run + "/sb.sock" }

    func database(_ name: String) -> String { "\(root)/\(name).db" }
    func pidFile(_ daemon: String) -> String { "\(run)/\(daemon).pid" }
    func control(_ daemon: String) -> String { "\(run)/\(daemon).ctl" }
    func log(_ daemon: String) -> String { "\(logs)/\(daemon).log" }
}
