import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// An image with what its caller has to do with it.
struct SeenImage: Sendable {
    let image: Image
    /// Whether the image is shared with the caller's project, which has not to have accepted it.
    let isMember: Bool
}

extension APIRequest {
    /// Whether the caller is an administrator by Glance's own rule.
    var isImageAdmin: Bool { allows("context_is_admin", callerTarget) }
}

extension Images.Parts {
    /// The image a request names, if the caller may do with it what the endpoint's rule governs. What a caller may not
    /// even see does not exist for it.
    func find(_ request: APIRequest) async throws -> Image {
        try await findSeen(request).image
    }

    /// The same, with what the caller has to do with the image.
    func findSeen(_ request: APIRequest) async throws -> SeenImage {
        let seen = try await see(request)
        try request.authorize(target(seen, request))
        return seen
    }

    /// The image a request names, if the caller may see it. The endpoint's own rule is still to be asked for.
    func see(_ request: APIRequest) async throws -> SeenImage {
        let id = request["image_id"]
        let found = try await database.read { try look(id, for: request, in: $0) }
        guard let found, isVisible(found, request), request.allows("get_image", target(found, request)) else {
            throw ImageError.notFound(id)
        }
        return found
    }

    /// An image, whoever may see it.
    func look(_ id: String, for request: APIRequest, in reader: any Reader) throws -> SeenImage? {
        guard let image = try ImageRecords.find(id, in: reader) else { return nil }
        guard image.visibility == .shared, let projectID = request.token?.projectID, projectID != image.owner else {
            return SeenImage(image: image, isMember: false)
        }
        return SeenImage(image: image, isMember: try MemberRecords.find(projectID, of: id, in: reader) != nil)
    }

    /// What the database lets through, before any rule (glance.db.utils.is_image_visible).
    func isVisible(_ seen: SeenImage, _ request: APIRequest) -> Bool {
        guard let owner = seen.image.owner, !request.isImageAdmin else { return true }
        return switch seen.image.visibility {
        case .public, .community: true
        case .shared: owner == request.token?.projectID || seen.isMember
        case .private: owner == request.token?.projectID
        }
    }

    /// An image as Glance's rules see it.
    func target(_ seen: SeenImage, _ request: APIRequest) -> PolicyTarget {
        var target = target(seen.image, request)
        if seen.isMember { target["member_id"] = request.token?.projectID.map { .string($0) } }
        return target
    }

    /// An image as Glance's rules see it, for a caller it is not shared with.
    func target(_ image: Image, _ request: APIRequest) -> PolicyTarget {
        let owner: JSON = image.owner.map { .string($0) } ?? .null
        return [
            "project_id": owner, "owner": owner, "visibility": .string(image.visibility.rawValue), "image_id": .string(image.id),
            "id": .string(image.id), "status": .string(image.status.rawValue), "name": image.name.map { .string($0) } ?? .null,
            "user_id": request.token.map { .string($0.userID) } ?? .null,
        ]
    }
}
