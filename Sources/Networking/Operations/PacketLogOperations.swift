import CloudCore
import CloudStore

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
        return log
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
