import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// What a volume's growth needs to remember.
struct ExtendVolumeState: RequestedState, Hashable {
    var volumeID: String
    var newSize: Int
    /// The servers that have it.
    var servers: [String]
    var needsHypervisor = false
    /// Whether its guests have to be held while it grows.
    var needsHold: Bool?
    var requestID: String?
}

/// Grows a volume, under its guests' hands where servers have it.
struct ExtendVolumeWorkflow: Sendable {
    static let name = "volume.extend"
    let storage: BlockStorage.Parts

    var workflow: Workflow<ExtendVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(2 * 3600),
            steps: [
                .awaitCopies(ofVolume: \.volumeID, storage),
                .transaction("admit", perform: admit),
                .action("extend", timeout: .seconds(3000), perform: extend),
                // Who has to be let go must be known when the program is back after a crash.
                .transaction("plan", perform: { _, _, _ in }),
                .action("extend-held", timeout: .seconds(600), perform: extendHeld, undo: letGo),
                .action("let-go", timeout: .seconds(120), perform: letGo),
                .transaction("finish", perform: finish),
                .action("tell", timeout: .seconds(300), perform: tell),
                .transaction("settle", perform: settle),
            ],
            unwound: fail)
    }

    /// Asks for room as for a new volume, so that no pool promises more than it may.
    @Sendable private func admit(_ transaction: any Transaction, _ state: inout ExtendVolumeState, _ context: StepContext) throws {
        guard let volume = try VolumeRecords.find(state.volumeID, in: transaction), let place = volume.place,
            let type = try VolumeTypeRecords.find(volume.typeID, in: transaction)
        else { throw WorkflowStop("the volume is gone") }
        let growth = state.newSize - volume.size
        let pool = try StorageServiceRecords.pools(in: transaction).first { $0.name.text == place.text }
        let scheduler = VolumeScheduler(options: storage.options, picks: storage.picks)
        guard pool.map({ scheduler.hasRoom($0, for: PoolDemand(size: growth, type: type)) }) ?? true else {
            throw WorkflowStop(Self.refusal + "The back end has no room for \(growth) GiB more.")
        }
        transaction.onCommit { [picks = storage.picks] in picks.add(growth, to: place) }
    }

    /// What the reason begins with where nothing was done to the volume.
    private static let refusal = "refused: "

    @Sendable private func extend(_ state: inout ExtendVolumeState, _ context: StepContext) async throws {
        try await awaitSnapshots(of: state.volumeID)
        do {
            state.needsHypervisor = try await ask(state, isHeld: false, within: 1700, context.key)
        } catch let error as BusError where error.volumeFailure == .openInGuest && !state.servers.isEmpty {
            state.needsHold = true
        }
    }

    /// A snapshot that was asked for before has the size of before: it is made first.
    private func awaitSnapshots(of id: String) async throws {
        let end = ContinuousClock.now + Self.patience
        while try await storage.database.read({ try SnapshotRecords.of(volume: id, in: $0) }).contains(where: { $0.status == .creating }) {
            guard ContinuousClock.now < end else { throw WorkflowStop("A snapshot of the volume is still being made.") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// How long the volume's snapshots under way may take.
    private static let patience = Duration.seconds(1200)

    private func ask(_ state: ExtendVolumeState, isHeld: Bool, within seconds: Int, _ key: String) async throws -> Bool {
        let id = state.volumeID
        guard var volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }), let place = volume.place else {
            throw WorkflowStop("the volume is gone")
        }
        volume.size = state.newSize
        let request = ExtendVolume(
            backend: place.backend, volume: try await storage.specification(volume), isAttached: !state.servers.isEmpty, isHeld: isHeld)
        do {
            return try await storage.ask(place, request, within: seconds, key: key).needsHypervisor
        } catch let error as BusError where error.volumeFailure == .full || error.volumeFailure == .unsupported {
            throw WorkflowStop(Self.refusal + error.summary, cause: error)
        }
    }

    /// Guests stand still for as long as their disk is opened anew.
    @Sendable private func extendHeld(_ state: inout ExtendVolumeState, _ context: StepContext) async throws {
        guard state.needsHold == true else { return }
        let servers = storage.neighbours.servers
        do {
            for server in state.servers { try await servers.hold(server: server) }
            state.needsHypervisor = try await ask(state, isHeld: true, within: 60, context.key)
        } catch {
            // Another try must not leave them standing in between.
            try await letGo(&state, context)
            throw error
        }
    }

    @Sendable private func letGo(_ state: inout ExtendVolumeState, _ context: StepContext) async throws {
        guard state.needsHold == true else { return }
        for server in state.servers { try await storage.neighbours.servers.letGo(server: server) }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout ExtendVolumeState, _ context: StepContext) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { ($0.size, $0.growth) = (state.newSize, 0) }
    }

    /// A guest that can't be told now sees the size at its next start: the bytes are there.
    @Sendable private func tell(_ state: inout ExtendVolumeState, _ context: StepContext) async throws {
        for server in state.servers {
            do {
                try await storage.neighbours.servers.extended(
                    server: server, volume: state.volumeID, newSizeGiB: state.newSize, needsResize: state.needsHypervisor,
                    requestID: context.requestID, key: context.key + server)
            } catch let error as VolumeNeighbourMissing {
                storage.logger.warning(
                    "a guest was not told that its volume has grown",
                    metadata: ["volume": "\(state.volumeID)", "server": "\(server)", "reason": "\(error.message)"])
            }
        }
    }

    @Sendable private func settle(_ transaction: any Transaction, _ state: inout ExtendVolumeState, _ context: StepContext) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            (volume.status, volume.previousStatus) = (volume.previousStatus ?? .available, nil)
        }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: ExtendVolumeState, _ failure: WorkflowFailure) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            // One that was refused is what it was, as is one that has grown before something else went wrong.
            let isSound = volume.size == state.newSize || failure.message.hasPrefix(Self.refusal)
            volume.status = isSound ? (volume.previousStatus ?? .available) : .errorExtending
            (volume.previousStatus, volume.growth) = (nil, 0)
            try storage.note(failure, of: "extend", volume: volume, requestID: state.requestID, in: transaction)
        }
    }
}
