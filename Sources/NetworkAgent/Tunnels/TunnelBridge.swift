import NetworkMessages

/// What a host's tunnel bridge must do, in OpenFlow's words. OVN speaks Geneve between hosts; a GRE or VXLAN network
/// leaves OVN's bridge with a tag instead, as if it were a VLAN of a physical network, and this bridge swaps the tag for
/// the network's tunnel and key. Pure.
struct TunnelBridge: Sendable, Hashable {
    /// The label of the bridge among the physical networks.
    static let label = "altostack-tunnels"

    /// A network that reaches the bridge.
    struct Network: Sendable, Hashable {
        var attachment: TunnelAttachment
        /// The number of the port through which OVN's bridge is joined, made by ovn-controller for each network. (Its name
        /// is longer than OpenFlow's names may be.)
        var patch: Int
    }

    /// A tunnel to another host.
    struct Tunnel: Sendable, Hashable {
        var kind: TunnelAttachment.Kind
        /// The other host's address.
        var peer: NetworkAddress
        /// The number of its port; nil as long as it has none.
        var number: Int?

        /// The port's name, at most 15 characters, which tells kind and peer.
        var port: String {
            let digits = peer.isIPv6
                ? peer.bytes.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
                : peer.bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let text = String(digits, radix: 16)
            return "\(kind.rawValue)-" + String(repeating: "0", count: 8 - text.count) + text
        }
    }

    var networks: [Network]
    var tunnels: [Tunnel]

    /// How an attachment stands in a label.
    static func text(_ attachment: TunnelAttachment) -> String { "\(attachment.kind.rawValue)/\(attachment.key)" }

    /// The flows (ovs-ofctl(8)): what comes from a tunnel gets its tag and goes to its network alone, and the table of
    /// unicasts learns where its sender is; what comes from a network goes where its receiver is known to be, else to
    /// every host. Nothing goes from one tunnel to another, so that hosts in a full mesh make no circle.
    var flows: [String] {
        var flows = ["table=0,priority=0,actions=drop", "table=20,priority=0,actions=drop"]
        for network in networks.sorted(by: { $0.attachment.tag < $1.attachment.tag }) {
            let (key, tag) = (network.attachment.key, network.attachment.tag)
            let ways = tunnels.filter { $0.kind == network.attachment.kind }.compactMap(\.number).sorted()
            for way in ways {
                flows.append(
                    "table=0,priority=10,in_port=\(way),tun_id=\(key),actions=push_vlan:0x8100,set_field:\(4096 + tag)->vlan_vid,"
                        + Self.learning + ",output:\(network.patch)")
            }
            flows.append("table=0,priority=10,in_port=\(network.patch),dl_vlan=\(tag),actions=resubmit(,20)")
            guard !ways.isEmpty else { continue }
            let outputs = ways.map { "output:\($0)" }.joined(separator: ",")
            flows.append("table=20,priority=1,dl_vlan=\(tag),actions=strip_vlan,set_field:\(key)->tun_id,\(outputs)")
        }
        return flows
    }

    /// The sender's address is learned for five minutes, as switches do (IEEE 802.1Q, 8.8.3).
    private static let learning =
        "learn(table=20,hard_timeout=300,priority=2,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
        + "load:0->NXM_OF_VLAN_TCI[],load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:NXM_OF_IN_PORT[])"
}
