/// A range of addresses with a common prefix, such as 10.0.0.0/24.
struct CIDR: Sendable, Hashable, CustomStringConvertible {
    /// The first address; the bits behind the prefix are zero.
    let network: IPAddress
    /// How many leading bits are common.
    let prefixLength: Int

    /// The range around an address.
    init(_ address: IPAddress, prefixLength: Int) {
        let hostBits = address.version.width - prefixLength
        // A shift by the whole width leaves zero, which is what a prefix of length zero means.
        let network = (address.value >> hostBits) << hostBits
        self.network = IPAddress(version: address.version, value: network)
        self.prefixLength = prefixLength
    }

    /// Parses `address/length`; an address alone is a range of one. Bits behind the prefix are dropped.
    /// Nil for anything else.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefixLength: address.version.width)
            return
        }
        guard let length = Self.length(parts[1], version: address.version) else { return nil }
        self.init(address, prefixLength: length)
    }

    private static func length(_ text: some StringProtocol, version: IPAddress.Version) -> Int? {
        if let length = Int(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return (0...version.width).contains(length) ? length : nil
        }
        guard version == .v4, let mask = IPAddress(text), mask.version == .v4 else { return nil }
        let ones = (~UInt32(truncatingIfNeeded: mask.value)).leadingZeroBitCount
        return UInt64(mask.value) == (UInt64(0xFFFF_FFFF) << UInt64(32 - ones)) & 0xFFFF_FFFF ? ones : nil
    }

    /// The family.
    var version: IPAddress.Version { network.version }
    /// The first address.
    var first: IPAddress { network }
    /// The last address: in IPv4 the broadcast address.
    var last: IPAddress {
        let hostBits = version.width - prefixLength
        let mask = hostBits >= 128 ? UInt128.max : (UInt128(1) << UInt128(hostBits)) - 1
        return IPAddress(version: version, value: network.value | mask)
    }

    /// Whether an address is in the range.
    func contains(_ address: IPAddress) -> Bool {
        address.version == version && (first.value...last.value).contains(address.value)
    }

    /// Whether the whole of another range is in this one.
    func contains(_ other: CIDR) -> Bool {
        other.version == version && prefixLength <= other.prefixLength && contains(other.network)
    }

    /// Whether the ranges have addresses in common.
    func overlaps(_ other: CIDR) -> Bool { contains(other) || other.contains(self) }

    /// The addresses that hosts may have: in IPv4 without the network's and the broadcast address where there are
    /// such (RFC 3021: not in /31 and /32), in IPv6 without the subnet-router anycast address (RFC 4291, 2.6.1).
    var hosts: AddressRange {
        switch version {
        case .v4 where prefixLength <= 30:
            AddressRange(IPAddress(version: .v4, value: first.value + 1), IPAddress(version: .v4, value: last.value - 1))
        case .v6 where prefixLength < 128:
            AddressRange(IPAddress(version: .v6, value: first.value + 1), last)
        default: AddressRange(first, last)
        }
    }

    /// The canonical text, such as `10.0.0.0/24`.
    var description: String { "\(network)/\(prefixLength)" }
}

/// Consecutive addresses, both ends included.
struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// The lowest address.
    let first: IPAddress
    /// The highest address.
    let last: IPAddress

    init(_ first: IPAddress, _ last: IPAddress) { (self.first, self.last) = (first, last) }

    /// Whether an address is in the range.
    func contains(_ address: IPAddress) -> Bool {
        address.version == first.version && (first.value...last.value).contains(address.value)
    }

    /// Whether the ranges have addresses in common.
    func overlaps(_ other: AddressRange) -> Bool {
        first.version == other.first.version && first.value <= other.last.value && other.first.value <= last.value
    }

    /// What is left of the range without one address.
    func removing(_ address: IPAddress) -> [AddressRange] {
        guard contains(address) else { return [self] }
        var parts: [AddressRange] = []
        if address != first, let end = address.advanced(by: -1) { parts.append(AddressRange(first, end)) }
        if address != last, let start = address.advanced(by: 1) { parts.append(AddressRange(start, last)) }
        return parts
    }

    /// How many addresses it holds; `UInt128.max` for the whole of IPv6.
    var count: UInt128 { last.value - first.value == .max ? .max : last.value - first.value + 1 }

    var description: String { "\(first)-\(last)" }
}
