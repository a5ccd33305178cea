import CloudStore
import NetworkMessages

/// An address as it is asked for: on a subnet, a certain one, or both.
struct AddressRequest: Sendable, Hashable {
    var subnetID: String?
    var address: IPAddress?
}

extension Operations {
    /// Gives a port the addresses it asks for; nil asks for what a port gets by itself: one IPv4 address, one stateful
    /// IPv6 address, and one on every subnet where it makes its own.
    func allocate(
        _ requests: [AddressRequest]?, for port: Port, on subnets: [Subnet], in transaction: any Transaction
    ) throws -> [FixedIP] {
        let eligible = try eligible(subnets, for: port)
        var fixed: [FixedIP] = []
        if let requests {
            for request in requests {
                if let address = try allocate(request, for: port, on: eligible, in: transaction) {
                    fixed.append(address)
                }
            }
        } else {
            for version in [IPAddress.Version.v4, .v6] {
                let candidates = eligible.filter { $0.cidr.version == version && !$0.isAutoAddressed }
                guard !candidates.isEmpty else { continue }
                fixed.append(try allocateAny(candidates, for: port, in: transaction))
            }
        }
        return fixed + (try allocateAutomatic(eligible, for: port, having: fixed, in: transaction))
    }

    /// The subnets whose service types admit the port: those made for its owner first, then those for everyone.
    private func eligible(_ subnets: [Subnet], for port: Port) throws -> [Subnet] {
        guard port.deviceOwner != DeviceOwner.distributed else { return subnets }
        let special = subnets.filter { $0.serviceTypes.contains(port.deviceOwner) }
        let general = subnets.filter { $0.serviceTypes.isEmpty }
        guard special.isEmpty, general.isEmpty, !subnets.isEmpty else { return special + general }
        throw NetworkingError(
            .conflict, "IpAddressGenerationFailureNoMatchingSubnet",
            "No subnet of network \(port.networkID) is for ports of '\(port.deviceOwner)'.")
    }

    /// The subnet that a request means.
    private func subnet(for request: AddressRequest, of port: Port, among subnets: [Subnet]) throws -> Subnet {
        if let id = request.subnetID {
            guard let subnet = subnets.first(where: { $0.id == id }) else {
                throw NetworkingError.invalidInput(
                    "Failed to create port on network \(port.networkID), because fixed_ips included invalid subnet \(id)")
            }
            return subnet
        }
        guard let address = request.address else {
            throw NetworkingError.invalidInput("IP allocation requires subnet_id or ip_address")
        }
        return try subnets.first { $0.cidr.contains(address) }
            .orThrow(.invalidIP(address.description, network: port.networkID))
    }

    /// Carries out one request; nil for a subnet where the port makes its own address, which follows by itself.
    private func allocate(
        _ request: AddressRequest, for port: Port, on subnets: [Subnet], in transaction: any Transaction
    ) throws -> FixedIP? {
        let subnet = try subnet(for: request, of: port, among: subnets)
        let makesOwn = subnet.isAutoAddressed && port.deviceOwner != DeviceOwner.routerInterface
        guard let address = request.address else {
            return makesOwn ? nil : try allocateAny([subnet], for: port, in: transaction)
        }
        try SubnetRules.check(address, in: subnet, owner: port.deviceOwner)
        if makesOwn, MACAddress(port.mac)?.eui64(in: subnet.cidr) != address {
            throw NetworkingError.invalidInput(
                "IPv6 address \(address) can not be directly assigned to a port on subnet \(subnet.id) since the subnet is"
                    + " configured for automatic addresses")
        }
        return try take(address, of: subnet, for: port, in: transaction)
    }

    /// Gives a port an address of the first subnet that has one left.
    func allocateAny(
        _ subnets: [Subnet], for port: Port, in transaction: any Transaction
    ) throws -> FixedIP {
        for subnet in subnets {
            guard let address = try freeAddress(of: subnet, in: transaction) else { continue }
            let fixed = FixedIP(subnetID: subnet.id, address: address.description)
            try AddressRecords.insert(fixed, key: address.key, port: port, in: transaction)
            try AddressRecords.setCursor(address, subnet: subnet.id, in: transaction)
            return fixed
        }
        throw NetworkingError.addressesExhausted(network: port.networkID)
    }

    /// Gives a port its own addresses (EUI-64) on the subnets where it makes them and has none yet. Routers don't.
    func allocateAutomatic(
        _ subnets: [Subnet], for port: Port, having fixed: [FixedIP], in transaction: any Transaction
    ) throws -> [FixedIP] {
        guard port.deviceOwner != DeviceOwner.routerInterface, let mac = MACAddress(port.mac) else { return [] }
        var added: [FixedIP] = []
        for subnet in subnets where subnet.isAutoAddressed && !fixed.contains(where: { $0.subnetID == subnet.id }) {
            added.append(try take(mac.eui64(in: subnet.cidr), of: subnet, for: port, in: transaction))
        }
        return added
    }

    private func take(
        _ address: IPAddress, of subnet: Subnet, for port: Port, in transaction: any Transaction
    ) throws -> FixedIP {
        guard try !AddressRecords.isTaken(address, subnet: subnet.id, in: transaction) else {
            throw NetworkingError.addressInUse(address.description, subnet: subnet.id)
        }
        let fixed = FixedIP(subnetID: subnet.id, address: address.description)
        try AddressRecords.insert(fixed, key: address.key, port: port, in: transaction)
        return fixed
    }

    /// The next free address of a subnet's pools behind the last one given out, from the beginning again at the end;
    /// nil when none is left.
    private func freeAddress(of subnet: Subnet, in reader: any Reader) throws -> IPAddress? {
        let cursor = try AddressRecords.cursor(subnet: subnet.id, in: reader)
        for range in AddressRange.searchOrder(subnet.pools, after: cursor) {
            if let address = try firstFree(in: range, of: subnet, reader: reader) { return address }
        }
        return nil
    }

    private func firstFree(in range: AddressRange, of subnet: Subnet, reader: any Reader) throws -> IPAddress? {
        let window = 64
        var next = range.first
        while true {
            let taken = try AddressRecords.taken(AddressRange(next, range.last), subnet: subnet.id, limit: window, in: reader)
            for address in taken {
                if address > next { return next }
                guard next < range.last, let following = next.advanced(by: 1) else { return nil }
                next = following
            }
            if taken.count < window { return next }
        }
    }
}

extension AddressRange {
    /// The parts of the pools in the order in which to look for a free address: what lies behind the cursor, then
    /// what lies before it.
    static func searchOrder(_ pools: [AddressRange], after cursor: IPAddress?) -> [AddressRange] {
        guard let cursor else { return pools }
        var (behind, before): ([AddressRange], [AddressRange]) = ([], [])
        for pool in pools.sorted(by: { $0.first < $1.first }) {
            if pool.contains(cursor) {
                before.append(AddressRange(pool.first, cursor))
                if let next = cursor.advanced(by: 1), next <= pool.last { behind.append(AddressRange(next, pool.last)) }
            } else if pool.first > cursor {
                behind.append(pool)
            } else {
                before.append(pool)
            }
        }
        return behind + before
    }
}
