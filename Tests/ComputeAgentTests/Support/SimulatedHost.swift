import CloudBus
import ComputeMessages
import Testing

@testable import ComputeAgent

/// An agent on a simulated host, with the other ends of its bus.
final class SimulatedHost: Sendable {
    let name: String
    let bus: any Bus
    let driver: SimulatedHypervisor
    let agent: ComputeAgent
    let controller = ControllerStub()
    let network = NetworkAgentStub(makesTaps: false)
    let images = MemoryImageSink()
    private let running: Task<Void, any Error>

    init(
        name: String = "node-1", bus: any Bus = InProcessBus(), options: SimulatedHypervisor.Options = .init(),
        agentOptions: ComputeAgentOptions = .init()
    ) async throws {
        (self.name, self.bus) = (name, bus)
        driver = SimulatedHypervisor(options: options)
        agent = ComputeAgent(host: name, driver: driver, disks: driver, bus: bus, imageSink: images, options: agentOptions)
        try await controller.listen(on: bus)
        try await network.listen(on: bus, host: name)
        let agent = agent
        try await agent.start()
        running = Task { try await agent.run() }
    }

    deinit { running.cancel() }

    func call<R: BusRequest>(_ request: R, deadline: Duration = .seconds(10)) async throws -> R.Reply {
        try await bus.call(request, to: BusAddress(topic: ComputeTopic.agent, host: name), deadline: deadline)
    }

    func destroy(_ guest: GuestSpecification) async throws {
        _ = try await call(DestroyGuest(id: guest.id, portIDs: guest.interfaces.map(\.portID)))
    }

    /// Whether nothing of any guest is left.
    func isClean() async throws -> Bool {
        try await driver.guests().isEmpty && driver.diskIDs.isEmpty && network.plugged.isEmpty
    }
}
