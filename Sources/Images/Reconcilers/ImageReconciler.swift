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
    let stores: StoreRegistry
    let cache: CacheQueue?
    let logger = Logger(label: "images")

    /// Removes what is marked, then what is not known.
    func reconcile() async throws {
        for garbage in try await database.read({ try ImageLocationRecords.garbage(in: $0) }) {
            // A store that is not configured any more is the operator's to empty.
            if let store = stores[garbage.store]?.store, !store.isReadOnly { try await store.remove(garbage.location) }
            try await database.write { try ImageLocationRecords.forget(garbage: garbage, in: $0) }
        }
        try await forgetCopies()
        for store in stores.all where !store.store.isReadOnly { try await removeOrphans(in: store) }
    }

    /// Copies of images that are gone.
    private func forgetCopies() async throws {
        guard let cache else { return }
        let held = cache.cache.entries.map(\.imageID) + cache.images
        guard !held.isEmpty else { return }
        let known = try await database.read { try ImageRecords.existing(held, in: $0) }
        for id in held where !known.contains(id) {
            cache.remove(id)
            cache.cache.remove(id)
        }
    }

    /// How long bytes may be in a store before the database knows of them.
    private static let recordingTime = Duration.seconds(3600)

    /// Listed before the rows are read: an upload under way, in whichever process, is committed to the store first and
    /// to the database afterwards, and its image's row tells in between that it is on its way. While one is, only what
    /// is too old to be its bytes is taken for an orphan.
    private func removeOrphans(in store: NamedStore) async throws {
        let present = try await store.store.locations()
        guard !present.isEmpty else { return }
        let (known, isBusy) = try await database.read { reader in
            (try ImageLocationRecords.known(store: store.id, in: reader), try QuotaRecords.isAnyStored(in: reader))
        }
        let suspects = present.filter { !known.contains($0) }
        guard !suspects.isEmpty else { return }
        let settled = isBusy ? Set(try await store.store.locations(olderThan: Self.recordingTime)) : Set(suspects)
        for orphan in suspects where settled.contains(orphan) {
            logger.notice("removing bytes without an image", metadata: ["store": "\(store.id)", "location": "\(orphan)"])
            try await store.store.remove(orphan)
        }
    }
}
