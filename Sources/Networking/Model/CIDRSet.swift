/// A set of addresses of one family that is made of ranges, as the prefixes of a subnet pool make it.
struct CIDRSet: Sendable, Hashable {
    /// The family.
    let version: IPAddress.Version
    /// The numbers of the addresses: apart from each other, in rising order.
    private(set) var ranges: [ClosedRange<UInt128>] = []

    /// The union of ranges of one family; those of the other are left out.
    init(_ cidrs: some Sequence<CIDR>, version: IPAddress.Version) {
        self.version = version
        let sorted = cidrs.filter { $0.version == version }.map { $0.first.value...$0.last.value }
            .sorted { $0.lowerBound < $1.lowerBound }
        for range in sorted {
            // Neighbours without a gap become one.
            if let last = ranges.last, range.lowerBound <= last.upperBound || range.lowerBound - last.upperBound == 1 {
                ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
    }

    private init(version: IPAddress.Version, ranges: [ClosedRange<UInt128>]) { (self.version, self.ranges) = (version, ranges) }

    /// What is in this set and not in the other.
    func subtracting(_ other: CIDRSet) -> CIDRSet {
        var rest = ranges
        for hole in other.ranges {
            rest = rest.flatMap { range -> [ClosedRange<UInt128>] in
                guard range.overlaps(hole) else { return [range] }
                var parts: [ClosedRange<UInt128>] = []
                if range.lowerBound < hole.lowerBound { parts.append(range.lowerBound...(hole.lowerBound - 1)) }
                if range.upperBound > hole.upperBound { parts.append((hole.upperBound + 1)...range.upperBound) }
                return parts
            }
        }
        return CIDRSet(version: version, ranges: rest)
    }

    /// Whether every address of this set is in the other.
    func isSubset(of other: CIDRSet) -> Bool { subtracting(other).ranges.isEmpty }

    /// Whether the sets have addresses in common.
    func intersects(_ other: CIDRSet) -> Bool {
        ranges.contains { range in other.ranges.contains { $0.overlaps(range) } }
    }

    /// The fewest prefixes that make the set, in rising order.
    var cidrs: [CIDR] { ranges.flatMap(prefixes) }

    private func prefixes(_ range: ClosedRange<UInt128>) -> [CIDR] {
        var (prefixes, first): ([CIDR], UInt128) = ([], range.lowerBound)
        while true {
            let length = widest(at: first, within: range.upperBound)
            let prefix = CIDR(IPAddress(version: version, value: first), prefixLength: length)
            prefixes.append(prefix)
            guard prefix.last.value < range.upperBound else { return prefixes }
            first = prefix.last.value + 1
        }
    }

    /// The length of the widest prefix that begins at an address and ends no later than a last one.
    private func widest(at first: UInt128, within last: UInt128) -> Int {
        let aligned = min(first.trailingZeroBitCount, version.width)
        var bits = aligned
        while bits > 0 {
            let size = bits >= 128 ? UInt128.max : (UInt128(1) << UInt128(bits)) - 1
            if last - first >= size { break }
            bits -= 1
        }
        return version.width - bits
    }
}
