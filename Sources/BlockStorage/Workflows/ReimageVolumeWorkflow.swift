import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import VolumeMessages

/// What writing an image over a volume needs to remember.
struct ReimageVolumeState: RequestedState, Hashable {
    var volumeID: String
    var image: VolumeImage
    var requestID: String?
}

/// Writes an image over a volume that nobody reaches. The image becomes a volume of its own first, so that one that is damaged, or too
/// large for what room there is, leaves the volume as it was; its bytes are then written over the volume's, whose snapshots stay.
struct ReimageVolumeWorkflow: Sendable {
    static let name = "volume.reimage"
    let storage: BlockStorage.Parts

    var workflow: Workflow<ReimageVolumeState> {
        Workflow(
            Self.name, deadline: .seconds(3 * 3600),
            steps: [
                .awaitCopies(ofVolume: \.volumeID, storage),
                .action("make", timeout: .seconds(3500), perform: make, undo: removeMade),
                .action("overwrite", timeout: .seconds(3500), perform: overwrite),
                .action("remove-made", attempts: 5, timeout: .seconds(1800), perform: removeMade),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    /// The volume, the one that is made of the image, and where both are.
    private func volumes(
        _ state: ReimageVolumeState
    ) async throws -> (volume: VolumeSpecification, made: VolumeSpecification, place: VolumeHostName) {
        guard let volume = try await storage.database.read({ try VolumeRecords.find(state.volumeID, in: $0) }), let place = volume.place
        else { throw WorkflowStop("the volume is gone") }
        let specification = try await storage.specification(volume)
        var made = specification
        made.name += "-image"
        return (specification, made, place)
    }

    @Sendable private func make(_ state: inout ReimageVolumeState, _ context: StepContext) async throws {
        let (_, made, place) = try await volumes(state)
        // What an earlier one left may be another image's.
        _ = try await storage.ask(place, DeleteVolume(backend: place.backend, volume: made), within: 1000, key: context.key + "-clear")
        let content = VolumeContent.image(id: state.image.id, format: state.image.diskFormat, checksum: state.image.sha512)
        let request = CreateVolume(backend: place.backend, volume: made, content: content)
        do {
            _ = try await storage.ask(place, request, within: 2400, key: context.key)
        } catch let error as BusError where error.volumeFailure == .imageUnavailable || error.volumeFailure == .full {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func overwrite(_ state: inout ReimageVolumeState, _ context: StepContext) async throws {
        let (volume, made, place) = try await volumes(state)
        do {
            let request = OverwriteVolume(backend: place.backend, volume: volume, source: made)
            _ = try await storage.ask(place, request, within: 3400, key: context.key)
        } catch let error as BusError where error.volumeFailure == .busy || error.volumeFailure == .full {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func removeMade(_ state: inout ReimageVolumeState, _ context: StepContext) async throws {
        let (_, made, place) = try await volumes(state)
        _ = try await storage.ask(place, DeleteVolume(backend: place.backend, volume: made), within: 1700, key: context.key + "-made")
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
