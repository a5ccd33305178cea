import CloudBus
import NetworkMessages

/// Where a host gets the answers to its guests' metadata requests.
public protocol MetadataSource: Sendable {
    /// The answer for a guest.
    /// - Throws: any error when there is none now; the guest is told to try again.
    func respond(to request: MetadataRequest) async throws -> MetadataResponse
}

/// The controllers, asked over the bus.
public struct BusMetadataSource: MetadataSource {
    private let bus: any Bus
    private let deadline: Duration

    /// A source that waits so long for an answer.
    public init(bus: any Bus, deadline: Duration = .seconds(10)) { (self.bus, self.deadline) = (bus, deadline) }

    /// Asks the controllers over the bus.
    public func respond(to request: MetadataRequest) async throws -> MetadataResponse {
        try await bus.call(request, to: BusAddress(topic: NetworkTopic.controller), deadline: deadline)
    }
}
