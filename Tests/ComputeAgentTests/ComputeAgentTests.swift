import CloudBus
import CloudCore
import ComputeMessages
import Foundation
import HostCommands
import Testing

@testable import ComputeAgent

@Suite(.timeLimit(.minutes(2))) struct ComputeAgentTests {
    @Test func tellsTheControllersWhatTheHostOffers() async throws {
        var options = SimulatedHypervisor.Options()
        (options.vcpus, options.memoryMiB, options.diskGiB) = (12, 24_000, 99)
        let host = try await SimulatedHost(name: "node-7", options: options)
        let report = try await host.controller.reports.take("the first report")
        #expect(report.inventory.host == "node-7")
        #expect((report.inventory.vcpus, report.inventory.memoryMiB, report.inventory.diskGiB) == (12, 24_000, 99))
        #expect(report.inventory.hypervisorType == "fake")
        #expect(report.guests.isEmpty)
        let cpu = try JSON(parsing: report.inventory.cpuInfo)
        #expect(cpu["topology"]?["cores"]?.int == 12)
    }

    @Test func reportsAgainAndAgainWithTheGuests() async throws {
        var options = ComputeAgentOptions()
        options.reportInterval = .milliseconds(10)
        let host = try await SimulatedHost(agentOptions: options)
        let guest = specification()
        _ = try await host.call(SpawnGuest(guest: guest))
        let report = try await host.controller.reports.take("a report with the guest") { !$0.guests.isEmpty }
        #expect(report.guests == [GuestStatus(id: guest.id, power: .running)])
    }

    @Test func aFailedSpawnIsFinishedByItsRepeat() async throws {
        let host = try await SimulatedHost()
        let guest = specification(ports: 2)
        host.driver.faults.order(.fail(.hypervisorError, "out of luck"), on: .spawn)
        #expect(await failureCode { try await host.call(SpawnGuest(guest: guest)) } == "hypervisor_error")
        #expect(try await host.driver.guests().isEmpty)
        #expect(try await host.call(SpawnGuest(guest: guest)).power == .running)
        #expect(host.network.plugged == Set(guest.interfaces.map(\.portID)))
    }

    @Test func aSpawnWhoseAnswerWasLostIsNotRepeated() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        host.driver.faults.order(.failAfterwards(.hypervisorError, "lost"), on: .spawn)
        _ = await failureCode { try await host.call(SpawnGuest(guest: guest)) }
        #expect(try await host.call(SpawnGuest(guest: guest)).power == .running)
        let console = try await host.call(ReadConsole(id: guest.id, lines: nil))
        #expect(console.split(separator: "\n").filter { $0.contains("Linux version") }.count == 1)
    }

    @Test(arguments: [
        (SimulatedHostOperation.prepareDisks, GuestFailure.Code.diskFull), (.prepareDisks, .imageUnavailable),
        (.prepareDisks, .diskTooSmall), (.spawn, .hypervisorError),
    ])
    func everyFailureKeepsItsCodeAndLeavesWhatDestroyRemoves(
        operation: SimulatedHostOperation, code: GuestFailure.Code
    ) async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        host.driver.faults.order(.fail(code, "to order"), on: operation)
        #expect(await failureCode { try await host.call(SpawnGuest(guest: guest)) } == code.rawValue)
        try await host.destroy(guest)
        #expect(try await host.isClean())
    }

    @Test func aMissingNetworkAgentIsANetworkFailure() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        host.network.fail(true)
        #expect(await failureCode { try await host.call(SpawnGuest(guest: guest)) } == "network_failed")
        #expect(await failureCode { try await host.destroy(guest) } == "network_failed")
        host.network.fail(false)
        try await host.destroy(guest)
        #expect(try await host.isClean())
    }

    @Test func destroyPutsAnEndToAHangingSpawn() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        host.driver.faults.order(.hang, on: .spawn)
        async let spawned = failureCode { try await host.call(SpawnGuest(guest: guest), deadline: .seconds(60)) }
        try await eventually("the spawn hangs") { host.driver.faults.count(.spawn) == 1 }
        try await host.destroy(guest)
        #expect(await spawned == "interrupted")
        #expect(try await host.isClean())
    }

    @Test func aSpawnThatMissedItsDeadlineCanBeRemoved() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        host.driver.faults.order(.hang, on: .prepareDisks)
        let late = await failureCode { try await host.call(SpawnGuest(guest: guest), deadline: .milliseconds(50)) }
        #expect(late == "\(BusError.deadlineExceeded)")
        try await host.destroy(guest)
        #expect(try await host.isClean())
    }

    @Test func aGuestThatMayStillRunKeepsItsDisksAndInterfaces() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        _ = try await host.call(SpawnGuest(guest: guest))
        host.driver.faults.order(.fail(.hypervisorError, "stuck"), on: .destroy)
        #expect(await failureCode { try await host.destroy(guest) } == "hypervisor_error")
        #expect(host.network.plugged.count == 1)
        #expect(host.driver.diskIDs == [guest.id])
        try await host.destroy(guest)
        #expect(try await host.isClean())
    }

    @Test func startDoesNotInventDisksThatAreGone() async throws {
        let host = try await SimulatedHost()
        let guest = specification()
        #expect(await failureCode { try await host.call(PowerGuest(guest: guest, action: .start)) } == "guest_not_found")
        #expect(await failureCode { try await host.call(PowerGuest(guest: guest, action: .hardReboot)) } == "guest_not_found")
        #expect(try await host.driver.guests().isEmpty)
    }

    @Test(arguments: ["../../etc", "", "d8e02d5626484 9a3bf976be8f1204f38", "d8e02d562648 49a3bf976be8f1204f38ab"])
    func idsThatAreNoUUIDsReachNoPath(id: String) async throws {
        let host = try await SimulatedHost()
        #expect(await failureCode { try await host.call(SpawnGuest(guest: specification(id: id))) } == "hypervisor_error")
        #expect(await failureCode { try await host.call(DestroyGuest(id: id, portIDs: [])) } == "guest_not_found")
        #expect(host.driver.diskIDs.isEmpty)
    }

    @Test func buildsWaitForEachOther() async throws {
        var options = ComputeAgentOptions()
        options.concurrentBuilds = 2
        let host = try await SimulatedHost(agentOptions: options)
        for nth in 1...2 { host.driver.faults.order(.hang, on: .prepareDisks, nth: nth) }
        let guests = (0..<3).map { _ in specification() }
        let tasks = guests.map { guest in Task { try await host.call(SpawnGuest(guest: guest), deadline: .seconds(60)) } }
        try await eventually("two builds are under way") { host.driver.faults.count(.prepareDisks) == 2 }
        // An operation that is no build gets through, and ends one of them.
        for guest in guests { try await host.destroy(guest) }
        for task in tasks { _ = await task.result }
        #expect(try await host.isClean())
    }

    @Test func aRestartedAgentFindsItsGuests() async throws {
        let bus = InProcessBus()
        let folder = try TemporaryFolder()
        var options = SimulatedHypervisor.Options()
        options.directory = folder.path
        let guest = specification()
        do {
            let host = try await SimulatedHost(bus: bus, options: options)
            _ = try await host.call(SpawnGuest(guest: guest))
        }
        let reborn = SimulatedHypervisor(options: options)
        try await reborn.start()
        #expect(try await reborn.guests() == [GuestStatus(id: guest.id, power: .running)])
        try await reborn.destroy(guest.id)
        try await reborn.remove(guest.id)
        let third = SimulatedHypervisor(options: options)
        try await third.start()
        #expect(third.diskIDs.isEmpty)
    }

    @Test func aSimulatedHostsFileHoldsWhatWasWrittenWhole() async throws {
        let folder = try TemporaryFolder()
        let journal = SimulatedGuestJournal(directory: folder.path)
        var guests = try journal.load()
        let guest = specification()
        for boots in 0..<5_000 {
            guests[guest.id] = SimulatedGuest(specification: guest, boots: boots)
            try journal.note(guest.id, of: guests)
        }
        let path = folder.path + "/guests.jsonl"
        #expect(try FileSystem.size(of: path) < 2_001 * 2_000, "what is of the past is let go of")
        // The program ended in the middle of a line.
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(#"{"id":"\#(guest.id)","guest":{"speci"#.utf8))
        try file.close()
        let next = SimulatedGuestJournal(directory: folder.path)
        #expect(try next.load().mapValues(\.boots) == [guest.id: 4_999])
        try next.note(guest.id, of: [:])
        #expect(try SimulatedGuestJournal(directory: folder.path).load().isEmpty)
    }

    @Test func aRepeatedMessageDoesTheWorkOnce() async throws {
        let bus = FaultyBus(InProcessBus())
        let host = try await SimulatedHost(bus: bus)
        bus.inject(BusFault(.duplicate, .every(1), of: SpawnGuest.method))
        bus.inject(BusFault(.duplicate, .every(1), of: DestroyGuest.method))
        let guest = specification()
        #expect(try await host.call(SpawnGuest(guest: guest)).power == .running)
        try await host.destroy(guest)
        try await eventually("everything is gone") { try await host.isClean() }
    }

    @Test func twoHundredHostsShareAProcess() async throws {
        let bus = InProcessBus()
        var hosts: [SimulatedHost] = []
        for number in 0..<200 { hosts.append(try await SimulatedHost(name: "node-\(number)", bus: bus)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for host in hosts {
                group.addTask {
                    let guest = specification()
                    _ = try await host.call(SpawnGuest(guest: guest))
                    #expect(try await host.call(ListGuests()).map(\.id) == [guest.id])
                    try await host.destroy(guest)
                    #expect(try await host.isClean())
                }
            }
            try await group.waitForAll()
        }
    }
}
