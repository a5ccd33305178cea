import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Images: describe, list, show, change, delete.
struct ImageEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2/images", "Create an image", access: .ruleOnResource("add_image"), body: .json(ImageSchemas.create),
                success: .created, handler: create),
            Endpoint(.get, "/v2/images", "List images", access: .rule("get_images"), handler: list),
            Endpoint(.get, "/v2/images/{image_id}", "Show an image", access: .ruleOnResource("get_image"), handler: show),
            Endpoint(
                .patch, "/v2/images/{image_id}", "Change an image", access: .ruleOnResource("modify_image"),
                body: .document(mediaTypes: [ImageSchemas.patchMediaType], ImageSchemas.patch), handler: patch),
            Endpoint(
                .delete, "/v2/images/{image_id}", "Delete an image", access: .ruleOnResource("delete_image"),
                success: .noContent, handler: delete),
        ]
    }

    // MARK: Create

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let now = Timestamp.now
        let projectID = request.token?.projectID
        let blank = Image(
            id: request.body["id"]?.string ?? Identifier.uuid(), name: nil, owner: projectID, status: .queued,
            visibility: .shared, diskFormat: nil, containerFormat: nil, minimumDiskGiB: 0, minimumMemoryMiB: 0, size: nil,
            virtualSize: nil, md5: nil, sha512: nil, isProtected: false, isHidden: false, tags: [], properties: [:],
            location: nil, createdAt: now, updatedAt: now)
        var edit = ImageEdit(image: blank, isAdmin: request.token?.isAdmin ?? false)
        for member in request.body.object ?? [:] where member.name != "id" { try edit.set(member.name, member.value) }
        let image = edit.image
        try request.authorize(target(image, request))
        try checkVisibility(image, request)
        try await images.database.write { transaction in
            guard try ImageRecords.find(image.id, in: transaction) == nil else {
                throw ImageError.conflict("Image ID \(image.id) already exists!")
            }
            try ImageRecords.insert(image, in: transaction)
        }
        return .json(status: .created, headers: [.location: "\(request.serviceURL)/v2/images/\(image.id)"]) {
            ImageView(image: image).write(to: &$0)
        }
    }

    private func checkVisibility(_ image: Image, _ request: APIRequest) throws {
        switch image.visibility {
        case .public: try request.require("publicize_image", target(image, request))
        case .community: try request.require("communitize_image", target(image, request))
        case .private, .shared: break
        }
    }

    private func target(_ image: Image, _ request: APIRequest) -> PolicyTarget { images.target(image, request) }

    // MARK: Lists

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let page = try request.page(ImageOrder.rules(images.options))
        let filter = try filter(request, page)
        let found = try await images.database.read { reader -> [Image] in
            var filter = filter
            if let marker = page.marker {
                guard let image = try ImageRecords.find(marker, in: reader) else {
                    throw ImageError.badRequest("Invalid marker: image \(marker) could not be found.")
                }
                filter.marker = image
            }
            return try ImageRecords.list(filter, in: reader)
        }
        let (rows, hasMore) = page.cut(found)
        let links = PageLinks(request, page, ids: rows.map(\.id), hasMore: hasMore)
        return .json {
            $0.object { json in
                json.member("images") { json in
                    json.array { json in for image in rows { ImageView(image: image).write(to: &json) } }
                }
                links.writeFirstNextSchema(schema: "/v2/schemas/images", to: &json)
            }
        }
    }

    private func filter(_ request: APIRequest, _ page: PageRequest) throws -> ImageFilter {
        var filter = ImageFilter(limit: page.fetchCount)
        filter.order = ImageOrder.of(page)
        filter.viewer = request.token?.projectID
        filter.seesAll = request.token?.isAdmin ?? false
        filter.name = request.query["name"]
        filter.status = request.query["status"]
        filter.owner = request.query["owner"]
        filter.diskFormat = request.query["disk_format"]
        filter.containerFormat = request.query["container_format"]
        filter.isHidden = request.query["os_hidden"]?.lowercased() == "true"
        filter.tags = request.query.all("tag")
        if let id = request.query["id"] { filter.ids = id.hasPrefix("in:") ? id.dropFirst(3).split(separator: ",").map(String.init) : [id] }
        if let text = request.query["visibility"], text != "all" {
            guard let visibility = Image.Visibility(rawValue: text) else {
                throw ImageError.badRequest("Invalid visibility value: \(text)")
            }
            filter.visibility = visibility
        }
        return filter
    }

    // MARK: One image

    private func answer(_ image: Image) -> APIResponse {
        .json { ImageView(image: image).write(to: &$0) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        answer(try await images.find(request))
    }

    @Sendable private func patch(_ request: APIRequest) async throws -> APIResponse {
        let found = try await images.find(request)
        let isAdmin = request.token?.isAdmin ?? false
        let operations = request.body.array ?? []
        let changed = try await images.database.write { transaction -> Image in
            guard let current = try ImageRecords.find(found.id, in: transaction) else { throw ImageError.notFound(found.id) }
            var edit = ImageEdit(image: current, isAdmin: isAdmin)
            for operation in operations { try edit.apply(operation) }
            edit.image.updatedAt = .now
            if edit.image.visibility != current.visibility { try checkVisibility(edit.image, request) }
            try ImageRecords.update(edit.image, in: transaction)
            return edit.image
        }
        return answer(changed)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let found = try await images.find(request)
        let collect = images.collectGarbage
        try await images.database.write { transaction in
            guard let image = try ImageRecords.find(found.id, in: transaction) else { throw ImageError.notFound(found.id) }
            guard !image.isProtected else { throw ImageError.forbidden("Image \(image.id) is protected and cannot be deleted.") }
            try ImageRecords.delete(image, in: transaction)
            transaction.onCommit(collect)
        }
        return .empty()
    }
}
