import CloudCore
import CloudStore
import NetworkMessages

/// A range of segment numbers as it is asked for.
struct SegmentRangeDraft: Sendable {
    var projectID: String?
    var name = ""
    var description = ""
    var isShared: Bool
    var type: NetworkType
    var physicalNetwork: String?
    var minimum: Int
    var maximum: Int
}

// Segments.
extension Operations {
    func createSegment(
        _ place: Segment, on network: Network, name: String?, description: String, in transaction: any Transaction
    ) throws -> NetworkSegment {
        let settled = try settle(place, project: network.projectID, in: transaction)
        let siblings = try SegmentRecords.all(networks: [network.id], in: transaction)[network.id] ?? []
        let segment = NetworkSegment(
            id: Identifier.uuid(), networkID: network.id, name: name, segment: settled, index: (siblings.last?.index ?? -1) + 1,
            standard: StandardAttributes(description: description, createdAt: .now))
        try SegmentRecords.insert(segment, in: transaction)
        try mark(.network, network.id, in: transaction)
        return segment
    }

    func updateSegment(
        _ segment: NetworkSegment, name: String??, description: String?, in transaction: any Transaction
    ) throws -> NetworkSegment {
        var updated = segment
        if let name { updated.name = name }
        updated.standard.description = description ?? segment.standard.description
        updated.standard = updated.standard.changed()
        try SegmentRecords.update(updated, in: transaction)
        return updated
    }

    func deleteSegment(_ segment: NetworkSegment, in transaction: any Transaction) throws {
        func inUse(_ reason: String) -> NetworkingError {
            NetworkingError(.conflict, "SegmentInUse", "Segment '\(segment.id)' cannot be deleted: \(reason).")
        }
        guard try !SegmentRecords.isUsed(segment.id, in: transaction) else { throw inUse("a subnet is associated with it") }
        guard segment.index > 0 else { throw inUse("the network is mapped to it") }
        try TagRecords.removeAll(from: segment.id, in: transaction)
        try SegmentRecords.delete(segment.id, in: transaction)
        try mark(.network, segment.networkID, in: transaction)
    }

    /// Checks that a subnet may be on a segment: of its own network, whose subnets are all on segments or none.
    func checkSegment(_ id: String?, of network: Network, _ siblings: [Subnet], in reader: any Reader) throws {
        if let id {
            let segment = try SegmentRecords.find(id, in: reader).orThrow(.segmentNotFound(id))
            guard segment.networkID == network.id else {
                throw NetworkingError(
                    .badRequest, "NetworkIdsDontMatch", "The segment \(id) is not of the subnet's network \(network.id).")
            }
        }
        guard siblings.allSatisfy({ ($0.segmentID == nil) == (id == nil) }) else {
            throw NetworkingError(
                .badRequest, "SubnetsNotAllAssociatedWithSegments",
                "The subnets of network '\(network.id)' must either all be associated with segments or none of them.")
        }
    }
}

extension NetworkingError {
    static func segmentNotFound(_ id: String) -> Self { notFound("SegmentNotFound", "Segment", id) }
    static func segmentRangeNotFound(_ id: String) -> Self {
        notFound("NetworkSegmentRangeNotFound", "Network Segment Range", id)
    }
}

// Ranges of segment numbers.
extension Operations {
    /// What the settings hand out: every tunnel type's keys, and the VLAN tags of the physical networks.
    private var configuredRanges: [SegmentRangeDraft] {
        let tunnels = [NetworkType.geneve, .gre, .vxlan].map { type in
            SegmentRangeDraft(
                projectID: nil, isShared: true, type: type, minimum: options.tunnelIDs.lowerBound,
                maximum: options.tunnelIDs.upperBound)
        }
        return tunnels + options.physicalNetworks.compactMap { physical in
            physical.vlans.map {
                SegmentRangeDraft(
                    projectID: nil, isShared: true, type: .vlan, physicalNetwork: physical.label, minimum: $0.lowerBound,
                    maximum: $0.upperBound)
            }
        }
    }

    /// Whether the default ranges in the tables are those of the settings.
    func hasConfiguredRanges(in reader: any Reader) throws -> Bool {
        func key(_ type: NetworkType, _ label: String?, _ first: Int, _ last: Int) -> String {
            "\(type.rawValue) \(label ?? "") \(first) \(last)"
        }
        let stored = try SegmentRangeRecords.defaults(in: reader).map { key($0.type, $0.physicalNetwork, $0.minimum, $0.maximum) }
        return Set(stored) == Set(configuredRanges.map { key($0.type, $0.physicalNetwork, $0.minimum, $0.maximum) })
    }

    /// Replaces the default ranges by those of the settings.
    func storeConfiguredRanges(in transaction: any Transaction) throws {
        guard try !hasConfiguredRanges(in: transaction) else { return }
        for range in try SegmentRangeRecords.defaults(in: transaction) {
            try SegmentRangeRecords.delete(range.id, in: transaction)
        }
        for draft in configuredRanges { try SegmentRangeRecords.insert(range(draft, isDefault: true), in: transaction) }
    }

    private func range(_ draft: SegmentRangeDraft, isDefault: Bool) -> SegmentRange {
        SegmentRange(
            id: Identifier.uuid(), projectID: draft.isShared ? nil : draft.projectID, name: draft.name, isDefault: isDefault,
            isShared: draft.isShared, type: draft.type, physicalNetwork: draft.type == .vlan ? draft.physicalNetwork : nil,
            minimum: draft.minimum, maximum: draft.maximum,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
    }

    func createSegmentRange(_ draft: SegmentRangeDraft, in transaction: any Transaction) throws -> SegmentRange {
        guard draft.type != .vlan || draft.physicalNetwork?.isEmpty == false else {
            throw NetworkingError.badRequest(
                "network_segment_range", "Network type vlan requires 'physical_network' to be specified while creating new range")
        }
        let range = range(draft, isDefault: false)
        try check(range, in: transaction)
        try SegmentRangeRecords.insert(range, in: transaction)
        return range
    }

    func updateSegmentRange(_ range: SegmentRange, to updated: SegmentRange, in transaction: any Transaction) throws -> SegmentRange {
        try checkWritable(range)
        let taken = try SegmentRecords.taken(range.type, physical: range.physicalNetwork, in: range.numbers, reader: transaction)
        if let first = taken.first?.number, let last = taken.last?.number, updated.minimum > first || updated.maximum < last {
            throw Self.referenced(range)
        }
        try check(updated, in: transaction)
        var changed = updated
        changed.standard = changed.standard.changed()
        try SegmentRangeRecords.update(changed, in: transaction)
        return changed
    }

    func deleteSegmentRange(_ range: SegmentRange, in transaction: any Transaction) throws {
        try checkWritable(range)
        let taken = try SegmentRecords.taken(range.type, physical: range.physicalNetwork, in: range.numbers, reader: transaction)
        guard taken.isEmpty else { throw Self.referenced(range) }
        try TagRecords.removeAll(from: range.id, in: transaction)
        try SegmentRangeRecords.delete(range.id, in: transaction)
    }

    private func checkWritable(_ range: SegmentRange) throws(NetworkingError) {
        guard range.isDefault else { return }
        throw NetworkingError(
            .badRequest, "NetworkSegmentRangeDefaultReadOnly",
            "Network Segment Range \(range.id) is a default segment range which could not be updated or deleted.")
    }

    private static func referenced(_ range: SegmentRange) -> NetworkingError {
        NetworkingError(
            .conflict, "NetworkSegmentRangeReferencedByProject",
            "Network Segment Range \(range.id) is referenced by one or more project networks.")
    }

    private func check(_ range: SegmentRange, in reader: any Reader) throws {
        let limit = range.type == .vlan ? 4094 : range.type == .gre ? Int(UInt32.max) : 0xFF_FFFF
        guard (1...limit).contains(range.minimum), (1...limit).contains(range.maximum), range.minimum <= range.maximum else {
            throw NetworkingError(
                .badRequest, range.type == .vlan ? "NetworkVlanRangeError" : "NetworkTunnelRangeError",
                "Invalid network range \(range.minimum):\(range.maximum): both ends must be from 1 to \(limit), in order.")
        }
        let others = try SegmentRangeRecords.added(range.type, in: reader).filter {
            $0.id != range.id && $0.physicalNetwork == range.physicalNetwork && $0.numbers.overlaps(range.numbers)
        }
        guard others.isEmpty else {
            throw NetworkingError(
                .conflict, "NetworkSegmentRangeOverlaps",
                "Network segment range overlaps with range(s) with id \(others.map(\.id).joined(separator: ", "))")
        }
    }
}
