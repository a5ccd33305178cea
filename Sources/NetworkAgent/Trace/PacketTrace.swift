/// What would become of a packet, step by step.
public struct PacketTrace: Sendable, Hashable {
    /// How it ends.
    public enum Outcome: Sendable, Hashable {
        /// It reaches a port, by its id.
        case delivered(port: String)
        /// It leaves for a physical network.
        case leftCloud
        /// It goes to several ports, such as a broadcast, or one whose address no port is known to have.
        case flooded
        /// The switch answers it itself, as DHCP and metadata.
        case answered
        /// A router asks for the MAC address of where it goes next, and keeps it meanwhile; what comes then is not known yet.
        case waiting
        case dropped
    }

    /// Something on the way that decided.
    public enum Step: Sendable, Hashable {
        /// It entered a network or a router by a port.
        case entered(port: String)
        /// The port may not send from these addresses.
        case spoofed
        /// A rule of a security group, or of the cloud's own, matched; it passes unless `passes` is false.
        case rule(Rule, passes: Bool)
        /// A router chose a route: for which destinations.
        case routed(to: String)
        /// An address was translated to this one.
        case translatedSource(String)
        case translatedDestination(String)
        /// It was dropped by a flow of OVN's: the name of its stage and what it matches.
        case dropped(stage: String, match: String)
    }

    /// A rule that lets packets pass or keeps them out.
    public struct Rule: Sendable, Hashable {
        /// The id of the API's rule; for one of the cloud's own, what it is for, such as `client/dhcp6`.
        public let id: String
        /// Whose it is, such as `securityGroup/UUID`.
        public let owner: String
        /// Whether it is for packets to a guest.
        let isForGuests: Bool
        let match: String

        init(id: String, owner: String, isForGuests: Bool, match: String) {
            (self.id, self.owner, self.isForGuests, self.match) = (id, owner, isForGuests, match)
        }

        init?(row: OVSDBRow) {
            let labels = row["external_ids"]?.stringMap ?? [:]
            guard let id = labels[OVNRowKey.idLabel], let owner = labels[OVNRowKey.ownerLabel], let match = row["match"]?.string
            else { return nil }
            self.init(id: id, owner: owner, isForGuests: row["direction"]?.string == "to-lport", match: match)
        }

        /// The security group's id; nil for a rule of the cloud's own.
        public var group: String? {
            owner.hasPrefix("securityGroup/") ? String(owner.dropFirst("securityGroup/".count)) : nil
        }
    }

    /// What decided, in order.
    public let steps: [Step]
    /// How it ends.
    public let outcome: Outcome
    /// What ovn-trace said, whole.
    public let text: String

    /// Reads what ovn-trace said.
    init(text: String, rules: [Rule]) {
        var reader = PacketTraceReader(rules: rules)
        for line in text.split(separator: "\n") { reader.read(line.drop { $0 == " " }) }
        (self.text, steps, outcome) = (text, reader.steps, reader.outcome)
    }
}

/// Reads the lines of `ovn-trace --detailed`. A flow's line is `4. ls_out_acl (northd.c:6445): MATCH, priority 2002, uuid …`;
/// the lines behind it are its actions, one each.
private struct PacketTraceReader {
    let rules: [PacketTrace.Rule]
    private(set) var steps: [PacketTrace.Step] = []
    private(set) var outcome = PacketTrace.Outcome.dropped
    private var stage = ""
    private var match = ""

    init(rules: [PacketTrace.Rule]) { self.rules = rules }

    mutating func read(_ line: Substring) {
        // What follows is the question's way, not the packet's.
        guard outcome != .waiting else { return }
        if line.hasPrefix("ingress(") {
            if let port = quoted(line, after: "inport=") { steps.append(.entered(port: port)) }
        } else if line.hasPrefix("multicast(") {
            outcome = .flooded
        } else if line.hasPrefix("/* output to ") {
            readOutput(line)
        } else if let flow = line.firstMatch(of: /^[0-9]+\. ([a-z0-9_]+) \([^)]*\): (.*), priority [0-9]+, uuid [0-9a-f]+/) {
            (stage, match) = (String(flow.output.1), String(flow.output.2))
            readFlow()
        } else {
            readAction(line)
        }
    }

    private mutating func readOutput(_ line: Substring) {
        guard let port = quoted(line, after: "output to ") else { return }
        switch quoted(line, after: "type ") {
        // Into the router or the network on the other side: the way goes on.
        case "patch": break
        case "localnet": outcome = .leftCloud
        default: if outcome == .dropped { outcome = .delivered(port: port) }
        }
    }

    private mutating func readFlow() {
        switch stage {
        case "ls_in_acl", "ls_out_acl", "ls_in_acl_after_lb":
            let rule = rules.first { $0.isForGuests == (stage == "ls_out_acl") && match.contains("(\($0.match))") }
            if let rule { steps.append(.rule(rule, passes: true)) }
        case "lr_in_ip_routing":
            let range = match.firstMatch(of: /ip[46]\.dst == ([0-9a-f.:\/]+)/).map { String($0.output.1) }
            steps.append(.routed(to: range ?? match))
        default: break
        }
    }

    private mutating func readAction(_ line: Substring) {
        if let missed = line.firstMatch(of: /^[0-9]+\. ([a-z0-9_]+).*: no match/) {
            return steps.append(.dropped(stage: String(missed.output.1), match: "nothing"))
        }
        if stage == "lr_in_arp_request", line.hasPrefix("arp {") || line.hasPrefix("nd_ns {") {
            outcome = .waiting
        } else if line.hasPrefix("drop;") || line.contains("/* drop */") || line.contains("ct_mark.blocked = 1") {
            if case .rule(let rule, passes: true)? = steps.last, stage.contains("_acl") {
                steps[steps.count - 1] = .rule(rule, passes: false)
            } else {
                steps.append(stage == "ls_in_apply_port_sec" ? .spoofed : .dropped(stage: stage, match: match))
            }
        } else if let address = line.firstMatch(of: /^ct_snat(?:_in_czone)?\(([^)]+)\)/)?.output.1 {
            steps.append(.translatedSource(String(address)))
        } else if let address = line.firstMatch(of: /^ct_(?:dnat(?:_in_czone)?\(|lb(?:_mark)?\(backends=)([^;)]+)/)?.output.1 {
            steps.append(.translatedDestination(String(address)))
        } else if line.hasPrefix("put_dhcp") || line.contains("put_nd_ra_opts") || line.hasPrefix("icmp4_error") {
            outcome = .answered
        }
    }

    private func quoted(_ line: Substring, after word: String) -> String? {
        guard let start = line.firstRange(of: "\(word)\"")?.upperBound, let end = line[start...].firstIndex(of: "\"") else { return nil }
        return String(line[start..<end])
    }
}
