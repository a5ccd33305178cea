import CloudCore
import CloudStore
import NetworkMessages

/// Who asks for a device's ports.
struct NetworkUser: Sendable, Hashable {
    let caller: Caller
    /// Whether they may use an external network that is shared with nobody.
    let mayUseExternal: Bool

    /// Whether ports may be made for them on a network that they see.
    func mayUse(_ network: Network) -> Bool {
        if network.sharing.includes(caller.projectID) { return true }
        return network.isExternal ? mayUseExternal : caller.isAdmin || network.projectID == caller.projectID
    }
}

// Ports of devices, for the services that run them.
extension Operations {
    /// Turns what is asked for into the ports to make or take.
    func plan(_ request: NetworksRequest, by user: NetworkUser, in reader: any Reader) throws -> [PortPlan] {
        switch request {
        case .none: return []
        case .automatic:
            let available = try NetworkRecords.available(project: user.caller.projectID ?? "", in: reader)
            guard available.count <= 1 else {
                throw NetworkingError(
                    .conflict, "NetworkAmbiguous",
                    "Multiple possible networks found, use a Network ID to be more specific.")
            }
            return try available.map { try plan(on: $0, fixedIP: nil, by: user, in: reader) }
        case .explicit(let entries):
            return try entries.map { try plan($0, by: user, in: reader) }
        }
    }

    private func plan(_ entry: NetworksRequest.Entry, by user: NetworkUser, in reader: any Reader) throws -> PortPlan {
        if let id = entry.portID { return try plan(port: id, by: user.caller, in: reader) }
        guard let id = entry.networkID else {
            throw NetworkingError.badBody("Each network needs a network or a port")
        }
        let network = try NetworkRecords.find(id, in: reader).orThrow(.networkNotFound(id))
        let isOpen = SharingAction.allCases.contains { network.sharing.includes(user.caller.projectID, $0) }
        let isVisible = user.caller.isAdmin || network.projectID == user.caller.projectID || isOpen
        guard isVisible else { throw NetworkingError.networkNotFound(id) }
        return try plan(on: network, fixedIP: entry.fixedIP, by: user, in: reader)
    }

    private func plan(on network: Network, fixedIP: String?, by user: NetworkUser, in reader: any Reader) throws -> PortPlan {
        guard user.mayUse(network) else {
            throw NetworkingError(
                .forbidden, "ExternalNetworkAttachForbidden", "It is not allowed to create an interface on external network \(network.id)")
        }
        let subnets = try SubnetRecords.all(network: network.id, in: reader)
        guard !subnets.isEmpty else {
            throw NetworkingError(
                .badRequest, "NetworkRequiresSubnet", "Network \(network.id) requires a subnet in order to boot instances on.")
        }
        guard let text = fixedIP else { return PortPlan(networkID: network.id) }
        guard let address = IPAddress(text) else { throw NetworkingError.badBody("'\(text)' is not a valid IP address") }
        guard let subnet = subnets.first(where: { $0.cidr.contains(address) }) else {
            throw NetworkingError.invalidIP(text, network: network.id)
        }
        guard try !AddressRecords.isTaken(address, subnet: subnet.id, in: reader) else {
            throw NetworkingError.addressInUse(text, subnet: subnet.id)
        }
        return PortPlan(networkID: network.id, fixedIP: address.description)
    }

    private func plan(port id: String, by caller: Caller, in reader: any Reader) throws -> PortPlan {
        let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
        guard caller.isAdmin || port.projectID == caller.projectID else { throw NetworkingError.portNotFound(id) }
        guard port.deviceID.isEmpty else {
            throw NetworkingError.portInUse(id, network: port.networkID, device: port.deviceID)
        }
        guard !port.fixedIPs.isEmpty else {
            throw NetworkingError(.badRequest, "PortRequiresFixedIP", "Port \(id) requires a FixedIP in order to be used.")
        }
        return PortPlan(networkID: port.networkID, portID: id)
    }

    /// Makes or takes the planned ports and binds them. Ports that the device has already are only bound, so that a
    /// repeat does nothing new.
    func attach(_ plans: [PortPlan], to device: PortDevice, in transaction: any Transaction) throws {
        let existing = try PortRecords.all(device: device.id, in: transaction)
        var left = existing
        for plan in plans {
            let position = left.firstIndex { port in
                plan.portID.map { $0 == port.id } ?? (port.networkID == plan.networkID && port.isMadeForDevice)
            }
            if let position {
                try bind(left.remove(at: position), to: device.host, in: transaction)
            } else if let id = plan.portID {
                try take(id, for: device, in: transaction)
            } else {
                try make(plan, for: device, in: transaction)
            }
        }
        for port in left { try bind(port, to: device.host, in: transaction) }
    }

    private func bind(_ port: Port, to host: String, in transaction: any Transaction) throws {
        guard port.binding.host != host else { return }
        _ = try updatePort(port, PortChange(host: host), by: .service, in: transaction)
    }

    /// Gives an existing port to a device.
    @discardableResult
    func take(_ id: String, for device: PortDevice, in transaction: any Transaction) throws -> Port {
        let port = try PortRecords.find(id, in: transaction).orThrow(.portNotFound(id))
        guard port.deviceID.isEmpty else {
            throw NetworkingError.portInUse(id, network: port.networkID, device: port.deviceID)
        }
        var change = PortChange(deviceID: device.id, deviceOwner: device.owner, host: device.host)
        if port.dnsName.isEmpty { change.dnsName = device.hostName }
        return try updatePort(port, change, by: .service, in: transaction)
    }

    /// Makes a port for a device.
    @discardableResult
    func make(_ plan: PortPlan, for device: PortDevice, in transaction: any Transaction) throws -> Port {
        let network = try NetworkRecords.find(plan.networkID, in: transaction).orThrow(.networkNotFound(plan.networkID))
        guard network.hasPortSecurity || device.securityGroupIDs.isEmpty else {
            throw NetworkingError(
                .badRequest, "SecurityGroupCannotBeApplied",
                "Network \(network.id) has no port security: security groups cannot be applied.")
        }
        var draft = PortDraft(projectID: device.projectID, deviceID: device.id, deviceOwner: device.owner)
        draft.fixedIPs = plan.fixedIP.flatMap { IPAddress($0) }.map { [AddressRequest(address: $0)] }
        draft.securityGroupIDs = device.securityGroupIDs.isEmpty ? nil : device.securityGroupIDs
        draft.binding.host = device.host
        draft.dnsName = device.hostName
        draft.isMadeForDevice = true
        return try createPort(draft, on: network, by: .service, in: transaction)
    }

    /// Deletes the ports that were made for a device and releases those it was given.
    func detach(device id: String, in transaction: any Transaction) throws {
        for port in try PortRecords.all(device: id, in: transaction) { try letGo(of: port, in: transaction) }
    }

    /// Deletes a port that was made for its device, or releases it.
    func letGo(of port: Port, in transaction: any Transaction) throws {
        if port.isMadeForDevice {
            try removePort(port, in: transaction)
        } else {
            let change = PortChange(deviceID: "", deviceOwner: "", host: "", profile: .object([:]), dnsName: "")
            _ = try updatePort(port, change, by: .service, in: transaction)
        }
    }

    /// The devices' ports by device, in a constant number of queries.
    func ports(devices: [String], in reader: any Reader) throws -> [String: [DevicePort]] {
        try DevicePortRecords.all(devices: devices, in: reader)
    }

    /// The ids of a project's security groups by id or name. A default group that is yet to be made needs no id: it is
    /// what ports get that name none, and no project has other groups before it.
    func securityGroups(_ names: [String], project: String, in reader: any Reader) throws -> [String] {
        try names.compactMap { name in
            let byID = try SecurityGroupRecords.find(name, in: reader)
            if let byID, byID.projectID == project { return byID.id }
            let found = try SecurityGroupRecords.find(name: name, project: project, in: reader)
            guard found.count <= 1 else {
                throw NetworkingError(
                    .conflict, "NoUniqueMatch",
                    "Multiple security groups found matching '\(name)'. Use an ID to be more specific.")
            }
            guard found.isEmpty, name == Self.defaultGroupName else {
                return try found.first.orThrow(.securityGroupNotFound(name)).id
            }
            return nil
        }
    }
}
