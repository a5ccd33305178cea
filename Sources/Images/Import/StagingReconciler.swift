import CloudCore
import CloudStore
import CloudWorkflow
import ImageStores
import Logging

/// Removes staged files that no image waits for any more: those of images that were deleted, or whose import failed or
/// was cut off.
struct StagingReconciler: Reconciler {
    let name = "images.staging"
    let interval = Duration.seconds(300)
    let images: Images.Parts
    private let logger = Logger(label: "images")

    init(images: Images.Parts) { self.images = images }

    func reconcile() async throws {
        try await images.database.write { try ImageTaskRecords.purge(in: $0) }
        let staging = images.imports.staging
        // A file that has just been written may belong to an image that is staged at this moment.
        let names = try staging.names(olderThan: images.options.imports.staleAge)
        guard !names.isEmpty else { return }
        let ids = Set(names.map(\.image))
        let waiting = try await images.database.read { try ImageRecords.waitingForStaged(Array(ids), in: $0) }
        for name in names where !waiting.contains(name.image) {
            logger.notice("removing staged data that no image waits for", metadata: ["image": "\(name.image)"])
            try staging.remove(name)
        }
    }
}
