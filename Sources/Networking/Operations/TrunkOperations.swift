import CloudCore
import CloudStore
import NetworkMessages

/// A trunk as it is asked for.
struct TrunkDraft: Sendable {
    var projectID: String
    var name = ""
    var description = ""
    var isAdminUp = true
    var portID: String
    var subports: [SubportDraft] = []
    var tags: [String] = []
}

/// What an update of a trunk changes; nil leaves as it is.
struct TrunkChange: Sendable {
    var name: String?
    var description: String?
    var isAdminUp: Bool?
}

extension Operations {
    func createTrunk(_ draft: TrunkDraft, by caller: Caller, in transaction: any Transaction) throws -> Trunk {
        try checkQuota(.trunk, project: draft.projectID, in: transaction)
        let parent = try trunkPort(draft.portID, by: caller, in: transaction)
        try checkUntrunked(parent.id, in: transaction)
        // The engine takes up a trunk only before its guest is plugged.
        guard parent.binding.host.isEmpty else { throw Self.parentInUse(parent.id) }
        let subports = try checked(draft.subports, under: parent, by: caller, in: transaction)
        var trunk = Trunk(
            id: Identifier.uuid(), projectID: draft.projectID, name: draft.name, portID: parent.id,
            isAdminUp: draft.isAdminUp, status: Trunk.active,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        try TrunkRecords.insert(trunk, in: transaction)
        try carry(subports, in: trunk, parent, transaction)
        for tag in draft.tags { try TagRecords.add(tag, to: trunk.id, in: transaction) }
        try mark(parent, in: transaction)
        trunk.subports = subports.map(\.subport)
        return trunk
    }

    func updateTrunk(_ trunk: Trunk, _ change: TrunkChange, in transaction: any Transaction) throws -> Trunk {
        var updated = trunk
        updated.name = change.name ?? trunk.name
        updated.standard.description = change.description ?? trunk.standard.description
        updated.isAdminUp = change.isAdminUp ?? trunk.isAdminUp
        updated.standard = updated.standard.changed()
        try TrunkRecords.update(updated, in: transaction)
        return updated
    }

    func deleteTrunk(_ trunk: Trunk, in transaction: any Transaction) throws {
        try checkManageable(trunk)
        let parent = try PortRecords.find(trunk.portID, in: transaction)
        guard parent?.binding.host.isEmpty ?? true else {
            throw NetworkingError(.conflict, "TrunkInUse", "Trunk \(trunk.id) is currently in use.")
        }
        try release(trunk.subports, in: transaction)
        try TagRecords.removeAll(from: trunk.id, in: transaction)
        try TrunkRecords.delete(trunk.id, in: transaction)
        if let parent { try mark(parent, in: transaction) }
    }

    func addSubports(
        _ drafts: [SubportDraft], to trunk: Trunk, by caller: Caller, in transaction: any Transaction
    ) throws -> Trunk {
        let parent = try PortRecords.find(trunk.portID, in: transaction).orThrow(.portNotFound(trunk.portID))
        let subports = try checked(drafts, under: parent, by: caller, in: transaction)
        try checkManageable(trunk)
        for added in subports.map(\.subport) {
            let isTaken = trunk.subports.contains {
                $0.segmentationType == added.segmentationType && $0.segmentationID == added.segmentationID
            }
            guard !isTaken else {
                throw NetworkingError(
                    .conflict, "DuplicateSubPort",
                    "segmentation_type \(added.segmentationType) and segmentation_id \(added.segmentationID) already in use on"
                        + " trunk \(trunk.id).")
            }
        }
        try carry(subports, in: trunk, parent, transaction)
        return try touched(trunk, trunk.subports + subports.map(\.subport), in: transaction)
    }

    func removeSubports(_ drafts: [SubportDraft], from trunk: Trunk, in transaction: any Transaction) throws -> Trunk {
        try checkManageable(trunk)
        try SubportDraft.check(drafts, isRemoval: true)
        let removed = try drafts.map { draft in
            try trunk.subports.first { $0.portID == draft.portID }.orThrow(
                NetworkingError(
                    .notFound, "SubPortNotFound", "SubPort \(draft.portID) on trunk \(trunk.id) could not be found."))
        }
        try release(removed, in: transaction)
        return try touched(trunk, trunk.subports.filter { !removed.contains($0) }, in: transaction)
    }

    private func touched(_ trunk: Trunk, _ subports: [Subport], in transaction: any Transaction) throws -> Trunk {
        var changed = trunk
        changed.status = Trunk.active
        changed.standard = trunk.standard.changed()
        changed.subports = subports
        try TrunkRecords.update(changed, in: transaction)
        return changed
    }

    /// A trunk is down as long as its parent has no host after having had one.
    func settleTrunk(of old: Port, _ port: Port, in transaction: any Transaction) throws {
        guard old.binding.host != port.binding.host else { return }
        guard var trunk = try TrunkRecords.all(parents: .ids([port.id]), in: transaction)[port.id] else { return }
        trunk.status = port.binding.host.isEmpty ? Trunk.down : Trunk.active
        try TrunkRecords.update(trunk, in: transaction)
        try TrunkRecords.settleSubports(of: port.id, in: transaction)
        for subport in trunk.subports { try mark(.port, subport.portID, in: transaction) }
    }

    /// Refuses to delete a port that a trunk needs.
    func checkNotTrunked(_ port: Port, in reader: any Reader) throws {
        if let trunk = try TrunkRecords.trunk(carrying: port.id, in: reader) {
            throw NetworkingError(
                .conflict, "PortInUseAsSubPort", "Port \(port.id) is currently a subport for trunk \(trunk).")
        }
        if let trunk = try TrunkRecords.all(parents: .ids([port.id]), in: reader)[port.id] {
            throw NetworkingError(
                .conflict, "PortInUseAsTrunkParent", "Port \(port.id) is currently a parent port for trunk \(trunk.id).")
        }
    }
}

// Neutron's rules about the ports of trunks.
extension Operations {
    private static func parentInUse(_ id: String) -> NetworkingError {
        NetworkingError(
            .conflict, "ParentPortInUse", "Port \(id) is currently in use and is not eligible for use as a parent port.")
    }

    private func checkManageable(_ trunk: Trunk) throws(NetworkingError) {
        guard trunk.isAdminUp else {
            throw NetworkingError(.conflict, "TrunkDisabled", "Trunk \(trunk.id) is currently disabled.")
        }
    }

    private func trunkPort(_ id: String, by caller: Caller, in reader: any Reader) throws -> Port {
        let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
        guard caller.isAdmin || port.projectID == caller.projectID else { throw NetworkingError.portNotFound(id) }
        return port
    }

    private func checkUntrunked(_ port: String, in reader: any Reader) throws {
        guard try TrunkRecords.trunk(carrying: port, in: reader) == nil else {
            throw NetworkingError(.conflict, "TrunkPortInUse", "Port \(port) is in use by another trunk.")
        }
        guard try TrunkRecords.all(parents: .ids([port]), in: reader).isEmpty else { throw Self.parentInUse(port) }
    }

    /// The ports that drafts name with the tags they shall have, if they may be under this parent.
    private func checked(
        _ drafts: [SubportDraft], under parent: Port, by caller: Caller, in reader: any Reader
    ) throws -> [(port: Port, subport: Subport)] {
        try SubportDraft.check(drafts)
        guard !drafts.isEmpty else { return [] }
        let ports = try PortRecords.find(drafts.map(\.portID), in: reader)
        let networks = try NetworkRecords.find(Set(ports.values.map(\.networkID) + [parent.networkID]), in: reader)
        let checked = try drafts.map { draft in
            guard draft.portID != parent.id else { throw Self.parentInUse(parent.id) }
            let port = try trunkPort(draft.portID, by: caller, in: reader)
            let network = try networks[port.networkID].orThrow(.networkNotFound(port.networkID))
            try checkMTU(network, of: port, under: parent, networks[parent.networkID])
            let subport = try subport(draft, on: network)
            try checkUntrunked(port.id, in: reader)
            guard port.deviceID.isEmpty else {
                throw NetworkingError.portInUse(port.id, network: port.networkID, device: port.deviceID)
            }
            return (port: port, subport: subport)
        }
        // Inherited tags may meet only now.
        guard Set(checked.map(\.subport.segmentationID)).count == checked.count else {
            throw NetworkingError.invalidInput("The networks of two subports have the same segmentation ID")
        }
        return checked
    }

    private func checkMTU(_ network: Network, of port: Port, under parent: Port, _ parentNetwork: Network?) throws {
        guard let limit = parentNetwork?.mtu, network.mtu > limit else { return }
        throw NetworkingError(
            .conflict, "SubPortMtuGreaterThanTrunkPortMtu",
            "MTU \(network.mtu) of subport \(port.id) cannot be greater than MTU \(limit) of trunk \(parent.id).")
    }

    private func subport(_ draft: SubportDraft, on network: Network) throws -> Subport {
        let inherits = draft.segmentationType == SubportDraft.inherit
        let type = inherits ? network.segment.type.rawValue : draft.segmentationType ?? ""
        guard type == NetworkType.vlan.rawValue else { throw NetworkingError.invalidInput("Unknown segmentation_type '\(type)'") }
        let tag = (inherits ? network.segment.id : draft.segmentationID) ?? 0
        guard (1...4094).contains(tag) else { throw NetworkingError.invalidInput("Segmentation ID '\(tag)' is not in range") }
        return Subport(portID: draft.portID, segmentationType: type, segmentationID: tag)
    }

    private func carry(
        _ subports: [(port: Port, subport: Subport)], in trunk: Trunk, _ parent: Port, _ transaction: any Transaction
    ) throws {
        try TrunkRecords.add(subports.map(\.subport), to: trunk.id, in: transaction)
        for (port, _) in subports { try own(port, owner: Trunk.subportOwner, in: transaction) }
        try TrunkRecords.settleSubports(of: parent.id, in: transaction)
    }

    private func release(_ subports: [Subport], in transaction: any Transaction) throws {
        let ports = try PortRecords.find(subports.map(\.portID), in: transaction)
        for subport in subports {
            try TrunkRecords.remove(subport: subport.portID, in: transaction)
            if let port = ports[subport.portID] { try own(port, owner: "", in: transaction) }
        }
    }

    /// Subports say so by their owner. It is no change that clients count.
    private func own(_ port: Port, owner: String, in transaction: any Transaction) throws {
        var changed = port
        changed.deviceOwner = owner
        if owner.isEmpty { (changed.binding.host, changed.status) = ("", .down) }
        try PortRecords.update(changed, in: transaction)
        try mark(changed, in: transaction)
    }
}
