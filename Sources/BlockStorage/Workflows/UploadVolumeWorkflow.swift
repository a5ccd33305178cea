import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import VolumeMessages

/// What an upload needs to remember.
struct UploadVolumeState: Codable, Sendable, Hashable {
    var volumeID: String
    /// The image that waits for the bytes.
    var imageID: String
    var format: String
}

/// Writes a volume's bytes into an image that waits for them. A failure removes the image; the volume stays as it is.
struct UploadVolumeWorkflow: Sendable {
    static let name = "volume.upload"
    let storage: BlockStorage.Parts

    var workflow: Workflow<UploadVolumeState> {
        let limit = Duration.seconds(BlockStorage.Parts.transferSeconds)
        return Workflow(
            Self.name, deadline: limit + .seconds(3600),
            steps: [
                .action("upload", timeout: limit, perform: upload),
                .transaction("finish") { transaction, state, _ in try Self.settle(state, in: transaction) },
            ],
            unwound: fail)
    }

    @Sendable private func upload(_ state: inout UploadVolumeState, _ context: StepContext) async throws {
        let (wanted, images) = (state, storage.neighbours.images)
        let (found, status) = try await storage.database.read { reader in
            (try VolumeRecords.find(wanted.volumeID, in: reader), try images.imageStatus(wanted.imageID, in: reader))
        }
        guard let volume = found, let place = volume.place else { throw WorkflowStop("the volume is gone") }
        guard let status else { throw WorkflowStop("the image was deleted while it was made") }
        // A host that was asked twice may have sent the bytes already.
        guard status != "active" else { return }
        let request = UploadVolume(
            backend: place.backend, volume: try await storage.specification(volume), imageID: state.imageID, format: state.format)
        do {
            _ = try await storage.ask(place, request, within: BlockStorage.Parts.transferSeconds - 60, key: context.key)
        } catch let error as BusError where error.volumeFailure.map({ $0 != .busy }) ?? false {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    private static func settle(_ state: UploadVolumeState, in transaction: any Transaction) throws {
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            guard volume.status == .uploading else { return }
            (volume.status, volume.previousStatus) = (volume.previousStatus ?? .available, nil)
        }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: UploadVolumeState, _ failure: WorkflowFailure) throws {
        try Self.settle(state, in: transaction)
        try storage.neighbours.images.discardImage(state.imageID, in: transaction)
        guard let volume = try VolumeRecords.find(state.volumeID, in: transaction) else { return }
        try MessageRecords.insert(
            Message(project: volume.projectID, requestID: nil, .volume, volume.id, .upload, .uploadFailed), in: transaction)
        try storage.note(failure, of: "upload", volume: volume, in: transaction)
    }
}
