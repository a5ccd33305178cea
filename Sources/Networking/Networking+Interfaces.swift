import CloudCore
import CloudStore
import NetworkMessages

// One interface of a device at a time, for the services that run them. Each call takes part in its caller's transaction.
extension Networking {
    /// Makes or takes one more port for a device and binds it, whatever the device has already.
    /// - Returns: the port's id.
    /// - Throws: `NetworkingError`, as `attach`.
    public func attachOne(_ plan: PortPlan, to device: PortDevice, in transaction: any Transaction) throws -> String {
        guard let id = plan.portID else { return try operations.make(plan, for: device, in: transaction).id }
        return try operations.take(id, for: device, in: transaction).id
    }

    /// The network of a project's auto-allocated topology, which is made when it is missing.
    /// - Throws: `NetworkingError` `AutoAllocationFailure` without a default external network or default subnet pools.
    public func autoAllocatedNetwork(projectID: String, in transaction: any Transaction) throws -> String {
        try operations.autoAllocate(project: projectID, .project(projectID), in: transaction).networkID
    }

    /// The devices of servers with an address that contains one of these texts.
    /// - Parameter projectID: the project whose ports count; nil for all.
    public func devices(
        withAddressesContaining parts: [String], projectID: String?, in reader: any Reader
    ) throws -> [String] {
        try DevicePortRecords.devices(withAddressesContaining: parts, projectID: projectID, in: reader)
    }

    /// Deletes or releases one port of a device. A port that is not the device's is left alone.
    /// - Returns: whether there was such a port.
    @discardableResult
    public func detach(port id: String, device: String, in transaction: any Transaction) throws -> Bool {
        guard let port = try PortRecords.find(id, in: transaction), port.deviceID == device else { return false }
        try operations.letGo(of: port, in: transaction)
        return true
    }

    /// Binds every port of a device to another host. Repeating it is harmless.
    public func rebind(device id: String, host: String, in transaction: any Transaction) throws {
        for port in try PortRecords.all(device: id, in: transaction) where port.binding.host != host {
            _ = try operations.updatePort(port, PortChange(host: host), by: .service, in: transaction)
        }
    }

    /// Gives a device's first port on a network one more address of the network's first subnet that has one.
    /// - Throws: `NetworkingError`: `NetworkNotFound` when the device has no port there, `IpAddressGenerationFailure`.
    public func addAddress(network id: String, device: String, in transaction: any Transaction) throws {
        let ports = try PortRecords.all(device: device, in: transaction)
        let port = try ports.first { $0.networkID == id }.orThrow(.networkNotFound(id))
        let subnets = try SubnetRecords.all(network: id, in: transaction)
        let subnet = try subnets.first { !$0.isAutoAddressed }.orThrow(.networkNotFound(id))
        let kept = port.fixedIPs.map { AddressRequest(subnetID: $0.subnetID, address: IPAddress($0.address)) }
        let change = PortChange(fixedIPs: kept + [AddressRequest(subnetID: subnet.id)])
        _ = try operations.updatePort(port, change, by: .service, in: transaction)
    }

    /// Takes an address from a device's port.
    /// - Returns: whether the device had it.
    public func removeAddress(_ address: String, device: String, in transaction: any Transaction) throws -> Bool {
        let text = IPAddress(address)?.description ?? address
        for port in try PortRecords.all(device: device, in: transaction) where port.fixedIPs.contains(where: { $0.address == text }) {
            let kept = port.fixedIPs.filter { $0.address != text }
                .map { AddressRequest(subnetID: $0.subnetID, address: IPAddress($0.address)) }
            _ = try operations.updatePort(port, PortChange(fixedIPs: kept), by: .service, in: transaction)
            return true
        }
        return false
    }

    /// Changes the security groups of a device's ports that have port security, by ids.
    public func changeSecurityGroups(
        device: String, in transaction: any Transaction, _ change: (inout [String]) -> Void
    ) throws {
        for port in try PortRecords.all(device: device, in: transaction) where port.hasPortSecurity {
            var groups = port.securityGroupIDs
            change(&groups)
            guard groups != port.securityGroupIDs else { continue }
            _ = try operations.updatePort(port, PortChange(securityGroupIDs: groups), by: .service, in: transaction)
        }
    }

    /// Leads a floating IP of a project to an address of a device; away from the one it led to.
    /// - Throws: `NetworkingError`: `FloatingIPNotFound`, or what `associate` throws.
    public func lead(
        floatingIP address: String, projectID: String, toDevice device: String, fixedAddress: String, in transaction: any Transaction
    ) throws {
        let floatingIP = try floatingIP(address, projectID: projectID, in: transaction)
        let port = try PortRecords.all(device: device, in: transaction).first { port in
            port.fixedIPs.contains { $0.address == fixedAddress }
        }
        let target = FloatingTarget(
            portID: try port.orThrow(.badRequest("floatingip", "\(fixedAddress) is no address of the server.")).id,
            fixedAddress: fixedAddress)
        _ = try operations.associate(floatingIP, with: target, in: transaction)
    }

    /// Leads a floating IP away from a device.
    /// - Returns: whether it led there.
    /// - Throws: `NetworkingError`: `FloatingIPNotFound`.
    public func leadAway(
        floatingIP address: String, projectID: String, fromDevice device: String, in transaction: any Transaction
    ) throws -> Bool {
        let floatingIP = try floatingIP(address, projectID: projectID, in: transaction)
        guard let portID = floatingIP.portID, try PortRecords.find(portID, in: transaction)?.deviceID == device else { return false }
        _ = try operations.associate(floatingIP, with: nil, in: transaction)
        return true
    }

    private func floatingIP(_ address: String, projectID: String, in reader: any Reader) throws -> FloatingIP {
        try FloatingIPRecords.find(address: address, project: projectID, in: reader).orThrow(.floatingIPNotFound(address))
    }
}
