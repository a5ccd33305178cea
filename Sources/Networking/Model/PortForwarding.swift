import CloudCore

/// A port forwarding: ports of a floating IP that lead to ports of a port's address.
struct PortForwarding: Sendable, Hashable {
    let id: String
    let floatingIPID: String
    var portID: String
    var address: String
    /// The protocol's name.
    var ipProtocol: String
    var external: ClosedRange<Int>
    var `internal`: ClosedRange<Int>
    var description: String

    /// The protocols that have ports to forward.
    static let protocols: Set = ["tcp", "udp", "sctp", "dccp", "udplite"]

    /// Writes the members that a floating IP shows of its port forwardings.
    func writeSummary(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("protocol", ipProtocol)
        json.member("internal_ip_address", address)
        json.member("internal_port_id", portID)
        if let port = Self.single(self.internal) { json.member("internal_port", port) }
        if let port = Self.single(external) { json.member("external_port", port) }
    }

    /// The one port of a range; nil when there are several.
    static func single(_ range: ClosedRange<Int>) -> Int? { range.count == 1 ? range.lowerBound : nil }

    /// A range from its text: `80` or `80:90`; nil for what is none.
    static func range(_ text: String) -> ClosedRange<Int>? {
        let bounds = text.split(separator: ":", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard let first = bounds.first, let last = bounds.last, bounds.count == text.split(separator: ":").count,
            first >= 1, last <= 65535, first <= last
        else { return nil }
        return first...last
    }
}

/// A helper of a router's connection tracking for a protocol that opens further connections.
struct ConntrackHelper: Sendable, Hashable {
    let id: String
    let routerID: String
    var ipProtocol: String
    var port: Int
    /// The helper's name, such as `ftp`.
    var helper: String

    /// The helpers there are, with the protocols they know (upstream's allowed_conntrack_helpers).
    static let allowed: [String: Set<String>] = [
        "amanda": ["tcp"], "ftp": ["tcp"], "h323": ["udp", "tcp"], "irc": ["tcp"], "netbios-ns": ["udp"], "pptp": ["tcp"],
        "sane": ["tcp"], "sip": ["udp"], "snmp": ["udp"], "tftp": ["udp"],
    ]
}

extension NetworkingError {
    static func portForwardingNotFound(_ id: String) -> Self {
        notFound("PortForwardingNotFound", "Port Forwarding", id)
    }
    static func conntrackHelperNotFound(_ id: String) -> Self {
        notFound("ConntrackHelperNotFound", "Conntrack Helper", id)
    }
}
