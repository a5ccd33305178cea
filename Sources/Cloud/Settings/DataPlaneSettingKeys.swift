import CloudSettings
import NetworkAgent
import NetworkMessages
import Networking

/// The settings of how this host carries packets.
enum DataPlaneSettingKeys {
    static let namespace = SettingKey<String?>(
        "network.namespace", default: nil,
        "The named network namespace that holds the host's switch, so that one machine can stand in for several hosts; "
            + "nothing for the program's own.")
    static let tunnelAddress = SettingKey(
        "network.tunnel_address", default: "127.0.0.1",
        "The address at which other hosts reach this one for tunnels; with a prefix length where network.tunnel_bridge is set.")
    static let tunnelBridge = SettingKey<String?>(
        "network.tunnel_bridge", default: nil,
        "The bridge that takes the tunnels' address and is made if it is not there. A userspace data path reaches other hosts "
            + "only through such a bridge, to which the operator adds the host's interface.")
    static let southboundListen = SettingKey<String?>(
        "network.southbound_listen", default: nil,
        "ADDRESS:PORT at which the ovn-controllers of other hosts reach the southbound database, without encryption: only "
            + "on a network of the hosts' own. Nothing for none.")
    static let pathMTU = SettingKey(
        "network.path_mtu", default: 0, in: 0...65535,
        "The largest packet below the tunnels, in bytes; 0 for that of the physical networks.")
    static let resolvers = SettingKey<[String]>(
        "network.dns_resolvers", default: [],
        "The addresses of the resolvers that guests are told of where their subnet names none. Nothing for those that this host "
            + "itself asks; 0.0.0.0 for none."
    ) { texts in
        texts.allSatisfy(HostResolvers.isAddress) ? nil : "must be a list of addresses"
    }
    static let bandwidths = SettingKey<[String]>(
        "network.resource_provider_bandwidths", default: [],
        "What this host's ways into physical networks carry, each as PHYSICAL:EGRESS:INGRESS in kbit/s: placement then gives "
            + "parts of it to ports with a minimum bandwidth."
    ) { texts in
        texts.allSatisfy { HostBandwidth(parsing: $0) != nil } ? nil : "must be a list of PHYSICAL:EGRESS:INGRESS"
    }
    static let quotas = SettingKey<[String]>(
        "network.quotas", default: [],
        "What projects may have, each as RESOURCE:LIMIT, where no other limit was set for them: -1 for any number. What is not "
            + "named here has upstream's default."
    ) { texts in
        texts.allSatisfy { quota($0) != nil } ? nil
            : "must be a list of RESOURCE:LIMIT; resources are \(NetworkingOptions.defaultQuotas.keys.sorted().joined(separator: ", "))"
    }
    static let tunnelIDs = SettingKey(
        "network.tunnel_ids", default: "1:65536",
        "The numbers in tunnels that projects' networks get, FIRST:LAST, unless a range of their own or a shared one was added."
    ) { numbers($0) == nil ? "must be FIRST:LAST, both from 1 to 16777215" : nil }
    static let simulatedGuests = SettingKey(
        "simulation.guests", default: false,
        "Whether guests exist in memory only while networks are real: for looking at packets without a hypervisor.")

    static let all: [any SettingDeclaration] = [
        namespace,
        tunnelAddress,
        tunnelBridge,
        southboundListen,
        pathMTU,
        resolvers,
        bandwidths,
        quotas,
        tunnelIDs,
        simulatedGuests,
    ]

    private static func quota(_ text: String) -> (resource: String, limit: Int)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, NetworkingOptions.defaultQuotas[parts[0]] != nil, let limit = Int(parts[1]),
            (-1...1_000_000_000).contains(limit)
        else { return nil }
        return (parts[0], limit)
    }

    private static func numbers(_ text: String) -> ClosedRange<Int>? {
        let ends = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first >= 1, last <= 0xFF_FFFF, first <= last else { return nil }
        return first...last
    }

    static func apply(_ settings: Settings, to options: inout NetworkingOptions) {
        for (resource, limit) in settings[quotas].compactMap(quota) { options.quotas[resource] = limit }
        options.tunnelIDs = numbers(settings[tunnelIDs]) ?? options.tunnelIDs
    }

    static func bandwidths(_ settings: Settings) -> [HostBandwidth] { settings[bandwidths].compactMap(HostBandwidth.init) }

    static func apply(_ settings: Settings, to options: inout NetworkAgentOptions) {
        options.networkNamespace = settings[namespace]
        options.southboundListen = settings[southboundListen]
        options.resolvers = settings[resolvers].isEmpty ? HostResolvers.current() : settings[resolvers]
        let address = settings[tunnelAddress]
        options.tunnelAddress = address.split(separator: "/").first.map(String.init) ?? address
        if let bridge = settings[tunnelBridge] { options.bridgeAddresses[bridge] = address }
    }
}
