import CloudCore
import CloudCrypto
import CloudStore
import CloudWorkflow
import ImageStores
import Logging

/// Gives an image its first location, which a client names. Where the client says what the bytes' digest is, the image
/// becomes active when that is proven; else it is so at once, and gets its digest when it is known.
struct LocationWorkflow: Sendable {
    static let name = "images.location"
    private static let hashAttempts = 3
    let images: Images.Parts
    private let logger = Logger(label: "images")

    init(images: Images.Parts) { self.images = images }

    var workflow: Workflow<LocationState> {
        let deadline = images.options.imports.deadline
        return Workflow(
            Self.name, deadline: deadline,
            steps: [
                .transaction("begin", perform: begin),
                .action("look", attempts: 3, timeout: .seconds(120), perform: look),
                .transaction("adopt", perform: adopt),
                .action("hash", attempts: Self.hashAttempts, timeout: deadline, perform: hash),
                .transaction("complete", perform: complete),
            ],
            unwound: end)
    }

    // MARK: Within the database

    @Sendable private func begin(_ transaction: any Transaction, _ state: inout LocationState, _ context: StepContext) throws {
        try ImageTaskRecords.change(state.taskID, in: transaction) { ($0.status, $0.updatedAt) = (.processing, .now) }
    }

    @Sendable private func adopt(_ transaction: any Transaction, _ state: inout LocationState, _ context: StepContext) throws {
        var image = try held(state, in: transaction)
        guard image.status == .queued else { throw WorkflowStop("The image got its data in another way.") }
        guard image.diskFormat != nil, image.containerFormat != nil else {
            throw WorkflowStop("Properties disk_format, container_format must be set prior to saving data.")
        }
        image.locations = [ImageLocation(store: state.store, location: state.location)]
        image.size = state.size
        if state.isHashed { image.hashAlgorithm = state.algorithm }
        if !state.isHashed, let expected = state.expected {
            (image.hashAlgorithm, image.hash) = (expected.algorithm, expected.hash)
        }
        image.status = state.mustProve ? .importing : .active
        try save(image, in: transaction)
    }

    @Sendable private func complete(_ transaction: any Transaction, _ state: inout LocationState, _ context: StepContext) throws {
        var image = try held(state, in: transaction)
        if state.isHashed { try record(state, in: &image) }
        if image.status == .importing { image.status = .active }
        image.properties[ImportMark.task] = nil
        try save(image, in: transaction)
        let (id, lifetime) = (state.imageID, images.options.imports.taskLifetime)
        try ImageTaskRecords.change(state.taskID, in: transaction) { $0.succeed(["image_id": .string(id)], lifetime: lifetime) }
    }

    private func record(_ state: LocationState, in image: inout Image) throws {
        if let expected = state.expected, expected.hash != state.hash {
            throw WorkflowStop("os_hash_value: (\(expected.hash)) not matched with actual os_hash_value: (\(state.hash ?? ""))")
        }
        (image.md5, image.hash, image.hashAlgorithm) = (state.md5, state.hash, state.hash.map { _ in state.algorithm })
    }

    /// The image, as long as it is this task's.
    private func held(_ state: LocationState, in reader: any Reader) throws -> Image {
        guard let image = try ImageRecords.find(state.imageID, in: reader) else {
            throw WorkflowStop("Image has been deleted, aborting import.")
        }
        guard image.properties[ImportMark.task] == state.taskID else { throw WorkflowStop("The image is held by another task.") }
        return image
    }

    private func save(_ image: Image, in transaction: any Transaction) throws {
        var image = image
        image.updatedAt = .now
        try ImageRecords.update(image, in: transaction)
    }

    /// Lets the image wait for its bytes again. As upstream, the location stays with it where the store can't remove
    /// what is there. An image that is active already remains so, without what is not known of it.
    @Sendable private func end(_ transaction: any Transaction, _ state: LocationState, _ failure: WorkflowFailure) throws {
        let lifetime = images.options.imports.taskLifetime
        try ImageTaskRecords.change(state.taskID, in: transaction) { $0.fail(failure.message, lifetime: lifetime) }
        guard var image = try ImageRecords.find(state.imageID, in: transaction),
            image.properties[ImportMark.task] == state.taskID
        else { return }
        image.properties[ImportMark.task] = nil
        if image.hash == nil { image.hashAlgorithm = nil }
        if image.status == .importing {
            (image.status, image.size, image.md5, image.hashAlgorithm, image.hash) = (.queued, nil, nil, nil, nil)
            if images.stores[state.store]?.store.isReadOnly != true { image.locations = [] }
        }
        try save(image, in: transaction)
    }

    // MARK: Outside of it

    private func open(_ state: LocationState) async throws -> any ImageContent {
        guard let store = images.stores[state.store]?.store else { throw WorkflowStop("There is no store \(state.store).") }
        return try await store.open(state.location)
    }

    @Sendable private func look(_ state: inout LocationState, _ context: StepContext) async throws {
        do {
            state.size = try await open(state).size
        } catch ImageStoreError.missing {
            throw WorkflowStop("There is nothing at the location.")
        }
    }

    /// Reads the bytes once, for both digests. As upstream, an image that is active already can do without.
    @Sendable private func hash(_ state: inout LocationState, _ context: StepContext) async throws {
        guard state.isHashed, let algorithm = Digest.Algorithm(rawValue: state.algorithm) else { return }
        do {
            let found = try await ContentDigests(of: open(state), algorithm: algorithm, chunk: Images.Parts.chunk)
            (state.md5, state.hash) = (found.md5, found.hash)
        } catch where !state.mustProve && context.attempt == Self.hashAttempts && !(error is CancellationError) {
            logger.warning("an image could not be digested", metadata: ["image": "\(state.imageID)", "error": "\(error)"])
        }
    }
}

extension Images.Parts {
    /// Begins to give an image the location that a client names.
    /// - Throws: 409 for an image that has bytes, or another task under way.
    func begin(_ task: ImageTask, _ state: LocationState, in transaction: any Transaction) throws {
        guard var image = try ImageRecords.find(state.imageID, in: transaction) else { throw ImageError.notFound(state.imageID) }
        try LocationState.checkStatus(of: image)
        try checkLock(image, in: transaction)
        try ImageOptions.Limits.check(1, options.limits.locations, "locations")
        image.properties[ImportMark.task] = task.id
        image.updatedAt = .now
        try ImageRecords.update(image, in: transaction)
        try ImageTaskRecords.insert(task, in: transaction)
        do {
            try imports.workflows.start(
                LocationWorkflow(images: self).workflow, state, subject: ImportWorkflow.subject(state.imageID),
                requestID: task.requestID, in: transaction)
        } catch is WorkflowBusy {
            throw ImageError.conflict("Image has active task")
        }
    }
}
