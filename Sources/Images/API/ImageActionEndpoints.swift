import CloudAPI

/// Taking an image's bytes out of use for a while, and back.
struct ImageActionEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2/images/{image_id}/actions/deactivate", "Deactivate an image", access: .ruleOnResource("deactivate"),
                success: .noContent
            ) { try await set(.deactivated, from: .active, $0) },
            Endpoint(
                .post, "/v2/images/{image_id}/actions/reactivate", "Reactivate an image", access: .ruleOnResource("reactivate"),
                success: .noContent
            ) { try await set(.active, from: .deactivated, $0) },
        ]
    }

    private func set(_ status: Image.Status, from: Image.Status, _ request: APIRequest) async throws -> APIResponse {
        let found = try await images.find(request)
        let action = status == .active ? "reactivate" : "deactivate"
        try await images.change(found.id) { image, _ in
            guard image.status == from || image.status == status else {
                throw ImageError.forbidden("Not allowed to \(action) image in status '\(image.status.rawValue)'")
            }
            image.status = status
        }
        return .empty()
    }
}
