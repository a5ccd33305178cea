import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import VolumeMessages

/// What taking over needs to remember.
struct ManageState: Codable, Sendable, Hashable {
    var volumeID: String
    /// The snapshot that is taken over; nil for the volume.
    var snapshotID: String?
    var place: VolumeHostName
    /// What the back end called it, and what it shall.
    var name: String
    var newName: String
    /// The back end's name of the snapshot's volume.
    var volumeName: String?
    var gigabytes = 0
}

/// Takes over a volume or snapshot that a back end keeps already: the back end gives it the name by which it is looked for, and
/// tells its size. A failure gives the old name back.
struct ManageWorkflow: Sendable {
    static let name = "volume.manage"
    let storage: BlockStorage.Parts

    var workflow: Workflow<ManageState> {
        Workflow(
            Self.name, deadline: .seconds(1800),
            steps: [
                .action("rename", timeout: .seconds(300), perform: rename, undo: renameBack),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    @Sendable private func rename(_ state: inout ManageState, _ context: StepContext) async throws {
        let request = RenameBackendVolume(
            backend: state.place.backend, pool: state.place.pool, name: state.name, newName: state.newName, volumeName: state.volumeName)
        do {
            let found = try await storage.ask(state.place, request, key: context.key)
            state.gigabytes = Int((found.bytes + (1 << 30) - 1) >> 30)
        } catch let error as BusError where error.volumeFailure != nil {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func renameBack(_ state: inout ManageState, _ context: StepContext) async throws {
        let request = RenameBackendVolume(
            backend: state.place.backend, pool: state.place.pool, name: state.newName, newName: state.name, volumeName: state.volumeName)
        do {
            _ = try await storage.ask(state.place, request, key: context.key + "-back")
        } catch let error as BusError where error.volumeFailure == .notFound || error.volumeFailure == .busy {
            // It never had the new name, or another has taken the old one: either way nothing of it is lost.
            return
        }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout ManageState, _ context: StepContext) throws {
        let gigabytes = state.gigabytes
        if let snapshot = state.snapshotID {
            try SnapshotRecords.change(snapshot, in: transaction) { ($0.status, $0.progress) = (.available, "100%") }
            return
        }
        guard let volume = try VolumeRecords.find(state.volumeID, in: transaction) else { throw WorkflowStop("the volume is gone") }
        do {
            try storage.checkQuota(
                project: volume.projectID, type: volume.typeID, gigabytes: gigabytes, whole: gigabytes, in: transaction)
        } catch let error as BlockStorageError {
            throw WorkflowStop(error.fault.message, cause: error)
        }
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            (volume.size, volume.status) = (gigabytes, .available)
            (volume.details.launchedAt, volume.details.scheduledAt) = (.now, .now)
        }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: ManageState, _ failure: WorkflowFailure) throws {
        if let snapshot = state.snapshotID {
            return try storage.end(SnapshotState(snapshotID: snapshot), .error, failure, in: transaction)
        }
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            volume.status = .errorManaging
            try storage.note(failure, of: "manage", volume: volume, in: transaction)
        }
    }
}
