import CloudCore

/// One of a network's segments. The first is what the network's provider attributes say.
struct NetworkSegment: Sendable, Hashable {
    let id: String
    let networkID: String
    var name: String?
    /// Its place on the wire.
    let segment: Segment
    /// Its place among the network's segments.
    let index: Int
    var standard: StandardAttributes
}

/// A range of numbers from which the networks of a type get theirs.
struct SegmentRange: Sendable, Hashable {
    let id: String
    /// The project that it is for; nil for all.
    let projectID: String?
    var name: String
    /// Whether it is what the operator's settings say.
    let isDefault: Bool
    let isShared: Bool
    let type: NetworkType
    /// The physical network's label, for VLANs.
    let physicalNetwork: String?
    var minimum: Int
    var maximum: Int
    var standard: StandardAttributes

    /// The numbers.
    var numbers: ClosedRange<Int> { minimum...max(minimum, maximum) }
}
