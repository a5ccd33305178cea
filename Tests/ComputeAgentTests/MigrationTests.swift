import CloudBus
import CloudCore
import ComputeMessages
import HostCommands
import Testing

@testable import ComputeAgent

/// Guests that move between simulated hosts.
@Suite(.timeLimit(.minutes(2))) struct MigrationTests {
    private func hosts(duration: Duration) async throws -> (SimulatedHost, SimulatedHost) {
        let bus = InProcessBus()
        var options = SimulatedHypervisor.Options()
        options.migrationDuration = duration
        return (try await SimulatedHost(name: "a", bus: bus, options: options), try await SimulatedHost(name: "b", bus: bus, options: options))
    }

    private func begin(_ guest: GuestSpecification, _ source: SimulatedHost, _ target: SimulatedHost) async throws {
        _ = try await source.call(SpawnGuest(guest: guest))
        let plan = try await target.call(PrepareArrival(guest: guest, sourceHost: "a"))
        #expect(plan.block)
        #expect(target.network.plugged == Set(guest.interfaces.map(\.portID)))
        for _ in 1...2 { #expect(try await source.call(LiveMigrate(guest: guest, arrival: plan)).state == .running) }
    }

    @Test func aGuestGoesAndItsSourceIsTidied() async throws {
        let (source, target) = try await hosts(duration: .milliseconds(50))
        let guest = specification()
        try await begin(guest, source, target)
        let status = try await source.call(MigrationProgress(id: guest.id, waitMilliseconds: 5000))
        #expect(status.state == .completed)
        #expect(status.memoryProcessed == guest.memoryMiB << 20)
        for _ in 1...2 { #expect(try await target.call(FinishArrival(guest: guest)).power == .running) }
        let ports = guest.interfaces.map(\.portID)
        #expect(await failureCode { try await target.call(CancelArrival(id: guest.id, portIDs: ports)) } == "wrong_state")
        for _ in 1...2 { _ = try await source.call(FinishDeparture(id: guest.id, portIDs: ports)) }
        #expect(try await source.isClean())
        #expect(try await target.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
        let console = try await target.call(ReadConsole(id: guest.id, lines: nil))
        #expect(console.ranges(of: "Linux version").count == 1)
    }

    @Test func anAbortedMigrationLeavesTheGuestWhereItWas() async throws {
        let (source, target) = try await hosts(duration: .seconds(3600))
        let guest = specification()
        try await begin(guest, source, target)
        #expect(try await source.call(MigrationProgress(id: guest.id, waitMilliseconds: 1)).state == .running)
        #expect(try await source.call(AbortMigration(id: guest.id)).state == .cancelled)
        for _ in 1...2 { _ = try await target.call(CancelArrival(id: guest.id, portIDs: guest.interfaces.map(\.portID))) }
        #expect(try await target.isClean())
        #expect(try await source.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
    }

    @Test func aForcedMigrationEnds() async throws {
        let (source, target) = try await hosts(duration: .milliseconds(2000))
        let guest = specification()
        try await begin(guest, source, target)
        _ = try await source.call(ForceCompleteMigration(id: guest.id))
        #expect(try await source.call(MigrationProgress(id: guest.id, waitMilliseconds: 5000)).state == .completed)
    }

    @Test func aColdMoveReadsTheOtherHostsDisks() async throws {
        let (source, target) = try await hosts(duration: .zero)
        let guest = specification(ephemeralGiB: 1)
        let ports = guest.interfaces.map(\.portID)
        _ = try await source.call(SpawnGuest(guest: guest))
        let released = try await source.call(ReleaseGuest(id: guest.id, portIDs: ports))
        #expect(released.host == "a")
        #expect(try await target.call(ReceiveGuest(guest: guest, released: released, start: false)).power == .shutdown)
        #expect(await failureCode { try await source.call(ReadGuestFile(id: guest.id, name: "../x", offset: 0, length: 9)) } == "guest_not_found")
        #expect(await failureCode { try await source.call(ReadGuestFile(id: guest.id, name: "disk", offset: -1, length: 9)) } == "unsupported")
        _ = try await source.call(ConfirmMove(id: guest.id))
        #expect(try await source.isClean())
        #expect(try await target.call(ListGuests()) == [GuestStatus(id: guest.id, power: .shutdown)])
    }

    @Test func guestsThatRanAreStartedAfterAReboot() async throws {
        let bus = InProcessBus()
        let host = try await SimulatedHost(bus: bus)
        let (stopped, running, evacuated) = (specification(), specification(), specification())
        for guest in [stopped, running, evacuated] { _ = try await host.call(SpawnGuest(guest: guest)) }
        host.controller.know([stopped, running])
        _ = try await host.call(PowerGuest(guest: stopped, action: .stop(graceSeconds: 1)))
        // The boot before is the one to tell the next from.
        await host.agent.bringBack()
        try host.driver.losePower()
        await host.agent.bringBack()
        #expect(try await host.driver.guest(running.id)?.power == .running)
        #expect(try await host.driver.guest(stopped.id)?.power == .shutdown)
        #expect(try await host.driver.guest(evacuated.id)?.power == .shutdown)
        #expect(try await host.controller.events.take("the start") { $0.status.power == .running }.status.id == running.id)
    }

    @Test func interfacesWithoutGuestsAreTakenAway() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        _ = try await host.call(SpawnGuest(guest: guest))
        let orphan = GuestInterface(portID: Identifier.uuid(), networkID: Identifier.uuid(), mac: "fa:16:3e:00:00:99", mtu: 1442)
        _ = try await host.agent.plug([orphan], of: guest)
        #expect(host.network.plugged.count == 2)
        await host.agent.removeOrphans()
        #expect(host.network.plugged == Set(guest.interfaces.map(\.portID)))
    }

    @Test func aSnapshotThatFailsLeavesAGuestThatRuns() async throws {
        let host = try await SimulatedHost()
        let guest = specification(root: RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 1))
        _ = try await host.call(SpawnGuest(guest: guest))
        host.driver.faults.order(.fail(.diskFull, "full"), on: .capture)
        let snapshot = SnapshotGuest(id: guest.id, imageID: Identifier.uuid(), format: "raw")
        #expect(await failureCode { try await host.call(snapshot) } == "disk_full")
        #expect(try await host.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
        let made = try await host.call(snapshot)
        #expect(host.images.image(snapshot.imageID)?.count == made.sizeBytes)
        #expect(made.checksum.count == 128)
        #expect(await failureCode { try await host.call(SnapshotGuest(id: guest.id, imageID: Identifier.uuid(), quiesce: true)) } == "unsupported")
    }

    @Test func aDiskThatTakesLongIsCopiedBesideItsGuestsLife() async throws {
        var options = SimulatedHypervisor.Options()
        options.copiesSlowly = true
        let host = try await SimulatedHost(options: options)
        let guest = specification(root: RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 1))
        _ = try await host.call(SpawnGuest(guest: guest))
        // Nobody holds the guest: it would fail.
        host.driver.faults.order(.fail(.hypervisorError, "held"), on: .pause)
        let snapshot = SnapshotGuest(id: guest.id, imageID: Identifier.uuid(), format: "raw")
        #expect(try await host.call(snapshot).sizeBytes == host.images.image(snapshot.imageID)?.count)
        #expect(try await host.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
        // Where that can't be done it is held after all, and where it breaks off there is no image.
        host.driver.faults.order(.fail(.unsupported, "old"), on: .copyDisk)
        #expect(await failureCode { try await host.call(SnapshotGuest(id: guest.id, imageID: Identifier.uuid())) } == "hypervisor_error")
        host.driver.faults.order(.fail(.diskFull, "full"), on: .copyDisk)
        #expect(await failureCode { try await host.call(SnapshotGuest(id: guest.id, imageID: Identifier.uuid())) } == "disk_full")
        #expect(try await host.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
    }
}
