import CloudCore

/// A group of hosts that administrators make, with metadata that filters and availability zones go by.
struct Aggregate: Sendable, Hashable {
    /// The metadata item that makes the aggregate an availability zone.
    static let zoneKey = "availability_zone"

    let id: Int
    /// Also the UUID of the aggregate in placement.
    let uuid: String
    var name: String
    var metadata: [String: String]
    /// The names of its hosts, in the order of their names.
    var hosts: [String]
    var createdAt: Timestamp
    var updatedAt: Timestamp?

    /// The availability zone it is; nil for an aggregate that is none.
    var zone: String? { metadata[Self.zoneKey] }
}

/// Why an aggregate cannot be changed so. Upstream answers some of these with 400 and some with 409, by the action.
struct AggregateRefusal: Error, Sendable {
    /// What is done, in upstream's words: add host to, update, update metadata of, delete.
    var action: String
    var aggregate: Int
    var reason: String

    var message: String { "Cannot perform action '\(action)' on aggregate \(aggregate). Reason: \(reason)." }
}

/// What may become of aggregates and the availability zones that they are (nova.compute.api.AggregateAPI).
struct AggregateRules: Sendable {
    let aggregate: Aggregate
    /// Every aggregate there is.
    let all: [Aggregate]
    /// How many servers there are on a host, of those whose zone may change.
    let servers: [String: Int]

    private func refusal(_ action: String, _ reason: String) -> AggregateRefusal {
        AggregateRefusal(action: action, aggregate: aggregate.id, reason: reason)
    }

    /// Whether metadata may be merged into the aggregate's.
    /// - Parameter changes: the new values; nil where an item is taken away.
    func checkUpdate(_ changes: [String: String?], action: String) throws(AggregateRefusal) {
        guard let change = changes[Aggregate.zoneKey] else { return }
        guard let zone = change, !zone.isEmpty else {
            throw refusal(action, "Aggregate \(aggregate.name) does not support empty named availability zone")
        }
        try checkZone(zone, hosts: aggregate.hosts, action: action)
        if zone != aggregate.zone, aggregate.hosts.contains(where: { servers[$0] ?? 0 > 0 }) {
            throw refusal(action, "One or more hosts contain instances in this zone")
        }
    }

    private func checkZone(_ zone: String, hosts: [String], action: String) throws(AggregateRefusal) {
        let conflicting = all.filter { other in
            other.id != aggregate.id && other.zone.map { $0 != zone } == true && other.hosts.contains(where: hosts.contains)
        }
        guard conflicting.isEmpty else {
            let names = conflicting.compactMap(\.zone).map { "'\($0)'" }.joined(separator: ", ")
            throw refusal(action, "One or more hosts already in availability zone(s) [\(names)]")
        }
    }

    /// Whether a host may become a member.
    func checkAddition(of host: String) throws(AggregateRefusal) {
        if let zone = aggregate.zone { try checkZone(zone, hosts: [host], action: "add_host_to_aggregate") }
        let before = zone(of: host, without: nil)
        guard let zone = aggregate.zone, zone != before else { return }
        try checkMove(of: host, from: before, to: zone, "added to", action: "add_host_to_aggregate")
    }

    /// Whether a host may leave.
    func checkRemoval(of host: String) throws(AggregateRefusal) {
        let after = zone(of: host, without: aggregate.id)
        guard let zone = aggregate.zone, zone != after else { return }
        try checkMove(of: host, from: zone, to: after, "removed from", action: "delete")
    }

    private func zone(of host: String, without id: Int?) -> String? {
        all.first { $0.id != id && $0.zone != nil && $0.hosts.contains(host) }?.zone
    }

    private func checkMove(
        of host: String, from old: String?, to new: String?, _ verb: String, action: String
    ) throws(AggregateRefusal) {
        guard let count = servers[host], count > 0 else { return }
        throw refusal(
            action,
            "The host cannot be \(verb) the aggregate as the availability zone of the host would change from "
                + "'\(old ?? "None")' to '\(new ?? "None")' but the host already has \(count) instance(s). Changing the AZ of an "
                + "existing instance is not supported by this action. Move the instances away from this host then try again. "
                + "If you need to move the instances between AZs then you can use shelve_offload and unshelve to achieve this.")
    }
}
