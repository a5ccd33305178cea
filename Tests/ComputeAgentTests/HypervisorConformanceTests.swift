import CloudBus
import CloudCore
import ComputeMessages
import Testing

@testable import ComputeAgent

/// A host that passes or fails the suite: an agent with a driver behind a bus, and a guest it can run.
protocol HypervisorArm: AnyObject, Sendable {
    var agent: ComputeAgent { get }
    var bus: any Bus { get }
    var controller: ControllerStub { get }
    var network: NetworkAgentStub { get }
    /// The image of the guest to run.
    var root: RootDisk { get }
    /// What the console shows once the guest is up.
    var bootMark: String { get }
    /// What the console shows once the guest has read its config drive and its agent can be asked.
    var driveMarks: [String] { get }
    /// How long a guest may take to come up.
    var bootDeadline: Duration { get }
    /// What takes the images of snapshots.
    var images: MemoryImageSink { get }
    /// Makes a file that can be attached as a volume.
    func makeVolume() async throws -> String
    /// Makes a guest crash without our doing.
    func crash(_ id: String) async throws
    /// Whether nothing of any guest is left on the host.
    func isClean() async throws -> Bool
    /// Ends the agent, and starts another one that knows nothing on the same host.
    func restartAgent() async throws
    /// Gives everything back.
    func close() async
}

enum ArmKind: String, Sendable, CaseIterable, CustomTestStringConvertible {
    case simulated, libvirt

    var testDescription: String { rawValue }

    /// The libvirt arm runs where it can, and in CI in any case.
    static var available: [ArmKind] {
        allCases.filter { $0 == .simulated || isContinuousIntegration || LibvirtArm.isPossible }
    }

    func open() async throws -> any HypervisorArm {
        switch self {
        case .simulated: try await SimulatedArm()
        case .libvirt: try await LibvirtArm()
        }
    }
}

/// What every driver has to do, in the words of the messages that reach the agent.
@Suite(.serialized, .timeLimit(.minutes(3))) struct HypervisorConformanceTests {
    func with(_ kind: ArmKind, _ body: (any HypervisorArm) async throws -> Void) async throws {
        let arm = try await kind.open()
        do {
            try await body(arm)
        } catch {
            await arm.close()
            throw error
        }
        await arm.close()
    }

    @Test(arguments: ArmKind.available) func aGuestLives(kind: ArmKind) async throws {
        try await with(kind) { arm in
            let guest = specification(name: "web-1", root: arm.root, ephemeralGiB: 1, swapMiB: 16)
            try await spawns(guest, arm)
            try await stopsAndStarts(guest, arm)
            try await reboots(guest, arm)
            try await crashes(guest, arm)
            try await vanishes(guest, arm)
        }
    }

    private func spawns(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        #expect(try await arm.call(SpawnGuest(guest: guest)) == GuestStatus(id: guest.id, power: .running))
        #expect(try await arm.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
        #expect(arm.network.plugged == Set(guest.interfaces.map(\.portID)))
        try await arm.waitForBoot(guest.id, times: 1)
        // A repeat changes nothing: the guest does not boot again.
        #expect(try await arm.call(SpawnGuest(guest: guest)).power == .running)
        #expect(try await arm.boots(guest.id) == 1)
        let lastLines = try await arm.call(ReadConsole(id: guest.id, lines: 2))
        #expect(lastLines.split(separator: "\n", omittingEmptySubsequences: false).count <= 3)
        // The guest may go on printing meanwhile.
        #expect(try await arm.call(ReadConsole(id: guest.id, lines: nil)).contains(lastLines))
    }

    private func stopsAndStarts(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        #expect(try await arm.call(PowerGuest(guest: guest, action: .stop(graceSeconds: 60))).power == .shutdown)
        #expect(try await arm.call(ReadConsole(id: guest.id, lines: nil)).contains("Power down"))
        #expect(try await arm.call(PowerGuest(guest: guest, action: .stop(graceSeconds: 60))).power == .shutdown)
        #expect(try await arm.call(ListGuests()) == [GuestStatus(id: guest.id, power: .shutdown)])
        #expect(try await arm.call(PowerGuest(guest: guest, action: .start)).power == .running)
        #expect(try await arm.call(PowerGuest(guest: guest, action: .start)).power == .running)
        try await arm.waitForBoot(guest.id, times: 2)
    }

    private func reboots(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        #expect(try await arm.call(PowerGuest(guest: guest, action: .softReboot(graceSeconds: 60))).power == .running)
        #expect(try await arm.call(PowerGuest(guest: guest, action: .hardReboot)).power == .running)
        try await arm.restartAgent()
        #expect(try await arm.call(ListGuests()) == [GuestStatus(id: guest.id, power: .running)])
        // Nobody was told of the offs in between.
        #expect(!arm.controller.events.all.contains { $0.status.power == .shutdown })
    }

    private func crashes(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        try await arm.crash(guest.id)
        let event = try await arm.controller.events.take("the crash") { !$0.status.power.isOn }
        #expect(event.host == arm.agent.host)
        #expect(event.status == GuestStatus(id: guest.id, power: .crashed))
        #expect(try await arm.call(PowerGuest(guest: guest, action: .start)).power == .running)
        #expect(try await arm.call(PowerGuest(guest: guest, action: .stop(graceSeconds: 0))).power == .shutdown)
    }

    private func vanishes(_ guest: GuestSpecification, _ arm: any HypervisorArm) async throws {
        for _ in 1...2 {
            _ = try await arm.call(DestroyGuest(id: guest.id, portIDs: guest.interfaces.map(\.portID)))
            #expect(try await arm.isClean())
        }
        #expect(try await arm.call(ListGuests()).isEmpty)
        #expect(await failureCode { try await arm.call(ReadConsole(id: guest.id, lines: 1)) } == "guest_not_found")
        #expect(await failureCode { try await arm.call(PowerGuest(guest: guest, action: .start)) } == "guest_not_found")
        #expect(await failureCode { try await arm.call(PowerGuest(guest: guest, action: .stop(graceSeconds: 1))) } == "guest_not_found")
    }

    @Test(arguments: ArmKind.available) func guestsDoNotMeet(kind: ArmKind) async throws {
        try await with(kind) { arm in
            let guests = (0..<2).map { _ in specification(root: arm.root, ports: 0) }
            for guest in guests { _ = try await arm.call(SpawnGuest(guest: guest)) }
            #expect(Set(try await arm.call(ListGuests()).map(\.id)) == Set(guests.map(\.id)))
            _ = try await arm.call(DestroyGuest(id: guests[0].id, portIDs: []))
            #expect(try await arm.call(ListGuests()) == [GuestStatus(id: guests[1].id, power: .running)])
            _ = try await arm.call(DestroyGuest(id: guests[1].id, portIDs: []))
            #expect(try await arm.isClean())
        }
    }

    @Test(arguments: ArmKind.available) func aCancelledSpawnLeavesNothingThatDestroyMisses(kind: ArmKind) async throws {
        try await with(kind) { arm in
            for delay in [0, 5, 20, 60, 200] {
                let guest = specification(root: arm.root, ports: 1)
                let late = await failureCode { try await arm.call(SpawnGuest(guest: guest), deadline: .milliseconds(delay + 1)) }
                #expect(late == nil || late == "\(BusError.deadlineExceeded)")
                _ = try await arm.call(DestroyGuest(id: guest.id, portIDs: guest.interfaces.map(\.portID)))
                #expect(try await arm.isClean())
            }
        }
    }
}

extension HypervisorArm {
    func call<R: BusRequest>(_ request: R, deadline: Duration = .seconds(180)) async throws -> R.Reply {
        try await bus.call(request, to: BusAddress(topic: ComputeTopic.agent, host: agent.host), deadline: deadline)
    }

    /// How often the guest came up.
    func boots(_ id: String) async throws -> Int {
        try await call(ReadConsole(id: id, lines: nil)).ranges(of: bootMark).count
    }

    func waitForBoot(_ id: String, times: Int) async throws {
        do {
            try await eventually(within: bootDeadline, "the guest is up") { try await boots(id) >= times }
        } catch {
            Issue.record("its console: \(try await call(ReadConsole(id: id, lines: 40)))")
            throw error
        }
    }
}
