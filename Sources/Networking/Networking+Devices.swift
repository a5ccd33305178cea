import CloudCore
import CloudStore

// For the services that run devices. Each call takes part in its caller's reader or transaction.
extension Networking {
    /// Turns what a request asks for into the ports to make or take.
    /// - Parameters:
    ///   - isAdmin: whether others' networks and ports may be used.
    ///   - mayUseExternal: whether a port may be made on an external network that is shared with nobody.
    /// - Throws: `NetworkingError`: `NetworkAmbiguous`, `NetworkNotFound`, `NetworkRequiresSubnet`,
    ///   `ExternalNetworkAttachForbidden`, `PortNotFound`, `PortInUse`, `PortRequiresFixedIP`, `IpAddressAlreadyAllocated` …
    public func plan(
        _ request: NetworksRequest, projectID: String, isAdmin: Bool, mayUseExternal: Bool, in reader: any Reader
    ) throws -> [PortPlan] {
        let user = NetworkUser(caller: Caller(projectID: projectID, isAdmin: isAdmin), mayUseExternal: mayUseExternal)
        return try operations.plan(request, by: user, in: reader)
    }

    /// Makes or takes the planned ports for a device and binds them to its host. Repeating it only binds.
    /// - Returns: the device's ports.
    /// - Throws: `NetworkingError`, such as `IpAddressGenerationFailure` for an exhausted subnet or `OverQuota`.
    public func attach(
        _ plans: [PortPlan], to device: PortDevice, in transaction: any Transaction
    ) throws -> [DevicePort] {
        try operations.attach(plans, to: device, in: transaction)
        return try operations.ports(devices: [device.id], in: transaction)[device.id] ?? []
    }

    /// Deletes the ports made for a device and releases those it was given. Repeating it is harmless.
    public func detach(device id: String, in transaction: any Transaction) throws {
        try operations.detach(device: id, in: transaction)
    }

    /// The ports of devices by device, in the order they were made.
    public func ports(devices: [String], in reader: any Reader) throws -> [String: [DevicePort]] {
        try operations.ports(devices: devices, in: reader)
    }

    /// The device whose port has this address on this network, and the port's project; nil when none has. A link-local address stands for the MAC
    /// address that it is made from: no other may be sent from with port security.
    public func device(network id: String, address: String, in reader: any Reader) throws -> (id: String, projectID: String)? {
        guard let address = IPAddress(address) else { return nil }
        let device =
            if let mac = address.linkLocalMAC {
                try PortRecords.device(network: id, mac: mac, in: reader)
            } else {
                try PortRecords.device(network: id, address: address.description, in: reader)
            }
        return device.flatMap { $0.id.isEmpty ? nil : $0 }
    }

    /// The ids of a project's security groups, each named by id or name.
    /// - Throws: `NetworkingError`: `SecurityGroupNotFound`, or `NoUniqueMatch` for a name that several have.
    public func securityGroups(_ names: [String], projectID: String, in reader: any Reader) throws -> [String] {
        try operations.securityGroups(names, project: projectID, in: reader)
    }
}
