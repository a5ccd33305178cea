import CloudCore
import CloudStore
import NetworkMessages

/// A network as it is asked for.
struct NetworkDraft: Sendable {
    var projectID: String
    var name = ""
    var description = ""
    var isAdminUp = true
    var isShared = false
    var isExternal = false
    var isDefault = false
    var type: NetworkType?
    var physicalNetwork: String?
    var segmentationID: Int?
    /// The segments of a network with several, instead of the three before.
    var segments: [Segment] = []
    var mtu: Int?
    var hasPortSecurity = true
    var dnsDomain = ""
    var zoneHints: [String] = []
    var tags: [String] = []
    /// The QoS policy of its ports; nil for the project's default.
    var qosPolicyID: String?
    var isVLANTransparent = false
    var isQinQ = false
    var isPrivate = false
}

/// What an update changes; nil leaves as it is.
struct NetworkChange: Sendable {
    var name: String?
    var description: String?
    var isAdminUp: Bool?
    var isShared: Bool?
    var isExternal: Bool?
    var isDefault: Bool?
    var mtu: Int?
    var hasPortSecurity: Bool?
    var dnsDomain: String?
    var qosPolicyID: String??
    var isPrivate: Bool?
}

extension Operations {
    func createNetwork(
        _ draft: NetworkDraft, by caller: Caller = .service, in transaction: any Transaction
    ) throws -> Network {
        try checkQuota(.network, project: draft.projectID, in: transaction)
        try checkZones(draft.zoneHints)
        let segment = try segment(for: draft, in: transaction)
        let largest = largestMTU(segment)
        var network = Network(
            id: Identifier.uuid(), projectID: draft.projectID, name: draft.name, isAdminUp: draft.isAdminUp,
            isExternal: draft.isExternal, isDefault: draft.isDefault && draft.isExternal, segment: segment,
            mtu: try checkedMTU(draft.mtu, largest: largest), hasPortSecurity: draft.hasPortSecurity,
            dnsDomain: try DNSRules.domain(draft.dnsDomain), zoneHints: draft.zoneHints,
            isVLANTransparent: draft.isVLANTransparent, isQinQ: draft.isQinQ, isPrivate: draft.isPrivate,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        try checkCarriedTags(network)
        try checkPrivate(network)
        try checkOnlyDefault(network, in: transaction)
        try NetworkRecords.insert(network, in: transaction)
        try insertSegments(of: network, draft, in: transaction)
        try share(network.id, "network", project: network.projectID, draft.isShared, in: transaction)
        try share(network.id, "network", project: network.projectID, draft.isExternal, for: .external, in: transaction)
        network.sharing = try SharingRecords.sharing(of: network.id, in: transaction)
        let policy = try draft.qosPolicyID ?? QoSPolicyRecords.standard(of: network.projectID, in: transaction)
        try setQoSPolicy(policy, of: .network, network.id, by: caller, in: transaction)
        try assignTunnelTag(to: network, in: transaction)
        for tag in draft.tags { try TagRecords.add(tag, to: network.id, in: transaction) }
        try mark(.network, network.id, in: transaction)
        return network
    }

    /// Guests' tags inside the network's own: where the engine carries them.
    private func checkCarriedTags(_ network: Network) throws(NetworkingError) {
        if network.isVLANTransparent, network.isQinQ {
            throw .badRequest(
                "network", "Attributes 'vlan_transparent' and 'qinq' can not be set to True for the same network.")
        }
        let isTransparent = [.local, .geneve, .vlan].contains(network.segment.type)
        if network.isVLANTransparent, !isTransparent {
            throw NetworkingError(
                .badRequest, "VlanTransparencyDriverError", "Networks of type \(network.segment.type.rawValue) carry no tags of guests.")
        }
        if network.isQinQ, network.segment.type != .vlan {
            throw NetworkingError(
                .badRequest, "VlanQinqDriverError", "Networks of type \(network.segment.type.rawValue) have no tag of their own.")
        }
    }

    func updateNetwork(
        _ network: Network, _ change: NetworkChange, by caller: Caller = .service, in transaction: any Transaction
    ) throws -> Network {
        var updated = network
        updated.name = change.name ?? network.name
        updated.standard.description = change.description ?? network.standard.description
        updated.isAdminUp = change.isAdminUp ?? network.isAdminUp
        updated.isExternal = change.isExternal ?? network.isExternal
        updated.isDefault = updated.isExternal && (change.isDefault ?? network.isDefault)
        try checkOnlyDefault(updated, in: transaction)
        updated.hasPortSecurity = change.hasPortSecurity ?? network.hasPortSecurity
        if let domain = change.dnsDomain { updated.dnsDomain = try DNSRules.domain(domain) }
        if let mtu = change.mtu {
            updated.mtu = try checkedMTU(mtu, largest: largestMTU(network.segment))
            try checkMTU(updated.mtu, of: network, in: transaction)
        }
        if let isShared = change.isShared { try share(network, isShared, in: transaction) }
        if updated.isExternal != network.isExternal { try setExternal(network, updated.isExternal, in: transaction) }
        updated.sharing = try SharingRecords.sharing(of: network.id, in: transaction)
        if let policy = change.qosPolicyID {
            let old = try QoSBindingRecords.policies(.network, [network.id], in: transaction)[network.id]
            try setQoSPolicy(policy, of: .network, network.id, by: caller, in: transaction)
            try reallocate(network: network.id, from: old, to: policy, in: transaction)
            try networkPolicyChanged(network.id, in: transaction)
        }
        if let isPrivate = change.isPrivate { try setPrivate(&updated, isPrivate, in: transaction) }
        updated.standard = updated.standard.changed()
        try NetworkRecords.update(updated, in: transaction)
        try mark(.network, network.id, in: transaction)
        try markDependents(of: network, updated, in: transaction)
        return updated
    }

    /// Marks what repeats a changed network: routers know how large its packets are, ports are named in its domain.
    private func markDependents(of network: Network, _ updated: Network, in transaction: any Transaction) throws {
        if updated.mtu != network.mtu {
            let owners = [DeviceOwner.routerInterface, DeviceOwner.routerGateway]
            try TopologyChangeRecords.mark(
                .router,
                select: """
                    SELECT id FROM routers WHERE id IN
                        (SELECT device_id FROM ports WHERE network_id = \(network.id) AND device_owner IN \(in: owners))
                    """, in: transaction)
        }
        if updated.dnsDomain != network.dnsDomain {
            try TopologyChangeRecords.mark(
                .port,
                select: """
                    SELECT id FROM ports WHERE network_id = \(network.id) AND dns_name <> '' AND device_owner NOT LIKE 'network:%'
                    """, in: transaction)
        }
    }

    func deleteNetwork(_ network: Network, in transaction: any Transaction) throws {
        // What nobody uses goes with the network; a refusal below takes this back.
        for floatingIP in try FloatingIPRecords.unassociated(network: network.id, in: transaction) {
            try deleteFloatingIP(floatingIP, in: transaction)
        }
        let ports = try PortRecords.inUse(network: network.id, limit: 10, in: transaction)
        guard ports.isEmpty else {
            let ids = ports.joined(separator: ", ")
            throw NetworkingError.networkInUse(network.id, "There are one or more ports still in use on the network: \(ids)")
        }
        for port in try PortRecords.automatic(networks: [network.id], in: transaction).values {
            try PortRecords.delete(port.id, in: transaction)
        }
        for subnet in try SubnetRecords.all(network: network.id, in: transaction) {
            try TagRecords.removeAll(from: subnet.id, in: transaction)
            try SubnetRecords.delete(subnet.id, in: transaction)
        }
        try TagRecords.removeAll(from: network.id, in: transaction)
        try SharingRecords.removeAll(of: network.id, in: transaction)
        for segment in try SegmentRecords.all(networks: [network.id], in: transaction)[network.id] ?? [] {
            try TagRecords.removeAll(from: segment.id, in: transaction)
        }
        try TunnelTagRecords.release(from: network.id, in: transaction)
        try NetworkRecords.delete(network.id, in: transaction)
        try mark(.network, network.id, in: transaction)
    }

    /// GRE and VXLAN networks need a tag on the hosts' tunnel bridges.
    private func assignTunnelTag(to network: Network, in transaction: any Transaction) throws {
        guard network.segment.type == .gre || network.segment.type == .vxlan,
            try TunnelTagRecords.assign(to: network.id, in: transaction) == nil
        else { return }
        throw NetworkingError(
            .unavailable, "NoNetworkAvailable", "There are \(TunnelTagRecords.range.count) GRE and VXLAN networks already.")
    }

    func checkZones(_ hints: [String]) throws(NetworkingError) {
        for zone in hints where !options.availabilityZones.contains(zone) {
            throw .notFound("AvailabilityZoneNotFound", "AvailabilityZone", zone)
        }
    }
}

// MTUs and sharing.
extension Operations {
    /// At most one external network is the default one.
    private func checkOnlyDefault(_ network: Network, in reader: any Reader) throws {
        guard network.isDefault, let other = try NetworkRecords.defaultExternal(in: reader), other.id != network.id else { return }
        throw NetworkingError(
            .conflict, "DefaultExternalNetworkExists", "A default external network already exists: \(other.id).")
    }

    private func largestMTU(_ segment: Segment) -> Int {
        let physical = options.physicalNetworks.first { $0.label == segment.physicalNetwork }?.mtu ?? options.physicalMTU
        return MTU.largest(segment.type, physical: physical, path: options.pathMTU)
    }

    private func checkedMTU(_ mtu: Int?, largest: Int) throws(NetworkingError) -> Int {
        guard let mtu, mtu > 0 else { return largest }
        guard mtu <= largest else { throw .invalidInput("Requested MTU is too big, maximum is \(largest)") }
        return mtu
    }

    private func checkMTU(_ mtu: Int, of network: Network, in reader: any Reader) throws {
        guard mtu < MTU.minimum.v6 else { return }
        for subnet in try SubnetRecords.all(network: network.id, in: reader) {
            try checkMTU(mtu, of: network.id, for: subnet.cidr.version)
        }
    }

    /// Refuses a subnet on a network whose packets are smaller than its hosts must take.
    func checkMTU(_ mtu: Int, of network: String, for version: IPAddress.Version) throws(NetworkingError) {
        let minimum = version == .v6 && mtu >= MTU.minimum.v4 ? MTU.minimum.v6 : MTU.minimum.v4
        guard mtu < minimum else { return }
        throw Operations.mtuConflict(network, minimum)
    }

    private static func mtuConflict(_ network: String, _ minimum: Int) -> NetworkingError {
        NetworkingError(
            .conflict, "NetworkMTUSubnetConflict", "Network \(network) has a subnet that needs an MTU of at least \(minimum).")
    }

    /// Opens a network to everyone, or no longer. Projects with ports or subnets on it must keep a policy of their own.
    private func share(_ network: Network, _ isShared: Bool, in transaction: any Transaction) throws {
        guard isShared != network.sharing.includes(nil) else { return }
        if !isShared { try checkUnsharing(network, in: transaction) }
        try share(network.id, "network", project: network.projectID, isShared, in: transaction)
    }

    private func setExternal(_ network: Network, _ isExternal: Bool, in transaction: any Transaction) throws {
        if !isExternal {
            try checkInternalising(network, in: transaction)
            try SharingRecords.removeAll(of: network.id, .external, in: transaction)
        }
        try share(network.id, "network", project: network.projectID, isExternal, for: .external, in: transaction)
    }

    private func checkUnsharing(_ network: Network, in reader: any Reader) throws {
        let own = (network.sharing.targets[.shared] ?? []).union([network.projectID])
        let others = try PortRecords.projects(network: network.id, in: reader).subtracting(own)
        guard others.isEmpty else {
            throw NetworkingError(
                .conflict, "InvalidSharedSetting",
                "Network \(network.name) cannot stop being shared while other projects use it.")
        }
    }

    func checkInternalising(_ network: Network, in reader: any Reader) throws {
        let owners = [DeviceOwner.routerGateway, DeviceOwner.floatingIP]
        for owner in owners where try PortRecords.exists(network: network.id, owner: owner, in: reader) {
            throw NetworkingError(
                .conflict, "ExternalNetworkInUse", "External network \(network.id) has gateway ports or floating IPs.")
        }
    }
}

// Segments.
extension Operations {
    /// The place on the wire of a new network's first segment.
    private func segment(for draft: NetworkDraft, in reader: any Reader) throws -> Segment {
        if let first = draft.segments.first {
            guard draft.type == nil, draft.physicalNetwork == nil, draft.segmentationID == nil else {
                throw NetworkingError(
                    .badRequest, "SegmentsSetInConjunctionWithProviders", "Segments and provider values cannot both be set.")
            }
            guard Set(draft.segments).count == draft.segments.count else {
                throw NetworkingError(.badRequest, "SegmentsContainDuplicateEntry", "Duplicate segment entry in request.")
            }
            return try settle(first, project: draft.projectID, in: reader)
        }
        guard let type = draft.type else {
            guard draft.physicalNetwork == nil, draft.segmentationID == nil else {
                throw NetworkingError.invalidInput("provider:network_type is needed with the other provider attributes")
            }
            let tenant = NetworkType(rawValue: options.tenantNetworkType) ?? .geneve
            return try allocate(Segment(type: tenant, physicalNetwork: nil, id: nil), project: draft.projectID, in: reader)
        }
        let place = Segment(type: type, physicalNetwork: draft.physicalNetwork, id: draft.segmentationID)
        return try settle(place, project: draft.projectID, in: reader)
    }

    /// Checks a place on the wire, and gives it a number where it needs one and names none.
    func settle(_ place: Segment, project: String, in reader: any Reader) throws -> Segment {
        try check(place)
        guard place.id != nil || place.type == .flat || place.type == .local else {
            return try allocate(place, project: project, in: reader)
        }
        guard try !SegmentRecords.isTaken(place, in: reader) else { throw taken(place) }
        return place
    }

    /// Stores a new network's segments: its first, and those that were asked for besides.
    private func insertSegments(of network: Network, _ draft: NetworkDraft, in transaction: any Transaction) throws {
        let first = NetworkSegment(
            id: Identifier.uuid(), networkID: network.id, name: nil, segment: network.segment, index: 0,
            standard: StandardAttributes(createdAt: network.standard.createdAt))
        try SegmentRecords.insert(first, in: transaction)
        for place in draft.segments.dropFirst() {
            _ = try createSegment(place, on: network, name: nil, description: "", in: transaction)
        }
    }

    private func check(_ segment: Segment) throws(NetworkingError) {
        let type = segment.type.rawValue
        switch segment.type {
        case .local, .flat:
            guard segment.id == nil else {
                throw .invalidInput("provider:segmentation_id cannot be given for a \(type) network")
            }
        case .vlan:
            if let id = segment.id, !(1...4094).contains(id) {
                throw .invalidInput("provider:segmentation_id \(id) is not a VLAN tag from 1 to 4094")
            }
        case .vxlan, .geneve, .gre:
            let limit = segment.type == .gre ? Int(UInt32.max) : 0xFF_FFFF
            if let id = segment.id, !(1...limit).contains(id) {
                throw .invalidInput("provider:segmentation_id \(id) is not a tunnel key from 1 to \(limit)")
            }
        }
        guard segment.type.isPhysical else {
            guard segment.physicalNetwork == nil else {
                throw .invalidInput("provider:physical_network cannot be given for a \(type) network")
            }
            return
        }
        try checkPhysical(segment)
    }

    private func checkPhysical(_ segment: Segment) throws(NetworkingError) {
        guard let label = segment.physicalNetwork else {
            // A tag of whichever physical network has one left.
            guard segment.type == .vlan, segment.id == nil else {
                throw .invalidInput("provider:physical_network is needed for a \(segment.type.rawValue) network")
            }
            return
        }
        guard let physical = options.physicalNetworks.first(where: { $0.label == label }),
            segment.type == .vlan || physical.allowsFlat
        else {
            throw .invalidInput("physical_network '\(label)' is unknown for \(segment.type.rawValue) provider network")
        }
    }

    private func taken(_ segment: Segment) -> NetworkingError {
        switch segment.type {
        case .flat:
            NetworkingError(
                .conflict, "FlatNetworkInUse", "Physical network \(segment.physicalNetwork ?? "") has its flat network already.")
        case .vlan:
            NetworkingError(
                .conflict, "VlanIdInUse",
                "The VLAN \(segment.id ?? 0) of physical network \(segment.physicalNetwork ?? "") is in use.")
        default: NetworkingError(.conflict, "TunnelIdInUse", "The tunnel ID \(segment.id ?? 0) is in use.")
        }
    }

    /// Chooses the number of a segment that has none: from the project's own ranges where it has some left.
    private func allocate(_ segment: Segment, project: String, in reader: any Reader) throws -> Segment {
        guard segment.type != .local else { return segment }
        for (physical, range) in try candidates(segment, project: project, in: reader) {
            var chance = ChoiceGenerator()
            let choice = Segment(type: segment.type, physicalNetwork: physical, id: Int.random(in: range, using: &chance))
            // A random number is free almost always; the search for the lowest is for crowded ranges.
            if try !SegmentRecords.isTaken(choice, in: reader) { return choice }
            let lowest = try SegmentRecords.lowestFree(segment.type, physical: physical, in: range, reader: reader)
            if let lowest { return Segment(type: segment.type, physicalNetwork: physical, id: lowest) }
        }
        throw NetworkingError(
            .unavailable, "NoNetworkAvailable", "No number is left for a network of type \(segment.type.rawValue).")
    }

    private func candidates(
        _ segment: Segment, project: String, in reader: any Reader
    ) throws -> [(physical: String?, range: ClosedRange<Int>)] {
        let added = try SegmentRangeRecords.added(segment.type, in: reader).filter {
            segment.physicalNetwork == nil || $0.physicalNetwork == segment.physicalNetwork
        }
        let own = added.filter { !$0.isShared && $0.projectID == project }.map { (physical: $0.physicalNetwork, range: $0.numbers) }
        let shared = added.filter(\.isShared).map { (physical: $0.physicalNetwork, range: $0.numbers) }
        guard segment.type == .vlan else { return own + [(physical: nil, range: options.tunnelIDs)] + shared }
        return own + options.physicalNetworks.compactMap { physical in
            guard let vlans = physical.vlans, segment.physicalNetwork == nil || segment.physicalNetwork == physical.label
            else { return nil }
            return (physical: physical.label, range: vlans)
        } + shared
    }
}
