import CloudAPI
import CloudCore
import CloudStore

/// The projects that an image is shared with. The owner names them; each says for itself whether it accepts.
struct MemberEndpoints: Sendable {
    let images: Images.Parts

    private static let create: Schema = .object([("member", .string(length: 1...255))], required: ["member"], additional: .any)
    private static let update: Schema = .object([("status", .any)], required: ["status"], additional: .any)

    var table: [Endpoint] {
        let (all, one) = ("/v2/images/{image_id}/members", "/v2/images/{image_id}/members/{member_id}")
        return [
            Endpoint(
                .post, all, "Share an image with a project", access: .ruleOnResource("add_member"), body: .json(Self.create),
                handler: create),
            Endpoint(
                .get, all, "List the projects an image is shared with", access: .ruleOnResource("get_members"), handler: list),
            Endpoint(
                .get, one, "Show a project an image is shared with", access: .ruleOnResource("get_member"), handler: show),
            Endpoint(
                .put, one, "Accept or reject a shared image", access: .ruleOnResource("modify_member"), body: .json(Self.update),
                handler: update),
            Endpoint(
                .delete, one, "Stop sharing an image with a project", access: .ruleOnResource("delete_member"),
                success: .noContent, handler: delete),
        ]
    }

    private func answer(_ member: ImageMember) -> APIResponse { .json { MemberView(member: member).write(to: &$0) } }

    // MARK: What is looked for

    /// The image, if it can have members at all.
    private func shared(_ request: APIRequest) async throws -> SeenImage {
        let seen = try await images.see(request)
        guard seen.image.visibility == .shared else { throw ImageError.forbidden("Only shared images have members.") }
        return seen
    }

    /// The one member that the caller may know of; nil for the owner and administrators, who know of all.
    private func horizon(_ seen: SeenImage, _ request: APIRequest) -> String? {
        seen.image.owner == request.token?.projectID || request.isImageAdmin ? nil : request.token?.projectID
    }

    /// The member a request names.
    /// - Throws: 403 for callers who may not see members, 404 for a member there is not or that is none of theirs.
    private func member(_ request: APIRequest, _ seen: SeenImage, in reader: any Reader) throws -> ImageMember {
        let id = request["member_id"]
        try request.require("get_member", images.target(seen, request))
        let horizon = horizon(seen, request)
        guard horizon == nil || horizon == id, let member = try MemberRecords.find(id, of: seen.image.id, in: reader) else {
            throw ImageError.missing("\(id) not found in the member list of the image \(seen.image.id).")
        }
        return member
    }

    // MARK: Handlers

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await shared(request)
        let (imageID, memberID) = (seen.image.id, request.body["member"]?.string ?? "")
        try request.authorize(images.target(seen, request), orThrow: ImageError.forbidden("Not allowed to create members for image \(imageID).").fault)
        let (now, limit) = (Timestamp.now, images.options.limits.members)
        let member = ImageMember(imageID: imageID, memberID: memberID, status: .pending, createdAt: now, updatedAt: now)
        try await images.database.write { transaction in
            // Between look and write the image may have gone, or no longer be one that is shared.
            guard try ImageRecords.find(imageID, in: transaction)?.visibility == .shared else { throw ImageError.notFound(imageID) }
            try ImageOptions.Limits.check(try MemberRecords.count(of: imageID, in: transaction) + 1, limit, "members")
            guard try MemberRecords.find(memberID, of: imageID, in: transaction) == nil else {
                throw ImageError.conflict("Member \(memberID) is duplicated for image \(imageID)")
            }
            try MemberRecords.insert(member, in: transaction)
        }
        return answer(member)
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await shared(request)
        try request.authorize(
            images.target(seen, request), orThrow: ImageError.forbidden("Not allowed to list members for image \(seen.image.id).").fault)
        let horizon = horizon(seen, request)
        let members = try await images.database.read { try MemberRecords.list(of: seen.image.id, only: horizon, in: $0) }
        return .json {
            $0.object {
                $0.member("members", array: members.map(MemberView.init))
                $0.member("schema", "/v2/schemas/members")
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        do {
            let seen = try await shared(request)
            try request.authorize(images.target(seen, request))
            return answer(try await images.database.read { try member(request, seen, in: $0) })
        } catch let error as any FaultConvertible where error.fault.status == .forbidden {
            // As upstream: that an image is not shared is nothing to learn here.
            throw ImageError.missing(error.fault.message)
        }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await shared(request)
        let denial = ImageError.forbidden("Not allowed to update members for image \(seen.image.id).").fault
        _ = try await images.database.read { try member(request, seen, in: $0) }
        try request.authorize(images.target(seen, request), orThrow: denial)
        guard let status = request.body["status"]?.string.flatMap(ImageMember.Status.init) else {
            throw ImageError.badRequest("Incorrect request: Status must be \"pending\", \"accepted\" or \"rejected\".")
        }
        let changed = try await images.database.write { transaction -> ImageMember in
            var member = try member(request, seen, in: transaction)
            (member.status, member.updatedAt) = (status, .now)
            try MemberRecords.update(member, in: transaction)
            return member
        }
        return answer(changed)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await shared(request)
        let denial = ImageError.forbidden("Not allowed to delete members for image \(seen.image.id).").fault
        _ = try await images.database.read { try member(request, seen, in: $0) }
        try request.authorize(images.target(seen, request), orThrow: denial)
        try await images.database.write { try MemberRecords.delete(try member(request, seen, in: $0), in: $0) }
        return .empty()
    }
}
