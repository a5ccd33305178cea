import CloudBus
import NetworkMessages
import Testing

@testable import NetworkAgent

/// What every data plane must do, whatever its engine.
struct DataPlaneConformance {
    let plane: any DataPlane
    let sample: SampleTopology
    let nothing = TopologyReport(inserted: 0, updated: 0, deleted: 0)

    private var deadline: ContinuousClock.Instant { .now + .seconds(20) }

    @discardableResult
    private func apply(
        _ entities: [TopologyEntity], removed: [TopologyKey] = [], complete: Bool = false
    ) async throws -> TopologyReport {
        try await plane.apply(ApplyTopology(entities: entities, removed: removed, complete: complete), deadline: deadline)
    }

    private func failureCode(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? BusFailure)?.code
        }
    }

    func run() async throws {
        try await applyingTwiceChangesNothing()
        try await aChangeIsAnUpdate()
        try await badValuesAreRefusedAndNothingChanges()
        try await whatIsMissingIsRefused()
        try await entitiesGoOneByOne()
        try await completeRemovesTheRest()
        try await manyAtOnceAllSucceed()
    }

    private func applyingTwiceChangesNothing() async throws {
        let report = try await apply(sample.entities)
        #expect(report.inserted >= sample.entities.count)
        #expect(try await apply(sample.entities) == nothing)
        #expect(try await apply([.port(sample.first), .port(sample.first)]) == nothing)
        #expect(try await apply([]) == nothing)
    }

    private func aChangeIsAnUpdate() async throws {
        var port = sample.second
        port.adminUp = false
        #expect(try await apply([.port(port)]) == TopologyReport(inserted: 0, updated: 1, deleted: 0))
        #expect(try await apply([.port(sample.second)]) == TopologyReport(inserted: 0, updated: 1, deleted: 0))
    }

    private func badValuesAreRefusedAndNothingChanges() async throws {
        var port = sample.first
        port.mac = "not a MAC"
        #expect(await failureCode { try await apply([.port(port), .port(sample.second)]) } == "topology_invalid")
        #expect(try await apply(sample.entities) == nothing)
    }

    private func whatIsMissingIsRefused() async throws {
        var port = sample.first
        port.id = SampleTopology.id(77, sample.prefix)
        port.networkID = SampleTopology.id(78, sample.prefix)
        #expect(await failureCode { try await apply([.port(port)]) } == "topology_missing")
        #expect(try await apply([], removed: [TopologyEntity.port(port).key]) == nothing)
    }

    private func entitiesGoOneByOne() async throws {
        let report = try await apply([], removed: [TopologyEntity.port(sample.second).key])
        // An engine may need several rows for a port; it takes away as many as it makes.
        #expect(report.inserted == 0 && report.deleted > 0)
        #expect(try await apply([], removed: [TopologyEntity.port(sample.second).key]) == nothing)
        #expect(try await apply(sample.entities).inserted == report.deleted)
    }

    private func completeRemovesTheRest() async throws {
        let report = try await apply([.network(sample.tenant)], complete: true)
        #expect(report.deleted > 0 && report.inserted == 0 && report.updated == 0)
        #expect(try await apply([.network(sample.tenant)], complete: true) == nothing)
        #expect(try await apply(sample.entities, complete: true).inserted == report.deleted)
    }

    private func manyAtOnceAllSucceed() async throws {
        let sample = sample
        let ports = (100..<150).map { number in
            SampleTopology.port(
                SampleTopology.id(number, sample.prefix), on: sample.tenant.id, mac: "fa:16:3e:00:10:\(String(number, radix: 16))",
                sample.tenant.subnets[0].id, "10.0.0.\(number)", groups: [sample.group.id], host: nil)
        }
        let inserted = try await withThrowingTaskGroup(of: TopologyReport.self) { group in
            for port in ports { group.addTask { try await apply([.port(port)]) } }
            return try await group.reduce(into: []) { $0.append($1.inserted) }
        }
        #expect(Set(inserted).count == 1 && inserted.allSatisfy { $0 > 0 })
        #expect(try await apply(sample.entities, complete: true).deleted == inserted.reduce(0, +))
    }
}

/// What every driver of interfaces must do.
struct InterfaceDriverConformance {
    let driver: any InterfaceDriver
    let ports: [PlugInterface]

    private var deadline: ContinuousClock.Instant { .now + .seconds(30) }

    func run() async throws {
        let statuses = await driver.statusChanges()
        var iterator = statuses.makeAsyncIterator()
        var last: InterfaceStatus?
        // A driver may tell again what it has told.
        func news() async -> InterfaceStatus? {
            while let status = await iterator.next() {
                if status != last {
                    last = status
                    return status
                }
            }
            return nil
        }
        #expect(try await driver.plugged(deadline: deadline) == [])
        for port in ports {
            let plugged = try await driver.plug(port, deadline: deadline)
            #expect(plugged.device == "tap" + port.portID.prefix(11))
            #expect(try await driver.plug(port, deadline: deadline) == plugged)
            #expect(await news() == InterfaceStatus(portID: port.portID, isUp: true))
        }
        #expect(try await driver.plugged(deadline: deadline) == ports.map(\.portID).sorted())

        let kept = try #require(ports.first)
        let result = try await driver.reconcile(wanted: [kept], deadline: deadline)
        #expect(result == InterfaceReconciliation(plugged: [], unplugged: ports.dropFirst().map(\.portID).sorted(), failed: []))
        for port in ports.dropFirst() {
            #expect(await news() == InterfaceStatus(portID: port.portID, isUp: false))
        }
        let back = try await driver.reconcile(wanted: ports, deadline: deadline)
        #expect(back == InterfaceReconciliation(plugged: ports.dropFirst().map(\.portID).sorted(), unplugged: [], failed: []))
        #expect(try await driver.reconcile(wanted: ports, deadline: deadline)
            == InterfaceReconciliation(plugged: [], unplugged: [], failed: []))

        for port in ports {
            try await driver.unplug(portID: port.portID, deadline: deadline)
            try await driver.unplug(portID: port.portID, deadline: deadline)
        }
        #expect(try await driver.plugged(deadline: deadline) == [])
    }
}
