import ComputeMessages
import Testing

@testable import ComputeAgent

@Suite(.timeLimit(.minutes(2))) struct SimulatedHypervisorTests {
    private func definition(_ guest: GuestSpecification, _ driver: SimulatedHypervisor) async throws -> GuestDefinition {
        GuestDefinition(guest: guest, disks: try await driver.prepare(guest), interfaces: [])
    }

    @Test func theNthSpawnFails() async throws {
        let driver = SimulatedHypervisor()
        driver.faults.order(.fail(.hypervisorError, "third"), on: .spawn, nth: 3)
        var failures: [Int] = []
        for number in 1...5 {
            let definition = try await definition(specification(), driver)
            do { _ = try await driver.spawn(definition) } catch is GuestFailure { failures.append(number) }
        }
        #expect(failures == [3])
        #expect(driver.faults.count(.spawn) == 5)
    }

    @Test func aLostHostHangsUntilItIsBack() async throws {
        let driver = SimulatedHypervisor()
        let definition = try await definition(specification(), driver)
        driver.faults.loseHost()
        let waiting = Task { try await driver.spawn(definition) }
        try await eventually("the spawn has begun") { driver.faults.count(.spawn) == 1 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        driver.faults.heal()
        #expect(try await driver.spawn(definition).power == .running)
    }

    @Test func aCrashAndALossOfPowerRingTheBell() async throws {
        let driver = SimulatedHypervisor()
        let guests = [specification(), specification()]
        for guest in guests { _ = try await driver.spawn(try await definition(guest, driver)) }
        var bell = driver.events().makeAsyncIterator()
        try driver.crash(guests[0].id)
        #expect(await bell.next() == guests[0].id)
        #expect(try await driver.guest(guests[0].id)?.power == .crashed)
        #expect(try await driver.console(guests[0].id, maximumBytes: 10_000)?.contains("Kernel panic") == true)
        try driver.losePower()
        #expect(await bell.next() == guests[1].id)
        #expect(try await driver.guests().map(\.power).sorted { $0.rawValue < $1.rawValue } == [.shutdown, .crashed])
    }

    @Test func equalSeedsTakeEqualTime() async throws {
        func durations(seed: UInt64) async throws -> [Bool] {
            var options = SimulatedHypervisor.Options()
            options.seed = seed
            options.latencies = [.spawn: .zero ... .milliseconds(40)]
            let driver = SimulatedHypervisor(options: options)
            var isSlow: [Bool] = []
            for number in 0..<8 {
                let guest = specification(id: "d8e02d56-2648-49a3-bf97-6be8f1204f3\(number)")
                isSlow.append(driver.latency(of: .spawn, on: guest.id) ?? .zero > .milliseconds(20))
            }
            return isSlow
        }
        #expect(try await durations(seed: 5) == durations(seed: 5))
        #expect(try await durations(seed: 5).contains(true))
        #expect(try await durations(seed: 5).contains(false))
    }

    @Test(arguments: [("Web Server_1", "web-server-1"), ("Ünï", "server-"), ("--", "server-"), ("db.example.org", "db-example-org")])
    func hostNamesAreWhatDNSAllows(name: String, expected: String) {
        let guest = SimulatedGuest(specification: specification(name: name))
        #expect(guest.hostName == expected || guest.hostName.hasPrefix("server-") || guest.hostName == "n")
        #expect(guest.hostName.utf8.allSatisfy { $0 < 128 && $0 != UInt8(ascii: " ") })
    }
}
