import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import CloudWorkflow
import ImageStores

/// Takes an import's bytes to its stores, one after the other. A store counts once the image's row says so; a repeat
/// passes over those.
struct ImportDelivery: Sendable {
    let images: Images.Parts
    let state: ImportState

    /// - Throws: `WorkflowStop` when a store fails for good and all must succeed.
    func deliver() async throws {
        for id in state.stores {
            try Task.checkCancellation()
            let found = try await images.database.read { [imageID = state.imageID] in try ImageRecords.find(imageID, in: $0) }
            guard let image = found else { throw WorkflowStop("Image has been deleted, aborting import.") }
            guard !image.stores.contains(id), isDue(id, image) else { continue }
            do {
                try await deliver(image, to: id)
            } catch where !state.mustSucceed && !isEnd(error) {
                try await giveUp(id)
            }
        }
    }

    /// A store that was given up is not tried again.
    private func isDue(_ store: String, _ image: Image) -> Bool {
        image.properties[ImportMark.importing, default: ""].split(separator: ",").contains { $0 == store }
    }

    /// Whether an error is not about the store but about the whole.
    private func isEnd(_ error: any Error) -> Bool {
        error is CancellationError || (error as? WorkflowStop)?.message == Self.deleted
    }

    private static let deleted = "Image has been deleted, aborting import."

    private func deliver(_ image: Image, to id: String) async throws {
        guard let store = images.stores[id] else { throw WorkflowStop("There is no store '\(id)' any more.") }
        let content = try await open(image)
        let stream = ByteStream(ImageChunks(content: content, range: 0..<content.size, chunk: Images.Parts.chunk))
        do {
            try await images.ingest(stream, of: image, into: store, expectedSize: content.size) { stored in
                try await record(ImageLocation(store: id, location: stored.location), stored)
            }
        } catch let error as ImageError {
            throw WorkflowStop(error.fault.message, cause: error)
        }
    }

    private func open(_ image: Image) async throws -> any ImageContent {
        if state.method == .copyImage {
            guard let content = try await images.open(image) else { throw WorkflowStop("The image has no data to copy.") }
            return content
        }
        guard let name = state.staged else { throw WorkflowStop("The staged data is gone.") }
        do {
            return try images.imports.staging.open(name)
        } catch ImageStoreError.missing {
            throw WorkflowStop("The staged data is gone.")
        }
    }

    /// Enters a location into the image's row, and makes the image active once it may be.
    private func record(_ place: ImageLocation, _ stored: StoredImage) async throws {
        let (state, algorithm) = (state, images.options.hashAlgorithm.rawValue)
        try await images.database.write { transaction in
            guard var image = try ImageRecords.find(state.imageID, in: transaction),
                image.properties[ImportMark.task] == state.taskID
            else { throw WorkflowStop(Self.deleted) }
            if image.md5 == nil, image.hash == nil {
                (image.size, image.md5, image.hashAlgorithm, image.hash) = (stored.size, stored.md5, algorithm, stored.hash)
                image.virtualSize = image.virtualSize ?? stored.verdict.virtualSize
            } else if image.md5 != stored.md5 || image.size != stored.size {
                throw WorkflowStop("The data of the image is not what it was.")
            }
            image.locations.append(place)
            image.mark(ImportMark.importing, removing: [place.store])
            let isLast = state.stores.allSatisfy(image.stores.contains)
            if image.status == .importing, isLast || !state.mustSucceed { image.status = .active }
            image.updatedAt = .now
            try ImageRecords.update(image, in: transaction)
        }
    }

    private func giveUp(_ store: String) async throws {
        let state = state
        try await images.database.write { transaction in
            guard var image = try ImageRecords.find(state.imageID, in: transaction),
                image.properties[ImportMark.task] == state.taskID
            else { throw WorkflowStop(Self.deleted) }
            image.mark(ImportMark.importing, removing: [store])
            image.mark(ImportMark.failed, adding: [store])
            image.updatedAt = .now
            try ImageRecords.update(image, in: transaction)
        }
    }
}
