import CloudAPI
import CloudCore
import CloudStore
import ImageStores

/// Tasks: work on images that goes on after its request was answered (image API v2, tasks).
struct TaskEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2/tasks", "Create a task", access: .rule("tasks_api_access"), body: .json(ImageTaskSchemas.create),
                success: .created, handler: create),
            Endpoint(.get, "/v2/tasks", "List tasks", access: .rule("tasks_api_access"), handler: list),
            Endpoint(.get, "/v2/tasks/{task_id}", "Show a task", access: .rule("tasks_api_access"), handler: show),
            Endpoint(
                .delete, "/v2/tasks/{task_id}", "Delete a task, which is never allowed", access: .rule("tasks_api_access"),
                handler: delete),
            Endpoint(
                .get, "/v2/images/{image_id}/tasks", "List an image's tasks", access: .ruleOnResource("get_image"),
                handler: listOfImage),
        ]
    }

    // MARK: Reading

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let id = request["task_id"]
        guard let task = try await images.database.read({ try ImageTaskRecords.find(id, in: $0) }),
            task.expiresAt.map({ $0 > .now }) ?? true, isVisible(task, request)
        else { throw ImageError.missing("No task found with ID \(id)") }
        return .json { ImageTaskView(task: task).write(to: &$0) }
    }

    private func isVisible(_ task: ImageTask, _ request: APIRequest) -> Bool {
        request.isImageAdmin || task.owner == request.token?.projectID
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let page = try request.page(ImageTaskFilter.rules(images.options))
        let filter = try filter(request, page)
        let found = try await images.database.read { reader -> [ImageTask] in
            var filter = filter
            if let marker = page.marker {
                guard let task = try ImageTaskRecords.find(marker, in: reader) else {
                    throw ImageError.badRequest("Invalid marker: task \(marker) could not be found.")
                }
                filter.marker = task
            }
            return try ImageTaskRecords.list(filter, in: reader)
        }
        let (rows, hasMore) = page.cut(found)
        let links = PageLinks(request, page, ids: rows.map(\.id), hasMore: hasMore)
        return .json {
            $0.object { json in
                json.member("tasks") { json in
                    json.array { json in for task in rows { ImageTaskView(task: task, isBrief: true).write(to: &json) } }
                }
                links.writeFirstNextSchema(schema: "/v2/schemas/tasks", to: &json)
            }
        }
    }

    private func filter(_ request: APIRequest, _ page: PageRequest) throws -> ImageTaskFilter {
        var filter = ImageTaskFilter(limit: page.fetchCount)
        (filter.sort, filter.status, filter.kind) = (page.fetchSort, request.query["status"], request.query["type"])
        filter.owner = request.isImageAdmin ? request.query["owner"] : request.token?.projectID
        if let status = filter.status, ImageTask.Status(rawValue: status) == nil {
            throw ImageError.badRequest("Invalid status value: \(status)")
        }
        if let kind = filter.kind, ImageTask.Kind(rawValue: kind) == nil {
            throw ImageError.badRequest("Invalid type value: \(kind)")
        }
        return filter
    }

    @Sendable private func listOfImage(_ request: APIRequest) async throws -> APIResponse {
        let image: Image
        do {
            image = try await images.find(request)
        } catch let fault as any FaultConvertible where fault.fault.status == .forbidden {
            throw ImageError.notFound(request["image_id"])
        }
        let tasks = try await images.database.read { try ImageTaskRecords.list(image: image.id, in: $0) }
        return .json {
            $0.object { json in
                json.member("tasks") { json in
                    json.array { json in for task in tasks { ImageTaskView.write(row: task, to: &json) } }
                }
            }
        }
    }

    // MARK: Writing

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        throw Fault(
            .methodNotAllowed, "Tasks can't be deleted: they are forgotten at the time in their expires_at.",
            headers: [.allow: "GET"])
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let order = try await TaskOrder(request, images)
        try await images.database.write { try order.place(images, in: $0) }
        return .json(status: .created, headers: [.location: "/v2/tasks/\(order.task.id)"]) {
            ImageTaskView(task: order.task).write(to: &$0)
        }
    }
}

/// An order to make an image and fill it from a URL: `POST /v2/tasks`.
struct TaskOrder: Sendable {
    let task: ImageTask
    private let image: Image
    private let state: ImportState

    /// Reads an order.
    /// - Throws: 400 for one without what it needs, or with a URL that is not fetched.
    init(_ request: APIRequest, _ images: Images.Parts) async throws {
        let input = request.body["input"] ?? .null
        for name in ["import_from", "import_from_format"] where input[name]?.string == nil {
            throw ImageError.badRequest("Input does not contain '\(name)' field")
        }
        guard let properties = input["image_properties"]?.object else {
            throw ImageError.badRequest("Input does not contain 'image_properties' field")
        }
        let uri = input["import_from"]?.string
        try await ImportSource(images: images).check(uri)
        var task = ImageTask(
            kind: .import, owner: request.token?.projectID, userID: request.token?.userID, requestID: request.requestID,
            imageID: nil, input: input)
        var image = try Self.image(properties, request, images)
        let store = images.stores.defaultStore.id
        task.imageID = image.id
        image.properties[ImportMark.task] = task.id
        image.mark(ImportMark.importing, adding: [store])
        image.status = .importing
        var state = ImportState(
            imageID: image.id, taskID: task.id, method: .webDownload, uri: uri, stores: [store], mustSucceed: true)
        (state.ownsImage, state.injects) = (true, images.options.imports.injects(for: request.token))
        (self.task, self.image, self.state) = (task, image, state)
    }

    private static func image(_ properties: JSONObject, _ request: APIRequest, _ images: Images.Parts) throws -> Image {
        var edit = ImageEdit(
            image: Image(id: Identifier.uuid(), owner: request.token?.projectID), isAdmin: request.isImageAdmin,
            limits: images.options.limits)
        for (name, value) in properties {
            try ImageSchemas.checkMayChange(name)
            try ImageSchemas.check(name, value)
            try edit.set(name, value)
        }
        try edit.checkProperties()
        guard edit.image.diskFormat != nil, edit.image.containerFormat != nil else {
            throw ImageError.badRequest("The image needs its disk_format and container_format.")
        }
        return edit.image
    }

    /// Writes the image and the task, and begins the work.
    func place(_ images: Images.Parts, in transaction: any Transaction) throws {
        try ImageRecords.insert(image, in: transaction)
        try ImageTaskRecords.insert(task, in: transaction)
        try images.begin(state, requestID: task.requestID, in: transaction)
    }
}
