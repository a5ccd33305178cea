import CloudCore
import CloudStore
import NetworkMessages

/// A port as it is asked for. Nil means that the client said nothing.
struct PortDraft: Sendable {
    var projectID: String
    var name = ""
    var description = ""
    var isAdminUp = true
    var mac: String?
    var fixedIPs: [AddressRequest]?
    var deviceID = ""
    var deviceOwner = ""
    var securityGroupIDs: [String]?
    var hasPortSecurity: Bool?
    var allowedPairs: [AddressPair] = []
    var binding = PortBinding()
    var dnsName = ""
    var isMadeForDevice = false
    var tags: [String] = []
    var extras = PortExtras()
    var privateRole = PrivateRoleRequest()
}

/// What an update of a port changes; nil leaves as it is.
struct PortChange: Sendable {
    var name: String?
    var description: String?
    var isAdminUp: Bool?
    var mac: String?
    var fixedIPs: [AddressRequest]?
    var deviceID: String?
    var deviceOwner: String?
    var securityGroupIDs: [String]?
    var hasPortSecurity: Bool?
    var allowedPairs: [AddressPair]?
    var host: String?
    var profile: JSON?
    var vnicType: String?
    var dnsName: String?
    var extras = PortExtrasChange()
    var privateRole = PrivateRoleRequest()
}

extension Operations {
    func createPort(
        _ draft: PortDraft, on network: Network, by caller: Caller, in transaction: any Transaction
    ) throws -> Port {
        try checkQuota(.port, project: draft.projectID, in: transaction)
        let isTrusted = draft.deviceOwner.hasPrefix("network:")
        let hasSecurity = draft.hasPortSecurity ?? (!isTrusted && network.hasPortSecurity)
        var port = Port(
            id: Identifier.uuid(), networkID: network.id, projectID: draft.projectID, name: draft.name,
            isAdminUp: draft.isAdminUp, mac: try newMAC(draft.mac, on: network.id, in: transaction),
            status: status(of: draft), deviceID: draft.deviceID, deviceOwner: draft.deviceOwner,
            hasPortSecurity: hasSecurity, allowedPairs: [], binding: draft.binding,
            dnsName: try DNSRules.name(draft.dnsName, domain: options.dnsDomain), isMadeForDevice: draft.isMadeForDevice,
            extras: draft.extras,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        port.allowedPairs = try PortRules.pairs(draft.allowedPairs, mac: port.mac)
        guard hasSecurity || port.allowedPairs.isEmpty else { throw Self.pairsNeedSecurity }
        port.extras.privateRole = try draft.privateRole.role(of: port, replacing: nil, on: network)
        try checkQoSPolicy(port.extras.qosPolicyID, replacing: nil, of: .port, port.id, by: caller, in: transaction)
        try checkAddressCount(draft.fixedIPs)
        try checkDevice(port, by: caller, in: transaction)
        port.securityGroupIDs = try groups(draft.securityGroupIDs, for: port, by: caller, in: transaction)
        try PortRecords.insert(port, in: transaction)
        let subnets = try SubnetRecords.all(network: network.id, in: transaction)
        port.fixedIPs = try allocate(draft.fixedIPs, for: port, on: subnets, in: transaction)
        try SecurityGroupRecords.join(port: port.id, groups: port.securityGroupIDs, in: transaction)
        for tag in draft.tags { try TagRecords.add(tag, to: port.id, in: transaction) }
        try markPrivate(port, in: transaction)
        try VirtualAddressRecords.mark(network: network.id, from: [], to: port.allowedPairs, in: transaction)
        try mark(port, in: transaction)
        return port
    }

    private func status(of draft: PortDraft) -> PortStatus {
        switch draft.deviceOwner {
        case DeviceOwner.routerInterface, DeviceOwner.routerGateway: .active
        case DeviceOwner.floatingIP: .notApplicable
        default: .down
        }
    }

    private func newMAC(_ requested: String?, on network: String, in reader: any Reader) throws -> String {
        guard let requested else { return try freeMAC(on: network, in: reader) }
        let mac = try PortRules.mac(requested)
        guard try !PortRecords.isTaken(mac: mac, network: network, in: reader) else {
            throw NetworkingError.macInUse(mac, network: network)
        }
        return mac
    }

    private func checkAddressCount(_ requests: [AddressRequest]?) throws(NetworkingError) {
        guard let requests, requests.count > PortRules.addressLimit else { return }
        throw .invalidInput("Exceeded maximum amount of fixed ips per port")
    }

    private static let pairsNeedSecurity = NetworkingError(
        .conflict, "AddressPairAndPortSecurityRequired", "Port security must be on for a port with allowed address pairs.")

    /// Keeps a project from passing a port off as another project's router's or server's, or as the cloud's own.
    private func checkDevice(_ port: Port, by caller: Caller, in reader: any Reader) throws {
        guard !caller.isAdmin, !port.deviceID.isEmpty else { return }
        let router = try RouterRecords.find(port.deviceID, in: reader)
        let others = try PortRecords.all(device: port.deviceID, in: reader).filter { $0.projectID != port.projectID }
        let isForeign = router.map { $0.projectID != port.projectID } ?? others.contains { $0.deviceOwner.hasPrefix(DeviceOwner.compute) }
        guard isForeign || port.deviceID.hasPrefix(DeviceOwner.metadataDevice) else { return }
        throw NetworkingError(
            .conflict, "DeviceIDNotOwnedByTenant", "The device_id \(port.deviceID) is another project's.")
    }

    /// The groups of a new port: those it names, else the project's default group.
    private func groups(
        _ requested: [String]?, for port: Port, by caller: Caller, in transaction: any Transaction
    ) throws -> [String] {
        guard port.hasPortSecurity else {
            guard requested?.isEmpty ?? true else { throw Self.groupsNeedSecurity }
            return []
        }
        guard let requested else {
            return port.projectID.isEmpty ? [] : [try defaultSecurityGroup(project: port.projectID, in: transaction)]
        }
        return try checked(groups: requested, project: port.projectID, by: caller, in: transaction)
    }

    private static let groupsNeedSecurity = NetworkingError(
        .badRequest, "PortSecurityAndIPRequiredForSecurityGroups", "Port security must be on for a port in security groups.")

    /// Checks that groups exist, belong to the port's project, and all keep state or none does.
    private func checked(groups ids: [String], project: String, by caller: Caller, in reader: any Reader) throws -> [String] {
        let unique = Set(ids).sorted()
        let groups = try SecurityGroupRecords.find(unique, in: reader)
        for id in unique {
            guard let group = groups[id], group.projectID == project || group.sharing.includes(project) || caller.isAdmin else {
                throw NetworkingError.securityGroupNotFound(id)
            }
        }
        guard Set(groups.values.map(\.isStateful)).count <= 1 else {
            throw NetworkingError(
                .conflict, "SecurityGroupConflict", "A port cannot be in stateful and stateless security groups at once.")
        }
        return unique
    }
}

// Updates.
extension Operations {
    func updatePort(_ port: Port, _ change: PortChange, by caller: Caller, in transaction: any Transaction) throws -> Port {
        var updated = port
        updated.name = change.name ?? port.name
        updated.standard.description = change.description ?? port.standard.description
        updated.isAdminUp = change.isAdminUp ?? port.isAdminUp
        updated.deviceID = change.deviceID ?? port.deviceID
        updated.deviceOwner = change.deviceOwner ?? port.deviceOwner
        if let name = change.dnsName { updated.dnsName = try DNSRules.name(name, domain: options.dnsDomain) }
        updated.extras = change.extras.applied(to: port.extras)
        try checkQoSPolicy(
            updated.extras.qosPolicyID, replacing: port.extras.qosPolicyID, of: .port, port.id, by: caller, in: transaction)
        try bind(&updated, change)
        try reallocate(&updated, from: port.extras.qosPolicyID, in: transaction)
        if change.deviceID != nil || change.deviceOwner != nil { try checkDevice(updated, by: caller, in: transaction) }
        if let mac = change.mac { try rename(&updated, mac: mac, in: transaction) }
        try secure(&updated, change, by: caller, in: transaction)
        try setRole(of: &updated, change, in: transaction)
        updated.standard = updated.standard.changed()
        try PortRecords.update(updated, in: transaction)
        if change.fixedIPs != nil || updated.mac != port.mac {
            try readdress(&updated, from: port, to: change.fixedIPs, in: transaction)
        }
        if Set(updated.securityGroupIDs) != Set(port.securityGroupIDs) {
            try SecurityGroupRecords.leave(port: port.id, in: transaction)
            try SecurityGroupRecords.join(port: port.id, groups: updated.securityGroupIDs, in: transaction)
            try markLogged(port.securityGroupIDs + updated.securityGroupIDs, of: port, in: transaction)
        }
        try settleTrunk(of: port, updated, in: transaction)
        try markPrivate(port, updated, in: transaction)
        try VirtualAddressRecords.mark(
            network: port.networkID, from: port.allowedPairs, to: updated.allowedPairs, in: transaction)
        try mark(port, in: transaction)
        if updated.deviceOwner != port.deviceOwner { try mark(updated, in: transaction) }
        return updated
    }

    /// A port without a policy of its own is under its network's.
    private func reallocate(_ port: inout Port, from old: String?, in transaction: any Transaction) throws {
        guard port.extras.qosPolicyID != old else { return }
        let inherited = try QoSBindingRecords.policies(.network, [port.networkID], in: transaction)[port.networkID]
        try reallocate(&port, from: old ?? inherited, to: port.extras.qosPolicyID ?? inherited, in: transaction)
    }

    private func bind(_ port: inout Port, _ change: PortChange) throws(NetworkingError) {
        if let host = change.host, host != port.binding.host {
            port.binding.host = host
            // Its packets flow again once the new host says so.
            if port.status == .active { port.status = .down }
        }
        port.binding.profile = change.profile ?? port.binding.profile
        if let type = change.vnicType { port.binding.vnicType = type }
    }

    private func rename(_ port: inout Port, mac: String, in reader: any Reader) throws {
        let mac = try PortRules.mac(mac)
        guard mac != port.mac else { return }
        guard port.binding.host.isEmpty else {
            throw NetworkingError(
                .conflict, "PortBound", "The MAC address of port \(port.id) cannot change while it is bound to a host.")
        }
        port.allowedPairs = port.allowedPairs.map { $0.mac == port.mac ? AddressPair(mac: mac, address: $0.address) : $0 }
        port.mac = try newMAC(mac, on: port.networkID, in: reader)
    }

    private func secure(
        _ port: inout Port, _ change: PortChange, by caller: Caller, in transaction: any Transaction
    ) throws {
        port.hasPortSecurity = change.hasPortSecurity ?? port.hasPortSecurity
        if let pairs = change.allowedPairs { port.allowedPairs = try PortRules.pairs(pairs, mac: port.mac) }
        if let groups = change.securityGroupIDs {
            guard port.hasPortSecurity || groups.isEmpty else { throw Self.groupsNeedSecurity }
            port.securityGroupIDs = try checked(groups: groups, project: port.projectID, by: caller, in: transaction)
        }
        guard !port.hasPortSecurity else { return }
        guard port.securityGroupIDs.isEmpty else {
            throw NetworkingError(
                .conflict, "PortSecurityPortHasSecurityGroup", "A port in security groups cannot have port security turned off.")
        }
        guard port.allowedPairs.isEmpty else { throw Self.pairsNeedSecurity }
    }

    /// Gives a port the addresses it now asks for. A new MAC address renews those the port made from the old one.
    private func readdress(
        _ port: inout Port, from old: Port, to requests: [AddressRequest]?, in transaction: any Transaction
    ) throws {
        try checkAddressCount(requests)
        let subnets = try SubnetRecords.all(network: port.networkID, in: transaction)
        let automatic = Set(subnets.filter(\.isAutoAddressed).map(\.id))
        let current = old.fixedIPs
        let wanted = requests ?? current.map { AddressRequest(subnetID: $0.subnetID, address: IPAddress($0.address)) }
        let isRouter = port.deviceOwner == DeviceOwner.routerInterface
        var change = AddressChange(from: current, to: wanted, automatic: isRouter ? [] : automatic)
        if port.mac != old.mac, !isRouter {
            change.removed += change.kept.filter { automatic.contains($0.subnetID) }
            change.kept.removeAll { automatic.contains($0.subnetID) }
        }
        for fixed in change.removed {
            try AddressRecords.delete(fixed, port: port.id, in: transaction)
            try releaseFloatingIPs(of: port.id, address: fixed.address, in: transaction)
        }
        let added = try allocate(change.added, for: port, keeping: change.kept, on: subnets, in: transaction)
        port.fixedIPs = change.kept + added
    }

    private func allocate(
        _ requests: [AddressRequest], for port: Port, keeping kept: [FixedIP], on subnets: [Subnet],
        in transaction: any Transaction
    ) throws -> [FixedIP] {
        // Subnets on which the port keeps its own address are not asked again.
        let open = subnets.filter { subnet in
            !subnet.isAutoAddressed || !kept.contains { $0.subnetID == subnet.id }
                || requests.contains { $0.subnetID == subnet.id || $0.address.map(subnet.cidr.contains) == true }
        }
        guard !requests.isEmpty || open.contains(where: \.isAutoAddressed) else { return [] }
        return try allocate(requests, for: port, on: open, in: transaction)
    }

    /// Disassociates the floating IPs of a port's address, or of all its addresses, and ends its port forwardings.
    func releaseFloatingIPs(of port: String, address: String? = nil, in transaction: any Transaction) throws {
        for floatingIP in try FloatingIPRecords.all(ports: [port], in: transaction)[port] ?? [] {
            guard address == nil || floatingIP.fixedAddress == address else { continue }
            _ = try associate(floatingIP, with: nil, in: transaction)
        }
        try releaseForwardings(of: port, address: address, in: transaction)
    }
}

// Deletion.
extension Operations {
    /// Deletes a port at a client's wish.
    func deletePort(_ port: Port, in transaction: any Transaction) throws {
        try checkNotTrunked(port, in: transaction)
        switch port.deviceOwner {
        case DeviceOwner.routerInterface, DeviceOwner.routerGateway:
            if try RouterRecords.find(port.deviceID, in: transaction) != nil {
                throw NetworkingError.servicePortInUse(port.id, "it belongs to router \(port.deviceID)")
            }
        case DeviceOwner.floatingIP:
            if try FloatingIPRecords.find(port.deviceID, in: transaction) != nil {
                throw NetworkingError.servicePortInUse(port.id, "it belongs to floating IP \(port.deviceID)")
            }
        case DeviceOwner.distributed where port.deviceID == DeviceOwner.metadataDevice + port.networkID:
            throw NetworkingError.servicePortInUse(port.id, "it serves the metadata of network \(port.networkID)")
        default: break
        }
        try removePort(port, in: transaction)
    }

    /// Deletes a port with what refers to it.
    func removePort(_ port: Port, in transaction: any Transaction) throws {
        try releaseFloatingIPs(of: port.id, in: transaction)
        try TagRecords.removeAll(from: port.id, in: transaction)
        try markLogged(port.securityGroupIDs, of: port, in: transaction)
        try PortRecords.delete(port.id, in: transaction)
        try markPrivate(port, in: transaction)
        try VirtualAddressRecords.mark(network: port.networkID, from: port.allowedPairs, to: [], in: transaction)
        try mark(port, in: transaction)
    }
}
