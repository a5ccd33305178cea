import CloudCore
import CloudStore
import NetworkMessages

extension Operations {
    func createPacketLog(_ log: PacketLog, in transaction: any Transaction) throws -> PacketLog {
        guard PacketLog.resourceTypes.contains(log.resourceType) else {
            throw NetworkingError(.badRequest, "InvalidLogResourceType", "Invalid log resource_type: \(log.resourceType).")
        }
        if let id = log.resourceID, try SecurityGroupRecords.find(id, in: transaction) == nil {
            throw NetworkingError.notFound("ResourceNotFound", "Resource", id)
        }
        if let id = log.targetID {
            let port = try PortRecords.find(id, in: transaction)
                .orThrow(.notFound("TargetResourceNotFound", "Target resource", id))
            try check(log, on: port)
        }
        try PacketLogRecords.insert(log, in: transaction)
        try markGroups(of: log, in: transaction)
        return log
    }

    func updatePacketLog(_ log: PacketLog, in transaction: any Transaction) throws {
        try PacketLogRecords.update(log, in: transaction)
        try markGroups(of: log, in: transaction)
    }

    func deletePacketLog(_ log: PacketLog, in transaction: any Transaction) throws {
        try markGroups(of: log, in: transaction)
        try PacketLogRecords.delete(log.id, in: transaction)
    }

    private func markGroups(of log: PacketLog, in transaction: any Transaction) throws {
        for group in try PacketLogRecords.groups(of: log.id, in: transaction) { try mark(.securityGroup, group, in: transaction) }
    }

    /// Marks groups that a port joins or leaves, where a log is about the port.
    func markLogged(_ groups: some Sequence<String>, of port: Port, in transaction: any Transaction) throws {
        guard try PacketLogRecords.watches(port: port.id, in: transaction) else { return }
        for group in groups { try mark(.securityGroup, group, in: transaction) }
    }

    private func check(_ log: PacketLog, on port: Port) throws(NetworkingError) {
        guard port.binding.vnicType == "normal" else {
            throw NetworkingError(
                .conflict, "LoggingTypeNotSupported", "Logging type \(log.resourceType) is not supported on port \(port.id).")
        }
        guard let group = log.resourceID, !port.securityGroupIDs.contains(group) else { return }
        throw NetworkingError(
            .badRequest, "InvalidResourceConstraint",
            "Invalid resource constraint between resource (\(log.resourceType) \(group)) and target resource (port \(port.id)).")
    }
}
