import CloudBus
import Logging
import NetworkMessages
import Testing

@testable import NetworkAgent

/// The agent as the rest of the cloud sees it: over the bus.
@Suite(.timeLimit(.minutes(1))) struct NetworkAgentTests {
    let sample = SampleTopology()
    let bus = InProcessBus()
    let plane = SimulatedDataPlane()
    let interfaces = SimulatedInterfaces()

    private func agent() -> NetworkAgent {
        let drivers = NetworkDrivers(dataPlane: plane, interfaces: interfaces)
        return NetworkAgent(host: "host1", bus: bus, drivers: drivers, logger: Logger(label: "test"))
    }

    private let address = BusAddress(topic: NetworkTopic.agent, host: "host1")
    private var plug: PlugInterface {
        PlugInterface(portID: sample.first.id, networkID: sample.tenant.id, mac: sample.first.mac, mtu: 1442)
    }

    @Test func topologiesArriveAtThePlane() async throws {
        let agent = agent()
        try await agent.start()
        let plane = BusAddress(topic: NetworkTopic.plane)
        let report = try await bus.call(ApplyTopology(entities: sample.entities), to: plane, deadline: .seconds(10))
        #expect(report.inserted == sample.entities.count)
        #expect(await self.plane.entities.count == sample.entities.count)
        await agent.stop()
    }

    @Test func failuresReachTheCallerWithTheirCode() async throws {
        let agent = agent()
        try await agent.start()
        do {
            let change = ApplyTopology(entities: [.port(sample.first)])
            _ = try await bus.call(change, to: BusAddress(topic: NetworkTopic.plane), deadline: .seconds(10))
            Issue.record("a port without a network was applied")
        } catch let BusError.remote(code, message) {
            #expect(code == "topology_missing")
            #expect(message.contains(sample.tenant.id))
        }
        await agent.stop()
    }

    @Test func interfacesArePluggedListedReconciledAndReported() async throws {
        let (reports, continuation) = AsyncStream.makeStream(of: PortStatusReport.self)
        var controller = BusService()
        controller.on(PortStatusReport.self) { report, _ in
            continuation.yield(report)
            return BusNothing()
        }
        let agent = agent()
        try await agent.start()
        #expect(try await bus.call(plug, to: address, deadline: .seconds(10)).device == "tap" + sample.first.id.prefix(11))
        // The controllers come later than the report: it waits for them.
        let subscription = try await bus.serve(
            controller, at: BusAddress(topic: NetworkTopic.controller), concurrency: 1, queueLimit: 8)
        var iterator = reports.makeAsyncIterator()
        let up = await iterator.next()
        #expect(up?.portID == sample.first.id && up?.host == "host1" && up?.isUp == true)
        #expect(try await bus.call(ListInterfaces(), to: address, deadline: .seconds(10)) == [sample.first.id])
        let result = try await bus.call(ReconcileInterfaces(wanted: []), to: address, deadline: .seconds(10))
        #expect(result.unplugged == [sample.first.id])
        #expect(await iterator.next()?.isUp == false)
        _ = try await bus.call(UnplugInterface(portID: sample.first.id), to: address, deadline: .seconds(10))
        await subscription.cancel()
        await agent.stop()
    }

    /// A plug that comes right after the start is reported, however long the driver takes to find a listener.
    @Test func noReportIsLostAtTheStart() async throws {
        let (reports, continuation) = AsyncStream.makeStream(of: PortStatusReport.self)
        var controller = BusService()
        controller.on(PortStatusReport.self) { report, _ in
            continuation.yield(report)
            return BusNothing()
        }
        let subscription = try await bus.serve(
            controller, at: BusAddress(topic: NetworkTopic.controller), concurrency: 1, queueLimit: 8)
        let drivers = NetworkDrivers(dataPlane: nil, interfaces: LateInterfaces())
        let agent = NetworkAgent(host: "host1", bus: bus, drivers: drivers, logger: Logger(label: "test"))
        try await agent.start()
        _ = try await bus.call(plug, to: address, deadline: .seconds(10))
        var iterator = reports.makeAsyncIterator()
        #expect(await iterator.next()?.portID == sample.first.id)
        await subscription.cancel()
        await agent.stop()
    }

    @Test func aStoppedAgentTakesNoMessages() async throws {
        let agent = agent()
        try await agent.start()
        await agent.stop()
        await #expect(throws: BusError.unroutable(address)) {
            try await bus.call(ListInterfaces(), to: address, deadline: .seconds(10))
        }
    }
}

/// Interfaces that are slow to take a listener, and tell it only what happens afterwards.
private actor LateInterfaces: InterfaceDriver {
    private var listener: AsyncStream<InterfaceStatus>.Continuation?

    func plug(_ request: PlugInterface, deadline: ContinuousClock.Instant) async throws -> PluggedInterface {
        listener?.yield(InterfaceStatus(portID: request.portID, isUp: true))
        return PluggedInterface(device: InterfaceName.tap(request.portID))
    }
    func unplug(portID: String, deadline: ContinuousClock.Instant) async throws {}
    func plugged(deadline: ContinuousClock.Instant) async throws -> [String] { [] }
    func reconcile(wanted: [PlugInterface], deadline: ContinuousClock.Instant) async throws -> InterfaceReconciliation {
        InterfaceReconciliation(plugged: [], unplugged: [], failed: [])
    }
    func statusChanges() async -> AsyncStream<InterfaceStatus> {
        for _ in 0..<1000 { await Task.yield() }
        let (stream, continuation) = AsyncStream.makeStream(of: InterfaceStatus.self)
        listener = continuation
        return stream
    }
}
