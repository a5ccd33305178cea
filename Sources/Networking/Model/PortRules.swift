import NetworkMessages

/// Neutron's rules about ports that need no tables.
enum PortRules {
    /// The most allowed address pairs a port may have (max_allowed_address_pair).
    static let pairLimit = 10
    /// The most addresses a port may have (max_fixed_ips_per_port).
    static let addressLimit = 5
    /// The kinds of interface that can be asked for.
    static let vnicTypes: Set = [
        "normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa",
        "accelerator-direct", "accelerator-direct-physical", "remote-managed",
    ]

    /// Checks and completes address pairs: a pair without a MAC address has the port's.
    static func pairs(_ pairs: [AddressPair], mac: String) throws(NetworkingError) -> [AddressPair] {
        guard pairs.count <= pairLimit else {
            throw NetworkingError(
                .badRequest, "AllowedAddressPairExhausted", "The number of allowed address pairs exceeds the maximum \(pairLimit).")
        }
        var checked: [AddressPair] = []
        for pair in pairs {
            guard !pair.address.isEmpty else {
                throw NetworkingError(.badRequest, "AllowedAddressPairsMissingIP", "An allowed address pair needs an ip_address.")
            }
            guard CIDR(pair.address) != nil else { throw .badBody("'\(pair.address)' is neither an address nor a range") }
            var pair = pair
            if pair.mac.isEmpty {
                pair.mac = mac
            } else {
                pair.mac = try self.mac(pair.mac)
            }
            guard !checked.contains(pair) else {
                throw NetworkingError(
                    .badRequest, "DuplicateAddressPairInRequest",
                    "The request repeats the address pair \(pair.mac) \(pair.address).")
            }
            checked.append(pair)
        }
        return checked
    }

    /// A MAC address in its canonical form.
    static func mac(_ text: String) throws(NetworkingError) -> String {
        guard let mac = MACAddress(text), !mac.isZero, !mac.isMulticast else {
            throw .badBody("'\(text)' is not a valid MAC address")
        }
        return mac.description
    }
}

/// How a port's addresses change when others are asked for.
struct AddressChange: Sendable, Hashable {
    var kept: [FixedIP] = []
    var added: [AddressRequest] = []
    var removed: [FixedIP] = []

    /// Compares what a port has with what it shall have. A request for a subnet alone is met by an address on it that
    /// the port has already. Addresses on
    /// the `automatic` subnets, which the port made for itself, stay in any case.
    init(from current: [FixedIP], to requests: [AddressRequest], automatic: Set<String>) {
        var rest = current
        for request in requests {
            guard let address = request.address?.description else { continue }
            if let position = rest.firstIndex(where: { $0.address == address && (request.subnetID ?? $0.subnetID) == $0.subnetID }) {
                kept.append(rest.remove(at: position))
            } else {
                added.append(request)
            }
        }
        for request in requests where request.address == nil {
            if let position = rest.firstIndex(where: { $0.subnetID == request.subnetID }) {
                kept.append(rest.remove(at: position))
            } else {
                added.append(request)
            }
        }
        for fixed in rest {
            if automatic.contains(fixed.subnetID) { kept.append(fixed) } else { removed.append(fixed) }
        }
    }
}
