import CloudCore
import ComputeMessages
import Logging

/// Moves of guests that run.
extension ComputeAgent {
    /// Makes this host ready for a guest.
    func prepareArrival(_ request: PrepareArrival) async throws -> ArrivalPlan {
        let guest = request.guest
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            guard request.sourceHost != host else {
                throw GuestFailure(.unsupported, "A guest can't migrate to the host that it is on.")
            }
            if let status = try await driver.guest(guest.id), status.power.isOn {
                throw GuestFailure(.wrongState, "The guest runs on this host already.")
            }
            let block = request.block ?? !disks.isShared
            guard block || disks.isShared || !guest.hasLocalDisks else {
                throw GuestFailure(
                    .unsupported, "\(host) does not see the disks on \(request.sourceHost): without copying them, only a guest whose disks are volumes can migrate.")
            }
            try await driver.prepareVolumes(of: guest)
            let address = try await driver.prepareArrival(guest)
            let sizes = try await disks.prepareArrival(guest, block: block)
            try await disks.remember(GuestRecord(guest: guest, runs: false))
            let devices = try await plug(guest.interfaces, of: guest).map { ($0.interface.portID, $0.device) }
            return ArrivalPlan(
                host: host, address: address, block: block, disks: sizes,
                devices: Dictionary(devices) { first, _ in first })
        }
    }

    /// Begins to send a guest.
    func migrate(_ request: LiveMigrate) async throws -> MigrationStatus {
        let id = request.guest.id
        try request.guest.check()
        return try await turns.run(on: id, interruptible: true) { [self] in
            let known = await driver.migration(id)
            if known.state == .running { return known }
            guard let status = try await driver.guest(id), status.power.isOn else {
                if known.state == .completed { return known }
                guard try await driver.guest(id) != nil else { throw GuestFailure.notFound(id) }
                throw GuestFailure(.wrongState, "The guest does not run.")
            }
            try await driver.migrate(request.guest, to: request.arrival)
            return await driver.migration(id)
        }
    }

    /// How a migration goes; waits for its end as long as was asked for.
    func migration(_ request: MigrationProgress) async throws -> MigrationStatus {
        let end = ContinuousClock.now + .milliseconds(min(max(0, request.waitMilliseconds), 60_000))
        var pause = Duration.milliseconds(2)
        while true {
            let status = await driver.migration(request.id)
            guard status.state == .running, ContinuousClock.now < end else { return status }
            try await Task.sleep(for: min(pause, end - .now))
            pause = min(pause * 2, options.shutdownPoll)
        }
    }

    /// Ends a migration early, one way or the other.
    func intervene(_ id: String, _ body: @Sendable (String) async throws -> Void) async throws -> MigrationStatus {
        if await driver.migration(id).state == .running { try await body(id) }
        return await driver.migration(id)
    }

    /// Makes a guest that has come here last.
    func finishArrival(_ guest: GuestSpecification) async throws -> GuestStatus {
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            guard let files = try await disks.locate(guest), try await driver.guest(guest.id) != nil else {
                throw GuestFailure.notFound(guest.id)
            }
            let definition = GuestDefinition(guest: guest, disks: files, interfaces: try await plug(guest.interfaces, of: guest))
            let status = try await driver.finishArrival(definition)
            try await disks.remember(GuestRecord(guest: guest, runs: status.power.isOn))
            tell(status)
            logger.info("guest migrated here", metadata: ["server": "\(guest.id)"])
            return status
        }
    }

    /// Removes what a migration leaves on the host that doesn't have the guest.
    func removeRemains(of id: String, portIDs: [String]) async throws {
        guard Identifier.isUUID(id) else { return }
        try await turns.run(on: id, interruptible: false) { [self] in
            if let status = try await driver.guest(id), status.power.isOn {
                throw GuestFailure(.wrongState, "The guest runs on this host.")
            }
            try await driver.destroy(id)
            forget(id)
            for port in portIDs { try await interfaces.unplug(port) }
            if !disks.isShared { try await disks.remove(id) }
        }
    }
}

extension GuestSpecification {
    /// Whether it has disks that are files of its host; its config drive can be made anew anywhere.
    fileprivate var hasLocalDisks: Bool { root != nil || !ephemeralDisks.isEmpty || swapMiB > 0 }
}
