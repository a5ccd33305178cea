import NetworkMessages

/// Traffic of one family: addresses, protocols and ports. What a list of filters drops is a set of such regions, told
/// without the order of the filters, for engines that know no other way to leave the rest to other rules.
struct TrafficRegion: Sendable, Hashable {
    /// A range without some of its parts; nil stands for every address.
    struct Addresses: Sendable, Hashable {
        var range: NetworkPrefix?
        var without: [NetworkPrefix] = []
    }

    var source = Addresses()
    var destination = Addresses()
    /// By number.
    var protocols = Set(0...255)
    /// Ports, of protocols that have any.
    var sourcePorts = [0...65_535]
    var destinationPorts = [0...65_535]

    /// What a list of filters drops: the first that fits decides, and what fits none is dropped.
    /// - Parameter filters: filters of one family.
    /// - Throws: `TopologyError.invalid`.
    static func dropped(by filters: [LogicalFirewall.Filter]) throws(TopologyError) -> [(region: TrafficRegion, isRejected: Bool)] {
        var rest = [TrafficRegion()]
        var dropped: [(TrafficRegion, Bool)] = []
        for filter in filters {
            let match = try TrafficRegion(filter)
            var remaining: [TrafficRegion] = []
            for region in rest {
                let (inside, outside) = region.split(by: match)
                if let inside, filter.action != .allow { dropped.append((inside, filter.action == .reject)) }
                remaining += outside
            }
            rest = remaining
        }
        return dropped + rest.map { ($0, false) }
    }

    init() {}

    /// What a filter is about.
    /// - Throws: `TopologyError.invalid`.
    init(_ filter: LogicalFirewall.Filter) throws(TopologyError) {
        source.range = try filter.source.map { text throws(TopologyError) in try NetworkPrefix(text, what: "A rule's source") }
        destination.range = try filter.destination.map { text throws(TopologyError) in
            try NetworkPrefix(text, what: "A rule's destination")
        }
        if let name = filter.ipProtocol {
            guard let number = IPProtocol.number(name, etherType: filter.etherType) else {
                throw .invalid(what: "A rule's protocol", value: name)
            }
            protocols = [number]
        }
        sourcePorts = filter.sourcePorts.map { [$0] } ?? sourcePorts
        destinationPorts = filter.destinationPorts.map { [$0] } ?? destinationPorts
    }

    /// Divides the region into what another covers and what it does not. The other has no exceptions, and at most one
    /// range of ports a side.
    func split(by other: TrafficRegion) -> (inside: TrafficRegion?, outside: [TrafficRegion]) {
        var (core, outside) = (self, [TrafficRegion]())
        func keep(_ piece: TrafficRegion?) { if let piece { outside.append(piece) } }
        for side in [\TrafficRegion.source, \.destination] {
            let (within, beyond) = core[keyPath: side].split(by: other[keyPath: side].range)
            guard let within else { return (nil, [self]) }
            if let beyond { keep(core.with(side, beyond)) }
            core[keyPath: side] = within
        }
        let (common, others) = (core.protocols.intersection(other.protocols), core.protocols.subtracting(other.protocols))
        guard !common.isEmpty else { return (nil, [self]) }
        if !others.isEmpty { keep(core.with(\.protocols, others)) }
        core.protocols = common
        for side in [\TrafficRegion.sourcePorts, \.destinationPorts] {
            guard let range = other[keyPath: side].first else { continue }
            let (within, beyond) = Self.split(core[keyPath: side], by: range)
            guard !within.isEmpty else { return (nil, [self]) }
            if !beyond.isEmpty { keep(core.with(side, beyond)) }
            core[keyPath: side] = within
        }
        return (core, outside)
    }

    private func with<Value>(_ part: WritableKeyPath<TrafficRegion, Value>, _ value: Value) -> TrafficRegion {
        var copy = self
        copy[keyPath: part] = value
        return copy
    }

    private static func split(
        _ ranges: [ClosedRange<Int>], by range: ClosedRange<Int>
    ) -> (within: [ClosedRange<Int>], beyond: [ClosedRange<Int>]) {
        var (within, beyond) = ([ClosedRange<Int>](), [ClosedRange<Int>]())
        for candidate in ranges {
            guard candidate.overlaps(range) else {
                beyond.append(candidate)
                continue
            }
            within.append(candidate.clamped(to: range))
            if candidate.lowerBound < range.lowerBound { beyond.append(candidate.lowerBound...range.lowerBound - 1) }
            if candidate.upperBound > range.upperBound { beyond.append(range.upperBound + 1...candidate.upperBound) }
        }
        return (within, beyond)
    }
}

extension TrafficRegion.Addresses {
    /// Divides the addresses into those in a range and those beyond; nil for none. No range stands for every address.
    func split(by other: NetworkPrefix?) -> (within: Self?, beyond: Self?) {
        guard let other, !other.isDefault else { return (self, nil) }
        if let range, !range.isDefault {
            if other.covers(range) { return (self, nil) }
            guard range.covers(other) else { return (nil, self) }
        }
        if without.contains(where: { $0.covers(other) }) { return (nil, self) }
        let within = Self(range: other, without: without.filter(other.covers))
        return (within, Self(range: range, without: without.filter { !other.covers($0) } + [other]))
    }

    /// The addresses in OVN's words, for a field such as `ip4.src`; empty for every address.
    func terms(_ field: String) -> [String] {
        var terms = range.map { $0.isDefault ? [] : ["\(field) == \($0.cidr)"] } ?? []
        if !without.isEmpty { terms.append("\(field) != {\(without.map(\.cidr).joined(separator: ", "))}") }
        return terms
    }
}

extension TrafficRegion {
    /// The region in OVN's words (ovn-sb(5), Logical_Flow, match).
    func terms(_ family: String) -> [String] {
        source.terms("\(family).src") + destination.terms("\(family).dst") + protocolTerms
    }

    private var protocolTerms: [String] {
        guard protocols.count < 256 else { return [] }
        let word = protocols.count == 1 ? protocols.first.flatMap { [6: "tcp", 17: "udp", 132: "sctp"][$0] } : nil
        guard let word else {
            // A protocol's number cannot be negated, so the others are named one by one.
            return ["ip.proto == {\(protocols.sorted().map(String.init).joined(separator: ", "))}"]
        }
        return [word] + [("\(word).src", sourcePorts), ("\(word).dst", destinationPorts)].compactMap(Self.ports)
    }

    private static func ports(_ field: String, _ ranges: [ClosedRange<Int>]) -> String? {
        guard ranges != [0...65_535] else { return nil }
        let terms = ranges.map { range in
            range.count == 1 ? "\(field) == \(range.lowerBound)" : "\(field) >= \(range.lowerBound) && \(field) <= \(range.upperBound)"
        }
        return terms.count == 1 ? terms[0] : "(\(terms.map { "(\($0))" }.joined(separator: " || ")))"
    }
}
