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
    var requestID: String?
}

/// Grows a volume, under its guests' hands where servers have it.
struct ExtendVolumeWorkflow: Sendable {
    static let name = "volume.extend"
    let storage: BlockStorage.Parts

    var workflow: Workflow<ExtendVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(3600),
            steps: [
                .action("extend", timeout: .seconds(1800), perform: extend),
                .transaction("finish", perform: finish),
                .action("tell", timeout: .seconds(300), perform: tell),
                .transaction("settle", perform: settle),
            ],
            unwound: fail)
    }

    @Sendable private func extend(_ state: inout ExtendVolumeState, _ context: StepContext) async throws {
        let id = state.volumeID
        guard var volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }), let place = volume.place else {
            throw WorkflowStop("the volume is gone")
        }
        volume.size = state.newSize
        let request = ExtendVolume(
            backend: place.backend, volume: try await storage.specification(volume), isAttached: !state.servers.isEmpty)
        do {
            state.needsHypervisor = try await storage.ask(place, request, within: 1700, key: context.key).needsHypervisor
        } catch let error as BusError where error.volumeFailure == .full || error.volumeFailure == .unsupported {
            throw WorkflowStop(error.summary, cause: error)
        }
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
            let hasGrown = volume.size == state.newSize
            volume.status = hasGrown ? (volume.previousStatus ?? .available) : .errorExtending
            (volume.previousStatus, volume.growth) = (nil, 0)
            try storage.note(failure, of: "extend", volume: volume, requestID: state.requestID, in: transaction)
        }
    }
}

/// What a reversal needs to remember.
struct RevertVolumeState: Codable, Sendable, Hashable {
    var volumeID: String
    var snapshotID: String
}

/// Sets a volume back to its latest snapshot.
struct RevertVolumeWorkflow: Sendable {
    static let name = "volume.revert"
    let storage: BlockStorage.Parts

    var workflow: Workflow<RevertVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(3600),
            steps: [
                .action("revert", timeout: .seconds(3500), perform: revert),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    @Sendable private func revert(_ state: inout RevertVolumeState, _ context: StepContext) async throws {
        let copy = state
        let found = try await storage.database.read { reader in
            (try VolumeRecords.find(copy.volumeID, in: reader), try SnapshotRecords.find(copy.snapshotID, in: reader))
        }
        guard let volume = found.0, let snapshot = found.1, let place = volume.place else { throw WorkflowStop("the snapshot is gone") }
        let request = RevertVolume(backend: place.backend, snapshot: try await storage.specification(snapshot, of: volume))
        do {
            _ = try await storage.ask(place, request, within: 3400, key: context.key)
        } catch let error as BusError where error.volumeFailure == .unsupported || error.volumeFailure == .busy {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout RevertVolumeState, _ context: StepContext) throws {
        try settle(state, .available, in: transaction)
    }

    private func settle(_ state: RevertVolumeState, _ status: Volume.Status, in transaction: any Transaction) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { ($0.status, $0.previousStatus) = (status, nil) }
        try SnapshotRecords.change(state.snapshotID, in: transaction) { $0.status = .available }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: RevertVolumeState, _ failure: WorkflowFailure) throws {
        try settle(state, .error, in: transaction)
        if let volume = try VolumeRecords.find(state.volumeID, in: transaction) {
            try storage.note(failure, of: "revert", volume: volume, in: transaction)
        }
    }
}

/// What writing an image over a volume needs to remember.
struct ReimageVolumeState: RequestedState, Hashable {
    var volumeID: String
    var image: VolumeImage
    var requestID: String?
}

/// Writes an image over a volume that nobody reaches: its bytes are removed and made again.
struct ReimageVolumeWorkflow: Sendable {
    static let name = "volume.reimage"
    let storage: BlockStorage.Parts

    var workflow: Workflow<ReimageVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(2 * 3600),
            steps: [
                .action("remove", timeout: .seconds(3000), perform: remove),
                .action("make", timeout: .seconds(3500), perform: make),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    private func volume(_ state: ReimageVolumeState) async throws -> (VolumeSpecification, VolumeHostName) {
        guard let volume = try await storage.database.read({ try VolumeRecords.find(state.volumeID, in: $0) }), let place = volume.place
        else { throw WorkflowStop("the volume is gone") }
        return (try await storage.specification(volume), place)
    }

    @Sendable private func remove(_ state: inout ReimageVolumeState, _ context: StepContext) async throws {
        let (volume, place) = try await volume(state)
        do {
            _ = try await storage.ask(place, DeleteVolume(backend: place.backend, volume: volume), within: 2900, key: context.key)
        } catch let error as BusError where error.volumeFailure == .busy {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func make(_ state: inout ReimageVolumeState, _ context: StepContext) async throws {
        let (volume, place) = try await volume(state)
        let content = VolumeContent.image(id: state.image.id, format: state.image.diskFormat, checksum: state.image.sha512)
        let request = CreateVolume(backend: place.backend, volume: volume, content: content)
        do {
            _ = try await storage.ask(place, request, within: 3400, key: context.key)
        } catch let error as BusError where error.volumeFailure == .imageUnavailable || error.volumeFailure == .full {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout ReimageVolumeState, _ context: StepContext) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            volume.status = volume.previousStatus == .reserved ? .reserved : .available
            volume.previousStatus = nil
            (volume.imageMetadata, volume.isBootable) = (state.image.volumeMetadata, true)
        }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: ReimageVolumeState, _ failure: WorkflowFailure) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            (volume.status, volume.previousStatus) = (.error, nil)
            try storage.note(failure, of: "reimage", volume: volume, requestID: state.requestID, in: transaction)
        }
    }
}
