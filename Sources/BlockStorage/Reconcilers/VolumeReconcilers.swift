import CloudStore
import CloudWorkflow

extension BlockStorage.Parts {
    /// What converges by itself among volumes and attachments.
    var volumeReconcilers: [any Reconciler] { [ControllerHeartbeat(storage: self), ExportReconciler(storage: self)] }
}

/// Notes that the scheduler of this program is alive, for the list of services.
struct ControllerHeartbeat: Reconciler {
    let storage: BlockStorage.Parts

    var name: String { "block-storage.heartbeat" }
    var interval: Duration { .seconds(10) }

    func reconcile() async throws {
        let options = storage.options
        try await storage.database.write { transaction in
            try StorageServiceRecords.report(
                .scheduler, host: options.controllerHostName, zone: options.availabilityZone, in: transaction)
        }
    }
}
