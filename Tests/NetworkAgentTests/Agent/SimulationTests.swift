import CloudBus
import NetworkMessages
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct SimulationTests {
    let sample = SampleTopology()

    @Test func theSimulatedPlaneConforms() async throws {
        try await DataPlaneConformance(plane: SimulatedDataPlane(), sample: sample).run()
    }

    @Test func simulatedInterfacesConform() async throws {
        let ports = [sample.first, sample.second].map {
            PlugInterface(portID: $0.id, networkID: $0.networkID, mac: $0.mac, mtu: 1442)
        }
        try await InterfaceDriverConformance(driver: SimulatedInterfaces(), ports: ports).run()
    }

    @Test func aLateListenerHearsWhatIsUp() async throws {
        let interfaces = SimulatedInterfaces()
        let request = PlugInterface(portID: sample.first.id, networkID: sample.tenant.id, mac: sample.first.mac, mtu: 1442)
        _ = try await interfaces.plug(request, deadline: .now + .seconds(1))
        var iterator = await interfaces.statusChanges().makeAsyncIterator()
        #expect(await iterator.next() == InterfaceStatus(portID: sample.first.id, isUp: true))
    }

    @Test func aPortThatIsPluggedAgainIsToldAgain() async throws {
        let interfaces = SimulatedInterfaces()
        let request = PlugInterface(portID: sample.first.id, networkID: sample.tenant.id, mac: sample.first.mac, mtu: 1442)
        var iterator = await interfaces.statusChanges().makeAsyncIterator()
        for _ in 0..<2 {
            _ = try await interfaces.plug(request, deadline: .now + .seconds(1))
            #expect(await iterator.next() == InterfaceStatus(portID: sample.first.id, isUp: true))
        }
    }

    @Test func thePlaneFailsToOrderAndKeepsWhatWasThere() async throws {
        let plane = SimulatedDataPlane()
        let network = ApplyTopology(entities: [.network(sample.tenant)])
        await plane.order { $0.fail(.apply, number: 2) }
        _ = try await plane.apply(network, deadline: .now + .seconds(1))
        await #expect(throws: BusFailure.self) {
            try await plane.apply(ApplyTopology(entities: [], complete: true), deadline: .now + .seconds(1))
        }
        #expect(await plane.entities == [TopologyEntity.network(sample.tenant).key: .network(sample.tenant)])
        #expect(try await plane.apply(network, deadline: .now + .seconds(1)).inserted == 0)
    }

    @Test func latencyCountsAgainstTheDeadline() async throws {
        let plane = SimulatedDataPlane(faults: SimulatedFaults(latency: .seconds(60)))
        await #expect(throws: BusError.deadlineExceeded) {
            try await plane.apply(ApplyTopology(entities: [.network(sample.tenant)]), deadline: .now + .milliseconds(5))
        }
        #expect(await plane.entities.isEmpty)
    }

    @Test func aNetworkTakesItsPortsAlong() async throws {
        let plane = SimulatedDataPlane()
        _ = try await plane.apply(ApplyTopology(entities: sample.entities), deadline: .now + .seconds(1))
        let removed = [TopologyEntity.network(sample.tenant).key]
        let report = try await plane.apply(ApplyTopology(entities: [], removed: removed), deadline: .now + .seconds(1))
        #expect(report.deleted == 3)
    }
}
