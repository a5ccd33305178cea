import CloudAPI
import CloudCore

/// An image's tags, one by one.
struct ImageTagEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .put, "/v2/images/{image_id}/tags/{tag}", "Add a tag to an image", access: .ruleOnResource("modify_image"),
                success: .noContent, handler: add),
            Endpoint(
                .delete, "/v2/images/{image_id}/tags/{tag}", "Remove a tag from an image", access: .ruleOnResource("modify_image"),
                success: .noContent, handler: remove),
        ]
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let tag = request["tag"]
        try ImageSchemas.check("tags", [.string(tag)])
        let found = try await images.find(request)
        try await images.change(found.id) { image, _ in
            var edit = ImageEdit(image: image, isAdmin: false, limits: images.options.limits)
            try edit.setTags(image.tags + [tag])
            image = edit.image
        }
        return .empty()
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let tag = request["tag"]
        let found = try await images.find(request)
        try await images.change(found.id) { image, _ in
            guard image.tags.contains(tag) else { throw ImageError.missing("Image \(found.id) has no tag '\(tag)'.") }
            image.tags.removeAll { $0 == tag }
        }
        return .empty()
    }
}
