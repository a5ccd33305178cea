import CloudCore
import CloudStore
import CloudWorkflow
import ImageStores
import Logging

/// Removes bytes that no image refers to any more: those marked by a delete, and those whose upload was committed to
/// the store just before a crash kept it out of the database.
struct ImageReconciler: Reconciler {
    let name = "images.garbage"
    let interval = Duration.seconds(300)
    let database: any Database
    let store: any ImageStore
    let uploads: UploadRegistry
    let logger = Logger(label: "images")

    /// Removes what is marked, then what is not known.
    func reconcile() async throws {
        for location in try await database.read({ try ImageRecords.garbage(in: $0) }) {
            try await store.remove(location)
            try await database.write { try ImageRecords.forget(garbage: location, in: $0) }
        }
        // Listed before the rows are read: an upload under way is committed to the store first and to the database
        // afterwards, and stands in the registry in between.
        let present = try await store.locations()
        guard await uploads.isEmpty else { return }
        let known = Set(try await database.read { try ImageRecords.locations(in: $0) })
        for orphan in present where !known.contains(orphan) {
            logger.notice("removing bytes without an image", metadata: ["location": "\(orphan)"])
            try await store.remove(orphan)
        }
    }
}

/// The uploads under way in this process.
actor UploadRegistry {
    private var images: Set<String> = []

    var isEmpty: Bool { images.isEmpty }

    /// - Returns: false when the image is being uploaded already.
    func begin(_ id: String) -> Bool { images.insert(id).inserted }

    func end(_ id: String) { images.remove(id) }
}
