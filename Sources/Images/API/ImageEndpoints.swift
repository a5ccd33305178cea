import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import ImageStores

/// Images one by one: describe, show, change, delete.
struct ImageEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2/images", "Create an image", access: .ruleOnResource("add_image"), body: .json(ImageSchemas.create),
                success: .created, handler: create),
            Endpoint(.get, "/v2/images/{image_id}", "Show an image", access: .ruleOnResource("get_image"), handler: show),
            Endpoint(
                .patch, "/v2/images/{image_id}", "Change an image", access: .ruleOnResource("modify_image"),
                body: .document(mediaTypes: [ImagePatch.secondForm, ImagePatch.firstForm], ImagePatch.schema), handler: patch),
            Endpoint(
                .delete, "/v2/images/{image_id}", "Delete an image", access: .ruleOnResource("delete_image"),
                success: .noContent, handler: delete),
        ]
    }

    private func answer(_ image: Image, _ request: APIRequest) -> APIResponse {
        .json { images.view(image, request).write(to: &$0) }
    }

    // MARK: Create

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let image = try described(request)
        let target = images.target(image, request)
        try request.authorize(target, orThrow: image.owner == request.token?.projectID ? nil : ImageError.notOwner(image).fault)
        try checkVisibility(image, request)
        let allowance = try await images.allowance(request)
        try await images.database.write { transaction in
            try allowance?.check(.count, adding: 1, in: transaction)
            guard try ImageRecords.find(image.id, in: transaction) == nil else {
                throw ImageError.conflict("Image ID \(image.id) already exists!")
            }
            try ImageRecords.insert(image, in: transaction)
        }
        var headers: HTTPFields = [
            .location: "\(request.serviceURL)/v2/images/\(image.id)", .imageStoreIDs: images.stores.ids.joined(separator: ","),
        ]
        // A field is never empty (RFC 9110 section 5.5).
        let methods = images.options.imports.methods.joined(separator: ",")
        if !methods.isEmpty { headers[.importMethods] = methods }
        return .json(status: .created, headers: headers) {
            images.view(image, request).write(to: &$0)
        }
    }

    /// The image that a request describes.
    private func described(_ request: APIRequest) throws -> Image {
        let (now, body) = (Timestamp.now, request.body.object ?? [:])
        let blank = Image(
            id: body["id"]?.string ?? Identifier.uuid(), name: nil, owner: body["owner"]?.string ?? request.token?.projectID,
            status: .queued, visibility: .shared, diskFormat: nil, containerFormat: nil, minimumDiskGiB: 0, minimumMemoryMiB: 0,
            size: nil, virtualSize: nil, md5: nil, hashAlgorithm: nil, hash: nil, isProtected: false, isHidden: false, tags: [],
            properties: [:], locations: [], createdAt: now, updatedAt: now)
        var edit = ImageEdit(image: blank, isAdmin: request.isImageAdmin, limits: images.options.limits)
        for (name, value) in body where name != "id" && name != "owner" {
            guard name != "locations" else { throw ImageError.forbidden("Attribute 'locations' is reserved.") }
            try ImageSchemas.checkMayChange(name)
            try ImageSchemas.check(name, value)
            try edit.set(name, value)
        }
        try edit.checkProperties()
        return edit.image
    }

    private func checkVisibility(_ image: Image, _ request: APIRequest) throws {
        switch image.visibility {
        case .public: try request.require("publicize_image", images.target(image, request))
        case .community: try request.require("communitize_image", images.target(image, request))
        case .private, .shared: break
        }
    }

    // MARK: One image

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        answer(try await images.find(request), request)
    }

    @Sendable private func patch(_ request: APIRequest) async throws -> APIResponse {
        let changes = try ImagePatch.parse(request)
        let seen = try await images.findSeen(request)
        let (found, isAdmin) = (seen.image, request.isImageAdmin)
        try images.authorizeLocations(changes, seen, request)
        let locations = ImageLocationEdit(
            options: images.options, stores: images.stores, found: try await images.look(at: changes, of: found))
        let collect = images.collectGarbage
        let changed = try await images.change(found.id) { image, transaction in
            var edit = ImageEdit(image: image, isAdmin: isAdmin, limits: images.options.limits)
            for change in changes {
                if change.isAboutLocations {
                    try locations.apply(change, to: &edit.image)
                    transaction.onCommit(collect)
                    continue
                }
                try edit.apply(change)
                // The rule is about the visibility that is asked for, even if the image has it already.
                if change.name == "visibility" { try checkVisibility(edit.image, request) }
            }
            image = edit.image
        }
        return answer(changed, request)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let found = try await images.find(request)
        try await images.database.write { transaction in
            guard let image = try ImageRecords.find(found.id, in: transaction) else { throw ImageError.notFound(found.id) }
            guard !image.isProtected else { throw ImageError.forbidden("Image \(image.id) is protected and cannot be deleted.") }
            try images.remove(image, in: transaction)
        }
        return .empty()
    }
}

extension Images.Parts {
    /// Changes an image as it stands when the change is written.
    /// - Throws: 404 when it is gone by then.
    @discardableResult func change(
        _ id: String, _ body: @escaping @Sendable (inout Image, any Transaction) throws -> Void
    ) async throws -> Image {
        try await database.write { transaction in
            guard let before = try ImageRecords.find(id, in: transaction) else { throw ImageError.notFound(id) }
            var image = before
            try body(&image, transaction)
            guard image != before else { return image }
            image.updatedAt = .now
            try ImageRecords.update(image, in: transaction)
            return image
        }
    }
}
