import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import ImageStores

/// Brings bytes into an image. Every step can be repeated: fetching writes the staged file anew, and a store that holds
/// the image already is passed over. What fails leaves the image as it was, waiting for its bytes, and nothing staged.
struct ImportWorkflow: Sendable {
    static let name = "images.import"
    let images: Images.Parts

    /// The subject of an image's workflows: one at a time.
    static func subject(_ imageID: String) -> String { "image/\(imageID)" }

    var workflow: Workflow<ImportState> {
        let options = images.options.imports
        let fetchTimeout = options.limits.total + .seconds(60)
        return Workflow(
            Self.name, deadline: options.deadline,
            steps: [
                .transaction("begin", perform: begin),
                .action("describe", attempts: 1, timeout: .seconds(120), perform: describe),
                .action("fetch", attempts: 1, timeout: fetchTimeout, perform: fetch, undo: clean),
                .action("transform", attempts: 1, timeout: options.deadline, perform: transform),
                .transaction("adopt", perform: adopt),
                .action("store", attempts: 3, timeout: options.deadline, perform: store),
                .action("clean", perform: clean),
                .transaction("complete", perform: complete),
            ],
            unwound: end)
    }

    // MARK: Within the database

    @Sendable private func begin(_ transaction: any Transaction, _ state: inout ImportState, _ context: StepContext) throws {
        let image = try held(state, in: transaction)
        try checkLimits(state, image, in: transaction)
        state.before = ImportState.Before(image)
        try ImageTaskRecords.change(state.taskID, in: transaction) { task in
            (task.status, task.updatedAt) = (.processing, .now)
        }
    }

    /// As upstream, an import that is accepted is held against the limits once more when it begins, with the image among
    /// those on their way. Staged bytes count for the stores, all others pass through the staging area.
    private func checkLimits(_ state: ImportState, _ image: Image, in transaction: any Transaction) throws {
        guard let allowance = state.allowance else { return }
        let size = (image.size ?? 0) >> 20
        do {
            guard state.method != .glanceDirect else { return try allowance.check(.size, adding: size, in: transaction) }
            try allowance.check(.staged, adding: size, in: transaction)
            try allowance.check(.uploading, in: transaction)
        } catch let error as ImageError {
            throw WorkflowStop(error.fault.message, cause: error)
        }
    }

    @Sendable private func adopt(_ transaction: any Transaction, _ state: inout ImportState, _ context: StepContext) throws {
        guard state.changes != ImportState.Changes() else { return }
        var image = try held(state, in: transaction)
        image.apply(state.changes)
        image.updatedAt = .now
        try ImageRecords.update(image, in: transaction)
    }

    @Sendable private func complete(_ transaction: any Transaction, _ state: inout ImportState, _ context: StepContext) throws {
        var image = try held(state, in: transaction)
        guard image.status == .active || image.status == .deactivated else {
            throw WorkflowStop("None of the uploads finished!")
        }
        image.properties[ImportMark.task] = nil
        image.updatedAt = .now
        try ImageRecords.update(image, in: transaction)
        let (id, lifetime) = (state.imageID, images.options.imports.taskLifetime)
        try ImageTaskRecords.change(state.taskID, in: transaction) { $0.succeed(["image_id": .string(id)], lifetime: lifetime) }
    }

    /// The image, as long as it is this import's.
    private func held(_ state: ImportState, in transaction: any Transaction) throws -> Image {
        guard let image = try ImageRecords.find(state.imageID, in: transaction) else {
            throw WorkflowStop("Image has been deleted, aborting import.")
        }
        guard image.properties[ImportMark.task] == state.taskID else {
            throw WorkflowStop("The image is held by another task.")
        }
        return image
    }

    /// Undoes what the import did to the image, in the transaction that ends it.
    @Sendable private func end(_ transaction: any Transaction, _ state: ImportState, _ failure: WorkflowFailure) throws {
        let (collectStaged, lifetime) = (images.imports.collectStaged, images.options.imports.taskLifetime)
        let (tokens, taskID) = (images.imports.tokens, state.taskID)
        transaction.onCommit {
            tokens.forget(taskID)
            collectStaged()
        }
        try ImageTaskRecords.change(state.taskID, in: transaction) { $0.fail(failure.message, lifetime: lifetime) }
        guard var image = try ImageRecords.find(state.imageID, in: transaction),
            image.properties[ImportMark.task] == state.taskID
        else { return }
        transaction.onCommit(images.collectGarbage)
        guard !state.ownsImage else { return try ImageRecords.delete(image, in: transaction) }
        image.properties[ImportMark.task] = nil
        image.mark(ImportMark.importing, removing: state.stores)
        image.mark(ImportMark.failed, adding: state.stores)
        image.locations.removeAll { state.stores.contains($0.store) }
        if state.method != .copyImage {
            if let before = state.before { image.restore(before) }
            (image.status, image.size, image.virtualSize, image.md5) = (.queued, nil, nil, nil)
            (image.hashAlgorithm, image.hash) = (nil, nil)
        }
        image.updatedAt = .now
        try ImageRecords.update(image, in: transaction)
    }

    // MARK: Outside of it

    @Sendable private func describe(_ state: inout ImportState, _ context: StepContext) async throws {
        guard state.method == .glanceDownload else { return }
        let found = try await ImportSource(images: images).describe(state)
        (state.changes, state.size) = (found.changes, found.size)
    }

    @Sendable private func fetch(_ state: inout ImportState, _ context: StepContext) async throws {
        guard state.method != .copyImage else { return }
        guard let name = StagingArea.Name(image: state.imageID) else { throw WorkflowStop("The image's id is none.") }
        state.staged = name
        state.size = try await ImportSource(images: images).fetch(state, into: name)
    }

    @Sendable private func transform(_ state: inout ImportState, _ context: StepContext) async throws {
        guard state.method != .copyImage else { return }
        try await ImportTransformation(images: images).run(&state)
    }

    @Sendable private func store(_ state: inout ImportState, _ context: StepContext) async throws {
        // What was made of the bytes is complete, so what it was made of takes up no more room.
        if let staged = state.staged { try images.imports.staging.removeAll(image: state.imageID, except: staged) }
        try await ImportDelivery(images: images, state: state).deliver()
    }

    @Sendable private func clean(_ state: inout ImportState, _ context: StepContext) async throws {
        try images.imports.staging.removeAll(image: state.imageID)
        images.imports.tokens.forget(state.taskID)
    }
}

extension Images.Parts {
    /// Ends whatever import an image is in, within the transaction that deletes it.
    func abandonImport(of imageID: String, in transaction: any Transaction) throws {
        _ = try imports.workflows.cancel(subject: ImportWorkflow.subject(imageID), in: transaction)
        transaction.onCommit(imports.collectStaged)
    }
}
