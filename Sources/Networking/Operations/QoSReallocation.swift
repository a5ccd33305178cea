import CloudCore
import CloudStore

// What placement keeps for guests' ports, as the policies that the ports are under change.
extension Operations {
    /// Asks placement for the difference between what a guest's port was promised and what it is, and notes in its binding's
    /// profile which provider keeps what. Promises of kinds that the port had none of are for the next scheduling: nobody
    /// knows yet which provider would keep them.
    /// - Throws: `NetworkingError` when a provider has no room for what is new.
    func reallocate(_ port: inout Port, from old: String?, to new: String?, in transaction: any Transaction) throws {
        guard old != new, port.deviceOwner.hasPrefix(DeviceOwner.compute), let placement,
            let allocation = port.binding.profile["allocation"]?.object
        else { return }
        let rules = try QoSRuleRecords.all(policies: [old, new].compactMap(\.self), in: transaction)
        let change = Reallocation(
            port: port.id, allocation: allocation, from: old.flatMap { rules[$0] } ?? [], to: new.flatMap { rules[$0] } ?? [])
        guard let change else { return }
        guard !change.mixesDirections else {
            throw NetworkingError(
                .notImplemented, "NotImplementedError",
                "A minimum packet rate of both directions together cannot become one of a direction, or the other way round.")
        }
        do {
            if !change.difference.isEmpty { try placement.adjust(port.deviceID, by: change.difference, in: transaction) }
        } catch is PlacementHasNoRoom {
            throw NetworkingError(
                .conflict, "QosPlacementAllocationUpdateConflict",
                "Placement cannot change what server \(port.deviceID) has by \(change.described).")
        }
        var profile = port.binding.profile.object ?? [:]
        profile["allocation"] = .object(change.allocation)
        port.binding.profile = .object(profile)
    }

    /// The same for the guests' ports of a network that are under its policy.
    func reallocate(network: String, from old: String?, to new: String?, in transaction: any Transaction) throws {
        guard old != new, placement != nil else { return }
        var after = ""
        while true {
            let ports = try PortRecords.guestPorts(network: network, after: after, limit: 500, in: transaction)
            guard let last = ports.last else { return }
            for port in ports where port.extras.qosPolicyID == nil {
                var changed = port
                try reallocate(&changed, from: old, to: new, in: transaction)
                if changed != port { try PortRecords.update(changed, in: transaction) }
            }
            after = last.id
        }
    }
}

/// What changes in placement as the rules of a port do (upstream's `_change_placement_allocation`). Pure.
struct Reallocation: Sendable, Hashable {
    /// The provider of each group of the port's resources from now on.
    private(set) var allocation = JSONObject()
    /// What the port has more, or less, of each class at a provider.
    private(set) var difference: [String: [String: Int]] = [:]
    /// Whether a rate of both directions meets one of a single direction, which are different classes.
    private(set) var mixesDirections = false

    /// Nil where placement keeps nothing of either.
    init?(port: String, allocation: JSONObject, from old: [QoSRule], to new: [QoSRule]) {
        guard old.contains(where: \.type.isReserved) else { return nil }
        for type in QoSRuleType.allCases where type.isReserved {
            let (before, after) = (old.filter { $0.type == type }, new.filter { $0.type == type })
            guard !before.isEmpty, let provider = allocation[ResourceRequest.groupID(port: port, before)]?.string else { continue }
            if !after.isEmpty {
                self.allocation[ResourceRequest.groupID(port: port, after)] = .string(provider)
                let isTogether = [before, after].map { $0.contains { $0.direction == .any } }
                if type == .minimumPacketRate, isTogether[0] != isTogether[1] { mixesDirections = true }
            }
            for rule in before { difference[provider, default: [:]][ResourceRequest.resourceClass(rule), default: 0] -= rule.value }
            for rule in after { difference[provider, default: [:]][ResourceRequest.resourceClass(rule), default: 0] += rule.value }
        }
        difference = difference.mapValues { $0.filter { $0.value != 0 } }.filter { !$0.value.isEmpty }
    }

    /// The difference for people.
    var described: String {
        difference.sorted { $0.key < $1.key }.map { provider, amounts in
            let parts = amounts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value > 0 ? "+" : "")\($0.value)" }
            return "\(parts.joined(separator: ", ")) of provider \(provider)"
        }.joined(separator: "; ")
    }
}
