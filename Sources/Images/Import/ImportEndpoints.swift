import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import HTTPTypes
import ImageStores

/// Staging bytes, importing them, and which ways of importing there are.
struct ImportEndpoints: Sendable {
    let images: Images.Parts

    private var options: ImageImportOptions { images.options.imports }

    var table: [Endpoint] {
        [
            Endpoint(
                .put, "/v2/images/{image_id}/stage", "Stage an image's bytes for an import", access: .ruleOnResource("modify_image"),
                body: .stream(mediaTypes: ["application/octet-stream"], limit: images.options.maximumSize),
                success: .noContent, handler: stage),
            Endpoint(
                .post, "/v2/images/{image_id}/import", "Import bytes into an image", access: .ruleOnResource("modify_image"),
                body: .json(ImportRequest.schema), success: .accepted, handler: importImage),
            Endpoint(
                .get, "/v2/info/import", "Show how images can be imported",
                access: .authenticated(because: "upstream registers no rule"), handler: info),
        ]
    }

    @Sendable private func info(_ request: APIRequest) async throws -> APIResponse {
        .json("import-methods", ["description": "Import methods available.", "type": "array", "value": methods] as JSON)
    }

    private var methods: JSON { .array(options.methods.map { .string($0) }) }

    // MARK: Staging

    @Sendable private func stage(_ request: APIRequest) async throws -> APIResponse {
        let image = try await images.find(request)
        guard options.methods.contains(ImportMethod.glanceDirect.rawValue), let name = StagingArea.Name(image: image.id) else {
            throw ImageError.missing("'glance-direct' method is not available at this site.")
        }
        let allowance = try await images.enforce(.staged, adding: request.announcedLength, request)
        try await move(image.id, from: .queued, to: .uploading, allowance) { $0.properties[ImportMark.stageHost] = options.hostName }
        do {
            let size = try await write(request.stream, to: name)
            try await move(image.id, from: .uploading, to: .uploading, nil) { $0.size = size }
        } catch {
            try images.imports.staging.remove(name)
            try await restore(image.id)
            if case ImageStoreError.full = error { throw ImageError.storeFull }
            throw error
        }
        return .empty()
    }

    private func write(_ stream: ByteStream, to name: StagingArea.Name) async throws -> Int {
        let file = try images.imports.staging.begin(name)
        do {
            var chunks = ChunkGatherer()
            for try await piece in stream { try await chunks.add(piece) { try await file.append($0) } }
            try await chunks.finish { try await file.append($0) }
            return try await file.finish()
        } catch {
            await file.abort()
            throw error
        }
    }

    /// - Throws: 409 when the image is in another state, 404 when it is gone, 413 when the project has too many images on
    ///   their way with it.
    private func move(
        _ id: String, from: Image.Status, to: Image.Status, _ allowance: ImageAllowance?,
        _ change: @escaping @Sendable (inout Image) -> Void
    ) async throws {
        try await images.database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction) else { throw ImageError.notFound(id) }
            guard image.status == from else {
                throw ImageError.conflict("Image status transition from \(image.status.rawValue) to \(to.rawValue) is not allowed")
            }
            (image.status, image.updatedAt) = (to, .now)
            change(&image)
            try ImageRecords.update(image, in: transaction)
            try allowance?.check(.uploading, in: transaction)
        }
    }

    /// Lets an image wait for its bytes again, unless it was deleted meanwhile.
    private func restore(_ id: String) async throws {
        try await images.database.write { transaction in
            guard var image = try ImageRecords.find(id, in: transaction), image.status == .uploading else { return }
            (image.status, image.size, image.properties[ImportMark.stageHost]) = (.queued, nil, nil)
            image.updatedAt = .now
            try ImageRecords.update(image, in: transaction)
        }
    }

    // MARK: Import

    @Sendable private func importImage(_ request: APIRequest) async throws -> APIResponse {
        let allowance = try await images.enforce(.size, adding: nil, request)
        let seen = try await images.see(request)
        let wish = try ImportRequest(request.body, methods: options.methods)
        try wish.check(seen.image)
        try authorize(wish, seen, request)
        let writable = images.stores.all.filter { !$0.store.isReadOnly }.map(\.id)
        let targets = try wish.targets(
            seen.image, header: request.head.headerFields[.imageStore], writable: writable,
            standard: images.stores.defaultStore.id)
        guard !targets.isEmpty else { return .empty() }
        if wish.method == .webDownload { try await ImportSource(images: images).check(wish.uri) }
        let endpoint = try await endpoint(wish, request)
        try await begin(wish, targets, endpoint, allowance, request)
        return .empty()
    }

    /// Copying has a rule of its own; for everything else the image must be the caller's to change.
    private func authorize(_ wish: ImportRequest, _ seen: SeenImage, _ request: APIRequest) throws {
        let target = images.target(seen, request)
        let mayModify = Result { try request.authorize(target) }
        guard wish.method == .copyImage else { return try mayModify.get() }
        try request.require("copy_image", target)
    }

    private func endpoint(_ wish: ImportRequest, _ request: APIRequest) async throws -> String? {
        guard let remote = wish.remote, let token = request.token else { return nil }
        return try await images.imports.endpoint(remote.region, remote.interface, token)
    }

    /// Accepts an import: the image is marked, the task written and the workflow begun in one transaction.
    private func begin(
        _ wish: ImportRequest, _ targets: [String], _ endpoint: String?, _ allowance: ImageAllowance?, _ request: APIRequest
    ) async throws {
        let imageID = request["image_id"]
        let input: JSON = [
            "image_id": .string(imageID), "import_req": wish.body, "backend": .array(targets.map { .string($0) }),
        ]
        let task = ImageTask(
            kind: .apiImageImport, owner: request.token?.projectID, userID: request.token?.userID,
            requestID: request.requestID, imageID: imageID, input: input)
        var state = ImportState(
            imageID: imageID, taskID: task.id, method: wish.method, uri: wish.uri, remote: wish.remote, endpoint: endpoint,
            stores: targets, mustSucceed: wish.mustSucceed)
        (state.injects, state.allowance) = (options.injects(for: request.token), allowance)
        if wish.method == .glanceDownload, let token = request.head.headerFields[.authToken] {
            images.imports.tokens.keep(Secret(token), for: task.id)
        }
        do {
            try await images.database.write { [state] in try images.accept(wish, task, state, in: $0) }
        } catch {
            images.imports.tokens.forget(task.id)
            throw error
        }
    }
}

extension Images.Parts {
    /// Marks an image for an import and begins it.
    /// - Throws: 409 for an image that has another import under way, or came into another state meanwhile.
    fileprivate func accept(
        _ wish: ImportRequest, _ task: ImageTask, _ state: ImportState, in transaction: any Transaction
    ) throws {
        guard var image = try ImageRecords.find(state.imageID, in: transaction) else { throw ImageError.notFound(state.imageID) }
        try wish.check(image)
        try checkLock(image, in: transaction)
        image.properties[ImportMark.task] = task.id
        image.properties[ImportMark.stageHost] = nil
        image.mark(ImportMark.importing, adding: state.stores)
        image.mark(ImportMark.failed, removing: state.stores)
        if wish.method != .copyImage { image.status = .importing }
        image.updatedAt = .now
        try ImageRecords.update(image, in: transaction)
        try ImageTaskRecords.insert(task, in: transaction)
        try begin(state, requestID: task.requestID, in: transaction)
    }

    /// Begins the workflow of an import.
    /// - Throws: 409 while the image has another.
    func begin(_ state: ImportState, requestID: String?, in transaction: any Transaction) throws {
        do {
            try imports.workflows.start(
                ImportWorkflow(images: self).workflow, state, subject: ImportWorkflow.subject(state.imageID),
                requestID: requestID, in: transaction)
        } catch is WorkflowBusy {
            throw ImageError.conflict("Image has active task")
        }
    }

    /// A task that is over, or forgotten, holds nothing any more.
    func checkLock(_ image: Image, in reader: any Reader) throws {
        guard let holder = image.properties[ImportMark.task], let task = try ImageTaskRecords.find(holder, in: reader) else { return }
        guard task.isOver else { throw ImageError.conflict("Image has active task") }
    }
}

extension HTTPField.Name {
    /// The ways in which a new image can be imported into.
    static let importMethods = HTTPField.Name("OpenStack-image-import-methods") ?? .contentLocation
}
