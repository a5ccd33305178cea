import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// What a volume's making needs to remember.
struct CreateVolumeState: Codable, Sendable, Hashable {
    var volumeID: String
    /// The image to be written into it.
    var image: VolumeImage?
    /// What it has become at the end.
    var finalStatus = Volume.Status.available.rawValue
    /// Where it is being made.
    var place: VolumeHostName?
    /// Where that failed.
    var tried: [String] = []
    /// The request that asked for it, for the message to its user.
    var requestID: String?
}

/// Makes a volume: a pool is chosen, its host told to make it, and the row says that it is there. A back end that fails is left for
/// the next one.
struct CreateVolumeWorkflow: Sendable {
    static let name = "volume.create"
    let storage: BlockStorage.Parts

    var workflow: Workflow<CreateVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(6 * 3600),
            steps: [
                .transaction("schedule", perform: schedule),
                .action("make", timeout: .seconds(2 * 3600), perform: make, undo: unmake),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    @Sendable private func schedule(_ transaction: any Transaction, _ state: inout CreateVolumeState, _ context: StepContext) throws {
        guard var volume = try VolumeRecords.find(state.volumeID, in: transaction) else { throw WorkflowStop("the volume is gone") }
        guard let type = try VolumeTypeRecords.find(volume.typeID, in: transaction) else { throw WorkflowStop("its type is gone") }
        var demand = PoolDemand(size: volume.size, type: type, zones: [volume.availabilityZone], tried: state.tried)
        if let source = try sourceVolume(of: volume, in: transaction) { demand.service = source.place?.service ?? "" }
        if let group = try volume.groupID.flatMap({ try GroupRecords.find($0, in: transaction) }) {
            demand.service = group.host.flatMap(VolumeHostName.init)?.service ?? ""
        }
        demand.apart = try places(volume.details.hints?["different_host"], in: transaction)
        demand.together = try places(volume.details.hints?["same_host"], in: transaction)
        let pools = try StorageServiceRecords.pools(in: transaction)
        let scheduler = VolumeScheduler(options: storage.options, picks: storage.picks)
        guard let best = scheduler.choose(demand, among: pools, at: .now).first else {
            throw WorkflowStop("No valid backend was found. No weighed backends available")
        }
        state.place = best.name
        volume.host = best.name.text
        volume.details.scheduledAt = .now
        if volume.status == .creating, state.image != nil { volume.status = .downloading }
        try VolumeRecords.update(volume, in: transaction)
        transaction.onCommit { [picks = storage.picks, size = volume.size] in picks.add(size, to: best.name) }
    }

    private func sourceVolume(of volume: Volume, in reader: any Reader) throws -> Volume? {
        if let id = volume.snapshotID {
            return try SnapshotRecords.find(id, in: reader).flatMap { try VolumeRecords.find($0.volumeID, in: reader) }
        }
        return try volume.sourceID.flatMap { try VolumeRecords.find($0, in: reader) }
    }

    private func places(_ ids: [String]?, in reader: any Reader) throws -> [String] {
        try VolumeRecords.find(ids ?? [], in: reader).values.compactMap(\.host)
    }

    @Sendable private func make(_ state: inout CreateVolumeState, _ context: StepContext) async throws {
        guard let place = state.place else { throw WorkflowStop("the volume has no place") }
        do {
            let (volume, content) = try await content(state)
            let request = CreateVolume(backend: place.backend, volume: try await storage.specification(volume), content: content)
            _ = try await storage.ask(place, request, within: 7000, key: context.key)
        } catch let error as BusError where Self.isOfBackend(error) {
            state.tried.append(place.text)
            guard state.tried.count < storage.options.schedulerAttempts else { throw WorkflowStop(error.summary, cause: error) }
            throw WorkflowRewind(to: "schedule", error.summary)
        } catch let error as BusError where error.volumeFailure == .imageUnavailable {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    /// Whether another back end may do better.
    private static func isOfBackend(_ error: BusError) -> Bool {
        switch error.volumeFailure {
        case .full, .backendError, .unknownBackend, .unsupported: true
        default: false
        }
    }

    private func content(_ state: CreateVolumeState) async throws -> (Volume, VolumeContent) {
        let (found, snapshot, source) = try await storage.database.read { reader in
            let volume = try VolumeRecords.find(state.volumeID, in: reader)
            let snapshot = try volume?.snapshotID.flatMap { try SnapshotRecords.find($0, in: reader) }
            return (volume, snapshot, try volume.flatMap { try sourceVolume(of: $0, in: reader) })
        }
        guard let volume = found else { throw WorkflowStop("the volume is gone") }
        if let image = state.image {
            return (volume, .image(id: image.id, format: image.diskFormat, checksum: image.sha512))
        }
        if volume.snapshotID != nil {
            guard let snapshot, let source else { throw WorkflowStop("the snapshot it is made of is gone") }
            return (volume, .snapshot(try await storage.specification(snapshot, of: source)))
        }
        guard volume.sourceID != nil else { return (volume, .blank) }
        guard let source else { throw WorkflowStop("the volume it is made of is gone") }
        return (volume, .volume(try await storage.specification(source)))
    }

    @Sendable private func unmake(_ state: inout CreateVolumeState, _ context: StepContext) async throws {
        guard let place = state.place else { return }
        let id = state.volumeID
        guard let volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }) else { return }
        do {
            let request = DeleteVolume(backend: place.backend, volume: try await storage.keylessSpecification(volume))
            _ = try await storage.ask(place, request, key: context.key)
        } catch {
            // What a host that is away keeps of it is removed with the volume: its row goes on naming the place.
            storage.logger.warning("an unmade volume may stay on its host", metadata: ["volume": "\(id)", "error": "\(error)"])
        }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout CreateVolumeState, _ context: StepContext) throws {
        let status = Volume.Status(rawValue: state.finalStatus) ?? .available
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            volume.status = status
            volume.details.launchedAt = .now
        }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: CreateVolumeState, _ failure: WorkflowFailure) throws {
        guard let volume = try VolumeRecords.find(state.volumeID, in: transaction) else { return }
        if volume.status == .deleting {
            // It was deleted by force while it was made; nothing of it is left but the row.
            try SnapshotRecords.of(volume: volume.id, in: transaction).forEach { try SnapshotRecords.delete($0.id, in: transaction) }
            try VolumeRecords.delete(volume.id, in: transaction)
        } else {
            try VolumeRecords.change(volume.id, in: transaction) { $0.status = .error }
            try storage.note(failure, of: "create", volume: volume, requestID: state.requestID, in: transaction)
        }
    }
}

extension BlockStorage.Parts {
    /// Tells operators, and the volume's user, why something that was accepted did not come about.
    func note(
        _ failure: WorkflowFailure, of action: String, volume: Volume, requestID: String? = nil, in transaction: any Transaction
    ) throws {
        try tell(failure, of: action, volume: volume, requestID: requestID, in: transaction)
        logger.error(
            "a volume's operation failed",
            metadata: ["volume": "\(volume.id)", "operation": "\(action)", "step": "\(failure.step)", "reason": "\(failure.message)"])
    }
}
