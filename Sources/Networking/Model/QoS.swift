import CloudCore
import CloudCrypto

/// Which way a QoS rule holds, seen from the guest.
enum QoSDirection: String, Sendable, Hashable, CaseIterable {
    case ingress, egress
    /// Both together; only for the minimum packet rate.
    case any
}

/// The kinds of QoS rule.
enum QoSRuleType: String, Sendable, Hashable, CaseIterable {
    case bandwidthLimit = "bandwidth_limit"
    case dscpMarking = "dscp_marking"
    case minimumBandwidth = "minimum_bandwidth"
    case packetRateLimit = "packet_rate_limit"
    case minimumPacketRate = "minimum_packet_rate"

    /// The name of the value: kilobits or kilopackets a second, or the mark.
    var valueName: String {
        switch self {
        case .bandwidthLimit: "max_kbps"
        case .dscpMarking: "dscp_mark"
        case .minimumBandwidth: "min_kbps"
        case .packetRateLimit: "max_kpps"
        case .minimumPacketRate: "min_kpps"
        }
    }

    /// The name of the burst that may exceed a limit for a moment; nil for rules that limit nothing.
    var burstName: String? {
        switch self {
        case .bandwidthLimit: "max_burst_kbps"
        case .packetRateLimit: "max_burst_kpps"
        default: nil
        }
    }

    /// The directions it can have; none for marks, which are egress by nature.
    var directions: [QoSDirection] {
        switch self {
        case .dscpMarking: []
        case .minimumPacketRate: QoSDirection.allCases
        default: [.ingress, .egress]
        }
    }

    /// Whether its rules can be reached without naming their policy.
    var hasAlias: Bool { self != .packetRateLimit }

    /// Whether placement keeps what it promises.
    var isReserved: Bool { self == .minimumBandwidth || self == .minimumPacketRate }

    /// The code points that RFC 2474's classes use, as upstream admits them.
    static let marks = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56]
}

/// A QoS policy: rules that a port, a network, a floating IP or a router's gateway can be under.
struct QoSPolicy: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    /// Whether the project's new networks get it.
    var isDefault: Bool
    var standard: StandardAttributes
    var rules: [QoSRule] = []
    /// Whom it is open to.
    var sharing = Sharing.none
}

/// A rule of a QoS policy.
struct QoSRule: Sendable, Hashable {
    let id: String
    let policyID: String
    let type: QoSRuleType
    /// Nil for marks.
    var direction: QoSDirection?
    /// What `QoSRuleType.valueName` says.
    var value: Int
    /// Kilobits or kilopackets; 0 leaves the burst to the engine.
    var burst: Int

    /// Checks that the rule agrees with the others of its policy.
    /// - Parameter named: the direction that the request names; nil checks against both.
    func check(against rules: [QoSRule], named: QoSDirection?) throws(NetworkingError) {
        let others = rules.filter { $0.id != id }
        for other in others where other.type != .dscpMarking && (named == nil || other.direction == named) {
            let isConflict =
                switch (type, other.type) {
                case (.bandwidthLimit, .minimumBandwidth): other.value > value
                case (.minimumBandwidth, .bandwidthLimit): other.value < value
                default: false
                }
            guard !isConflict else { throw conflict(String(value), with: other, String(other.value)) }
        }
        let same = others.filter { $0.type == type }
        if type == .minimumPacketRate, let other = same.first(where: { ($0.direction == .any) != (direction == .any) }) {
            throw conflict(direction?.rawValue ?? "", with: other, other.direction?.rawValue ?? "")
        }
        if let other = same.first(where: { $0.direction == direction }) {
            throw NetworkingError(
                .conflict, "QoSRulesConflict",
                "Rule \(type.rawValue) conflicts with rule \(other.id) which already exists in QoS Policy \(policyID).")
        }
    }

    private func conflict(_ value: String, with other: QoSRule, _ existing: String) -> NetworkingError {
        NetworkingError(
            .conflict, "QoSRuleParameterConflict",
            "Unable to add the rule with value \(value) to the policy \(policyID) as the existing rule of type"
                + " \(other.type.rawValue) has value \(existing).")
    }
}

/// What a port needs from placement: groups of resources, each from one provider, all from one tree.
struct ResourceRequest: Sendable, Hashable {
    /// A group.
    struct Group: Sendable, Hashable {
        var id: String
        var required: [String]
        var resources: [String: Int]
    }

    var groups: [Group]

    /// What the reserving rules of a port's policy ask for; nil when there are none.
    init?(port: Port, segment: Segment, rules: [QoSRule]) {
        let network = segment.physicalNetwork.map { Self.trait("PHYSNET_\($0)") } ?? "CUSTOM_NETWORK_TUNNEL_PROVIDER"
        let vnic = Self.trait("VNIC_TYPE_\(port.binding.vnicType)")
        groups = [(QoSRuleType.minimumBandwidth, [network, vnic]), (.minimumPacketRate, [vnic])].compactMap { type, traits in
            let rules = rules.filter { $0.type == type }
            guard !rules.isEmpty else { return nil }
            return Group(
                id: Self.groupID(port: port.id, rules), required: traits,
                resources: Dictionary(rules.map { (Self.resourceClass($0), $0.value) }) { $1 })
        }
        guard !groups.isEmpty else { return nil }
    }

    /// The UUID of the group that rules of one type ask for.
    static func groupID(port: String, _ rules: [QoSRule]) -> String {
        NamedIdentifier.make(namespace: port, name: rules.map(\.id).sorted().joined(separator: ":"))
    }

    static func trait(_ name: String) -> String {
        "CUSTOM_" + name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "_" }.joined()
    }

    static func resourceClass(_ rule: QoSRule) -> String {
        let (prefix, unit) = rule.type == .minimumBandwidth ? ("NET_BW", "KILOBIT") : ("NET_PACKET_RATE", "KILOPACKET")
        let direction =
            switch rule.direction {
            case .ingress: "_IGR"
            case .egress: "_EGR"
            default: ""
            }
        return "\(prefix)\(direction)_\(unit)_PER_SEC"
    }
}

/// Identifiers made from names (RFC 9562, version 5): the same name, the same identifier.
enum NamedIdentifier {
    /// The identifier of a name within a namespace, which is a UUID.
    static func make(namespace: String, name: String) -> String {
        let digits = namespace.filter(\.isHexDigit)
        let prefix = stride(from: 0, to: digits.count - 1, by: 2).compactMap { position -> UInt8? in
            let start = digits.index(digits.startIndex, offsetBy: position)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
        }
        var bytes = Array(Digest.of(prefix + Array(name.utf8), .sha1).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        var parts: [Substring] = []
        var rest = text[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }
}
