import ComputeMessages
import HostCommands
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
        driver.faults.lose()
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

    @Test func processorsForOneGuestAloneRunOutAndComeBack() async throws {
        var options = SimulatedHypervisor.Options()
        (options.vcpus, options.processors.dedicated, options.processors.shared) = (8, "2-7,^3", "0-1")
        let driver = SimulatedHypervisor(options: options)
        func pinned(_ vcpus: Int) -> GuestSpecification {
            var guest = specification(properties: ["hw:cpu_policy": "dedicated"])
            guest.vcpus = vcpus
            return guest
        }
        let first = pinned(3)
        _ = try await driver.spawn(try await definition(first, driver))
        let inventory = try await driver.inventory()
        #expect(inventory.dedicatedProcessors == [2, 4, 5, 6, 7])
        #expect(inventory.freeDedicatedProcessors == [6, 7])
        #expect(inventory.sharedProcessors == [0, 1])
        #expect(try await driver.placement(first.id) == GuestPlacement(processors: [0: 2, 1: 4, 2: 5], cells: [0: 0]))
        let second = try await definition(pinned(3), driver)
        await #expect(throws: GuestFailure.self) { try await driver.spawn(second) }
        try await driver.destroy(first.id)
        #expect(try await driver.spawn(second).power == .running)
    }

    @Test func guestsPrintWhatTheirVolumesAreLimitedTo() async throws {
        let driver = SimulatedHypervisor()
        var volume = GuestVolume(
            id: "a4ff6c1c-5b0d-4b0c-8f2f-7b3f3e0c1a52", connection: .file(path: "/v/a", format: "raw"),
            qosSpecs: ["write_iops_sec": "40", "read_iops_sec": "90", "unheard": "of"])
        let limits = "volume \(volume.id) limited to read_iops_sec 90, write_iops_sec 40"
        var guest = specification()
        _ = try await driver.spawn(try await definition(guest, driver))
        guest.volumes = [volume]
        _ = try await driver.attach(volume, to: guest)
        #expect(try driver.existing(guest.id).journal?.contains("virtio_blk: " + limits) == true)
        try await driver.powerOff(guest.id)
        _ = try await driver.spawn(try await definition(guest, driver))
        #expect(try await driver.console(guest.id, maximumBytes: 10_000)?.contains(limits) == true)

        volume.qosSpecs?["total_iops_sec"] = "100"
        guest.volumes = [volume]
        let changed = guest
        await #expect(throws: GuestFailure.self) { try await driver.prepareVolumes(of: changed) }
        await #expect(throws: GuestFailure.self) { try await driver.swapVolume(volume.id, for: changed.volumes[0], in: changed) }
        var other = specification()
        other.volumes = [volume]
        let refused = try await definition(other, driver)
        await #expect(throws: GuestFailure.self) { try await driver.spawn(refused) }
        #expect(try await driver.guest(other.id) == nil)
    }

    @Test func assistedSnapshotsMakeChainsOfFiles() async throws {
        let driver = SimulatedHypervisor()
        let volume = GuestVolume(id: "a4ff6c1c-5b0d-4b0c-8f2f-7b3f3e0c1a52", connection: .file(path: "/v/a", format: "qcow2"))
        var guest = specification()
        guest.volumes = [volume]
        _ = try await driver.spawn(try await definition(guest, driver))
        for file in ["a.1", "a.2", "a.3"] { try await driver.snapshotVolume(volume.id, of: guest.id, into: file) }
        await #expect(throws: GuestFailure.self) { try await driver.snapshotVolume(volume.id, of: guest.id, into: "a.2") }
        try await driver.mergeVolume(volume.id, of: guest.id, file: "a.2", into: "a.1")
        #expect(try driver.existing(guest.id).overlays?[volume.id] == ["a.1", "a.3"])
        try await driver.mergeVolume(volume.id, of: guest.id, file: nil, into: nil)
        #expect(try driver.existing(guest.id).overlays?[volume.id] == ["a.3"])
        await #expect(throws: GuestFailure.self) { try await driver.mergeVolume("other", of: guest.id, file: nil, into: nil) }
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
