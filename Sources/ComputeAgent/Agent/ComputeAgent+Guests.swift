import CloudBus
import CloudCore
import ComputeMessages
import Logging
import NetworkMessages

extension ComputeAgent {
    /// Makes the guest and starts it; finishes what an earlier attempt began.
    func spawn(_ guest: GuestSpecification) async throws -> GuestStatus {
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            try await builds.admit {
                let status = try await launch(guest) { try await self.disks.prepare(guest) }
                logger.info("guest spawned", metadata: ["server": "\(guest.id)"])
                return status
            }
        }
    }

    /// Removes everything of a guest. What fails is tried to the end, and the first failure reported.
    func destroy(_ id: String, portIDs: [String]) async throws {
        guard Identifier.isUUID(id) else { throw GuestFailure.notFound(id) }
        turns.interrupt(id)
        try await turns.run(on: id, interruptible: false) { [self] in
            // As long as the guest may run its disks and interfaces stay: it would write into deleted files.
            try await driver.destroy(id)
            forget(id)
            var failure: (any Error)?
            for port in portIDs {
                do { try await interfaces.unplug(port) } catch { failure = failure ?? error }
            }
            try await disks.remove(id)
            if let failure { throw failure }
            logger.info("guest destroyed", metadata: ["server": "\(id)"])
        }
    }

    /// Changes a guest's power.
    func power(_ guest: GuestSpecification, _ action: PowerGuest.Action) async throws -> GuestStatus {
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            switch action {
            case .start: return try await relaunch(guest)
            case .stop(let grace):
                try await bringDown(guest.id, grace: .seconds(max(0, grace)))
                try await disks.remember(GuestRecord(guest: guest, runs: false))
                return try await status(guest.id)
            case .softReboot(let grace):
                if try await existing(guest.id).power.isOn { try await bringDown(guest.id, grace: .seconds(max(0, grace))) }
                return try await relaunch(guest)
            case .hardReboot:
                if try await driver.guest(guest.id) != nil { try await driver.powerOff(guest.id) }
                return try await relaunch(guest)
            case .pause, .unpause, .suspend, .resume, .injectCrashDump: return try await hold(guest, action)
            }
        }
    }

    /// What keeps a guest's memory: pausing, suspending and back.
    private func hold(_ guest: GuestSpecification, _ action: PowerGuest.Action) async throws -> GuestStatus {
        let power = try await existing(guest.id).power
        switch (action, power) {
        case (.pause, .paused), (.unpause, .running), (.suspend, .suspended), (.resume, .running): break
        case (.pause, .running): try await driver.pause(guest.id)
        case (.unpause, .paused): try await driver.unpause(guest.id)
        case (.suspend, .running), (.suspend, .paused):
            try await driver.suspend(guest.id)
            try await disks.remember(GuestRecord(guest: guest, runs: false))
        case (.resume, .suspended):
            // What comes back is the machine that was suspended; its taps may be gone with a reboot of the host.
            _ = try await plug(guest.interfaces, of: guest)
            try await driver.prepareVolumes(of: guest)
            try await driver.resume(guest.id)
            try await disks.remember(GuestRecord(guest: guest, runs: true))
        case (.resume, .paused): try await driver.unpause(guest.id)
        case (.resume, _): return try await relaunch(guest)
        case (.injectCrashDump, .running), (.injectCrashDump, .paused): try await driver.injectInterrupt(guest.id)
        default: throw GuestFailure(.wrongState, "The guest is \(power); that can't be done to it now.")
        }
        return try await status(guest.id)
    }

    /// The end of a guest's console.
    func console(_ id: String, lines: Int?) async throws -> String {
        guard let text = try await driver.console(id, maximumBytes: options.consoleBytes) else {
            throw GuestFailure.notFound(id)
        }
        guard let lines else { return text }
        return ConsoleText.last(lines, of: text)
    }

    // MARK: Parts

    /// The guest, which has to be there.
    func existing(_ id: String) async throws -> GuestStatus {
        guard let status = try await driver.guest(id) else { throw GuestFailure.notFound(id) }
        return status
    }

    /// The guest as it is now; what is answered counts as told.
    func status(_ id: String) async throws -> GuestStatus {
        let status = try await existing(id)
        tell(status)
        return status
    }

    /// Starts a guest whose disks exist; without them there is no such guest, and making them anew would lose data
    /// in silence.
    func relaunch(_ guest: GuestSpecification, start: Bool = true) async throws -> GuestStatus {
        try await launch(guest, start: start) {
            guard let disks = try await self.disks.locate(guest) else { throw GuestFailure.notFound(guest.id) }
            return disks
        }
    }

    /// Plugs interfaces while the disks are being made, then defines the guest and lets it run.
    func launch(
        _ guest: GuestSpecification, start: Bool = true, disks: @escaping @Sendable () async throws -> GuestDisks
    ) async throws -> GuestStatus {
        async let devices = plug(guest.interfaces, of: guest)
        var files = try await disks()
        // Kept before there is a tap, so that no start of this agent takes the tap for nobody's.
        try await self.disks.remember(GuestRecord(guest: guest, runs: start))
        files = try await self.disks.complete(files, of: guest)
        let definition = GuestDefinition(guest: guest, disks: files, interfaces: try await devices)
        try Task.checkCancellation()
        let status = start ? try await driver.spawn(definition) : try await driver.define(definition)
        tell(status)
        return status
    }

    /// Plugs interfaces in order, such as the guest is to have them.
    func plug(_ wanted: [GuestInterface], of guest: GuestSpecification) async throws -> [GuestDevice] {
        let hasQueues = try driver.wantsQueues(guest)
        var devices: [GuestDevice] = []
        for interface in wanted {
            let plugged = try await interfaces.plug(interface, hasQueues: hasQueues)
            devices.append(
                GuestDevice(
                    interface: interface, device: plugged.device, offload: plugged.offload, hasQueues: plugged.hasQueues ?? false))
        }
        return devices
    }

    /// Asks the guest to shut down, waits, and turns it off when it hasn't.
    func bringDown(_ id: String, grace: Duration) async throws {
        guard let status = try await driver.guest(id) else { throw GuestFailure.notFound(id) }
        guard status.power.isOn else { return }
        let end = ContinuousClock.now + grace
        var nextRequest = ContinuousClock.now
        while status.power == .running, ContinuousClock.now < end {
            if ContinuousClock.now >= nextRequest {
                try await driver.requestShutdown(id)
                nextRequest = .now + options.shutdownReminder
            }
            try await Task.sleep(for: min(options.shutdownPoll, end - .now))
            guard let status = try await driver.guest(id) else { throw GuestFailure.notFound(id) }
            guard status.power.isOn else { return }
        }
        try await driver.powerOff(id)
    }
}

extension PowerState {
    /// Whether the guest holds memory on the host.
    var isOn: Bool {
        switch self {
        case .running, .paused: true
        case .noState, .shutdown, .crashed, .suspended: false
        }
    }
}

extension GuestSpecification {
    /// Refuses what could reach a path or a definition in a shape that it must not have.
    /// - Throws: `GuestFailure`.
    func check() throws {
        guard Identifier.isUUID(id), id.utf8.count == 36 else {
            throw GuestFailure(.hypervisorError, "The guest's id is not a UUID.")
        }
        let isPlain = domainName.utf8.allSatisfy { byte in
            Character(UnicodeScalar(byte)).isASCIIWordCharacter || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        }
        guard isPlain, (1...64).contains(domainName.utf8.count) else {
            throw GuestFailure(.hypervisorError, "The domain name must be 1 to 64 letters, digits, '-', '_' and '.'.")
        }
        guard root != nil || volumes.contains(where: { $0.bootIndex == 0 }) else {
            throw GuestFailure(.hypervisorError, "The guest has neither a root disk nor a volume to boot from.")
        }
        guard Set(volumes.map(\.id)).count == volumes.count, volumes.allSatisfy({ Identifier.isUUID($0.id) }) else {
            throw GuestFailure(.volumeUnavailable, "A volume of the guest has no UUID, or one that another has.")
        }
        guard vcpus > 0, memoryMiB > 0, root?.sizeGiB ?? 0 >= 0, ephemeralGiB >= 0, swapMiB >= 0,
            ephemeralDisks.count <= 16, ephemeralDisks.allSatisfy({ $0.sizeGiB > 0 })
        else { throw GuestFailure(.hypervisorError, "The guest's size is not possible.") }
    }
}

extension Character {
    fileprivate var isASCIIWordCharacter: Bool { isASCII && (isLetter || isNumber || self == "_") }
}
