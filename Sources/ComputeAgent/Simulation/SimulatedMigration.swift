import ComputeMessages
import Synchronization

/// A guest on its way from one simulated host to another.
struct SimulatedMigration: Sendable {
    /// How it goes.
    var status: MigrationStatus
    /// Whether it was told to hurry.
    var isForced = false
    /// What moves it.
    var task: Task<Void, Never>?
}

/// The simulated hosts of this process, by the addresses under which they take guests.
enum SimulatedHosts {
    private final class Reference: Sendable {
        weak let host: SimulatedHypervisor?
        init(_ host: SimulatedHypervisor) { self.host = host }
    }

    private static let hosts = Mutex<[String: Reference]>([:])

    /// Makes a host known.
    static func register(_ host: SimulatedHypervisor) {
        hosts.withLock { hosts in
            hosts = hosts.filter { $0.value.host != nil }
            hosts[host.address] = Reference(host)
        }
    }

    /// The host at an address.
    static func host(at address: String) -> SimulatedHypervisor? { hosts.withLock { $0[address]?.host } }
}

extension SimulatedHypervisor {
    /// Every simulated host takes guests.
    public func prepareArrival(_ guest: GuestSpecification) async throws -> String {
        try await perform(.prepareArrival, on: guest.id) { address }
    }

    /// Begins to move the guest's memory.
    public func migrate(_ guest: GuestSpecification, to plan: ArrivalPlan) async throws {
        try await perform(.migrate, on: guest.id) {
            guard let target = SimulatedHosts.host(at: plan.address), target !== self else {
                throw GuestFailure(.hypervisorError, "There is no host that takes guests at \(plan.address).")
            }
            let (memory, disk) = (guest.memoryMiB << 20, plan.disks.values.reduce(0, +))
            let status = MigrationStatus(
                state: .running, memoryTotal: memory, memoryRemaining: memory, diskTotal: disk, diskRemaining: disk)
            migrations.withLock { $0[guest.id] = SimulatedMigration(status: status) }
            let task = Task { await self.carry(guest.id, to: target) }
            migrations.withLock { $0[guest.id]?.task = task }
        }
    }

    /// Moves a tenth at a time, then hands the guest over.
    private func carry(_ id: String, to target: SimulatedHypervisor) async {
        let started = ContinuousClock.now
        for step in 1...10 {
            let isForced = migrations.withLock { $0[id]?.isForced ?? true }
            if !isForced { try? await Task.sleep(for: options.migrationDuration / 10) }
            guard !Task.isCancelled else { return }
            migrations.withLock { migrations in
                migrations[id]?.status.advance(step, elapsed: ContinuousClock.now - started)
            }
        }
        do {
            try handOver(id, to: target)
            finish(id, .completed, nil)
        } catch {
            finish(id, .failed, "\(error)")
        }
    }

    private func finish(_ id: String, _ state: MigrationStatus.State, _ message: String?) {
        migrations.withLock { migrations in
            guard migrations[id]?.status.state == .running else { return }
            migrations[id]?.status.state = state
            migrations[id]?.status.message = message
        }
    }

    private func handOver(_ id: String, to target: SimulatedHypervisor) throws {
        let guest = try existing(id)
        guard guest.power.isOn else { throw Self.wrongState }
        try target.change(id, creating: guest.specification) { copy in
            (copy.isDefined, copy.boots, copy.bootedAt, copy.journal) = (true, guest.boots, guest.bootedAt, guest.journal)
            (copy.power, copy.runs) = (guest.power, true)
        }
        try change(id) { gone in (gone.isDefined, gone.power, gone.runs) = (false, .shutdown, false) }
    }

    /// What has become of it.
    public func migration(_ id: String) async -> MigrationStatus {
        migrations.withLock { $0[id]?.status } ?? MigrationStatus(state: .none)
    }

    /// Leaves the guest where it is.
    public func abortMigration(_ id: String) async throws {
        let task = migrations.withLock { migrations -> Task<Void, Never>? in
            guard migrations[id]?.status.state == .running else { return nil }
            migrations[id]?.status.state = .cancelled
            return migrations[id]?.task
        }
        task?.cancel()
        await task?.value
    }

    /// Moves the rest at once.
    public func forceCompleteMigration(_ id: String) async throws { migrations.withLock { $0[id]?.isForced = true } }

    /// The guest runs here already.
    public func finishArrival(_ definition: GuestDefinition) async throws -> GuestStatus {
        try await perform(.finishArrival, on: definition.guest.id) {
            let power = try existing(definition.guest.id).power
            try change(definition.guest.id) { $0.specification = definition.guest }
            return GuestStatus(id: definition.guest.id, power: power)
        }
    }
}

extension MigrationStatus {
    /// Tenths of the way that lie behind.
    mutating func advance(_ tenths: Int, elapsed: Duration) {
        guard state == .running else { return }
        (memoryProcessed, memoryRemaining) = (memoryTotal * tenths / 10, memoryTotal - memoryTotal * tenths / 10)
        (diskProcessed, diskRemaining) = (diskTotal * tenths / 10, diskTotal - diskTotal * tenths / 10)
        elapsedMilliseconds = Int(elapsed / .milliseconds(1))
    }
}
