import CloudStore
import CloudWorkflow

extension BlockStorage.Parts {
    /// Leaves a message for the user of a volume's operation that did not come about.
    /// - Parameter action: "create", "extend" or "reimage"; there is nothing to say of others, as upstream.
    func tell(
        _ failure: WorkflowFailure, of action: String, volume: Volume, requestID: String?, in transaction: any Transaction
    ) throws {
        let words: (Message.Action, Message.Detail)? =
            switch action {
            case "create" where failure.step == "schedule": (.schedule, .noBackend)
            case "create" where volume.imageMetadata["image_id"] != nil: (.copyImage, .driverFailedToCreate)
            case "create": (.create, .driverFailedToCreate)
            case "extend": (.extend, .driverFailedToExtend)
            case "reimage": (.reimage, .reimageFailed)
            default: nil
            }
        guard let (action, detail) = words, failure.kind != .cancelled else { return }
        try recordMessage(
            .volume, volume.id, project: volume.projectID, action, detail, requestID: requestID, in: transaction)
    }

    /// Leaves a message for the user of a snapshot that was not made or removed.
    func tell(
        _ failure: WorkflowFailure, snapshot: Snapshot, isRemoval: Bool, requestID: String?, in transaction: any Transaction
    ) throws {
        guard failure.kind != .cancelled else { return }
        let isBusy = failure.message.hasPrefix("busy")
        let detail: Message.Detail = !isRemoval ? .snapshotFailed : isBusy ? .snapshotBusy : .snapshotDeletionFailed
        try recordMessage(
            .snapshot, snapshot.id, project: snapshot.projectID, isRemoval ? .deleteSnapshot : .createSnapshot, detail,
            requestID: requestID, in: transaction)
    }
}
