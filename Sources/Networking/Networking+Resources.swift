import CloudCore
import CloudStore

// What ports need of placement, for the services that run devices.
extension Networking {
    /// A group of resources that a port needs, from one provider.
    public struct RequestedResources: Sendable, Hashable {
        /// The group's UUID, made from the port and its rules.
        public let id: String
        /// Amounts by resource class.
        public let resources: [String: Int]
        /// What the provider must have.
        public let requiredTraits: [String]
    }

    /// What the rules of ports' policies ask of placement; unknown ports ask for nothing.
    public func resourceRequests(ports ids: [String], in reader: any Reader) throws -> [RequestedResources] {
        try requests(of: Array(PortRecords.find(ids, in: reader).values), in: reader).values.flatMap(\.groups).map {
            RequestedResources(id: $0.id, resources: $0.resources, requiredTraits: $0.required)
        }.sorted { $0.id < $1.id }
    }

    /// Writes into the binding profiles of a device's ports (`allocation`) which provider serves each of their groups.
    /// - Returns: what stood there before.
    @discardableResult
    public func allocate(_ providers: [String: String], device: String, in transaction: any Transaction) throws -> [String: String] {
        let ports = try PortRecords.all(device: device, in: transaction)
        var former: [String: String] = [:]
        let requests = try requests(of: ports, in: transaction)
        for port in ports {
            var allocation = JSONObject()
            for group in requests[port.id]?.groups ?? [] { allocation[group.id] = providers[group.id].map(JSON.string) }
            guard !allocation.members.isEmpty else { continue }
            var profile = port.binding.profile.object ?? [:]
            former.merge(profile["allocation"]?.stringDictionary ?? [:]) { _, last in last }
            profile["allocation"] = .object(allocation)
            var changed = port
            changed.binding.profile = .object(profile)
            changed.standard = changed.standard.changed()
            try PortRecords.update(changed, in: transaction)
        }
        return former
    }

    private func requests(of ports: [Port], in reader: any Reader) throws -> [String: ResourceRequest] {
        let rules = try EffectiveQoS.rules(ports: ports, in: reader)
        let networks = try NetworkRecords.find(Set(ports.filter { rules[$0.id] != nil }.map(\.networkID)), in: reader)
        return Dictionary(ports.compactMap { port in
            guard let rules = rules[port.id], let network = networks[port.networkID] else { return nil }
            return ResourceRequest(port: port, segment: network.segment, rules: rules).map { (port.id, $0) }
        }) { first, _ in first }
    }
}
