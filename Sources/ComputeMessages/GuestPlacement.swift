import CloudBus

/// Asks what of its host a guest is bound to. Fails with `guest_not_found`.
public struct LocateGuest: BusRequest {
    public typealias Reply = GuestPlacement
    public static let method = "guest.locate"
    /// The server's UUID.
    public var id: String

    /// A question.
    public init(id: String) { self.id = id }
}

/// What of its host a guest is bound to; what is bound to nothing is absent.
public struct GuestPlacement: Codable, Sendable, Hashable {
    /// The host's processor of each of the guest's that has one to itself.
    public var processors: [Int: Int]
    /// The host's NUMA cell that the memory of each of the guest's comes from. A guest without cells of its own is one, 0.
    public var cells: [Int: Int]

    /// A placement.
    public init(processors: [Int: Int] = [:], cells: [Int: Int] = [:]) { (self.processors, self.cells) = (processors, cells) }
}
