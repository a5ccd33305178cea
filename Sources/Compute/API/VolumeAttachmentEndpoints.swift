import CloudAPI
import CloudCore
import CloudStore

/// The volumes of a server. Nothing is attached as long as there is no block storage; what requests ask for is looked up
/// there all the same, so that they are told what is missing.
struct VolumeAttachmentEndpoints: Sendable {
    let compute: Compute.Parts

    private static let device: Schema = .nullable(.string(pattern: "/dev/x{0,1}[a-z]{0,1}d{0,1}[a-z]+[0-9]*"))
    private static let paging: [(name: String, schema: Schema)] = [("limit", .integer(0...Int.max)), ("offset", .integer(0...Int.max))]

    private static func body(_ members: [(name: String, schema: Schema)], from minor: Int) -> (from: Microversion, schema: Schema) {
        let attachment: Schema = .object([("volumeId", .uuid)] + members, required: ["volumeId"])
        return (Microversion(2, minor), .object([("volumeAttachment", attachment)], required: ["volumeAttachment"]))
    }

    private static let create = [
        body([("device", device)], from: 1), body([("device", device), ("tag", TextSchemas.tag)], from: 49),
        body([("device", device), ("tag", TextSchemas.tag), ("delete_on_termination", TextSchemas.boolean)], from: 79),
    ]
    private static let update = [
        body([], from: 1),
        body(
            [
                ("device", device), ("tag", TextSchemas.tag), ("delete_on_termination", TextSchemas.boolean), ("serverId", .uuid),
                ("id", .uuid),
            ], from: 85),
    ]

    var table: [Endpoint] {
        let list = "/v2.1/servers/{server_id}/os-volume_attachments"
        let one = list + "/{volume_id}"
        func rule(_ name: String) -> Access { .ruleOnResource("os_compute_api:os-volumes-attachments:" + name) }
        return [
            Endpoint(.get, list, "List a server's volumes", access: rule("index"), handler: index),
            Endpoint(.get, one, "Show a volume of a server", access: rule("show"), handler: show),
            Endpoint(
                .post, list, "Attach a volume to a server", access: rule("create"), body: .versioned(Self.create), handler: attach),
            Endpoint(
                .put, one, "Change or swap a volume of a server", access: rule("update"), body: .versioned(Self.update),
                success: .accepted, handler: change),
            Endpoint(.delete, one, "Detach a volume from a server", access: rule("delete"), success: .accepted, handler: detach),
        ]
    }

    private static let attachable: Set<Server.State> = [
        .active, .paused, .stopped, .resized, .softDeleted, .shelved, .shelvedOffloaded,
    ]

    private func notAttached(_ server: Server, _ volume: String) -> ComputeError {
        .notFound("Instance \(server.id) is not attached to volume \(volume)")
    }

    /// The volume, which must exist.
    private func volume(_ id: String, _ request: APIRequest) async throws -> ServerVolume {
        guard let token = request.token, let volume = try await compute.volumes.volume(id, for: token) else {
            throw ComputeError.notFound("Volume \(id) could not be found.")
        }
        return volume
    }

    /// Before 2.20 a shelved server's volumes stay as they are.
    private func checkShelved(_ server: Server, _ action: String, _ request: APIRequest) throws {
        guard server.state == .shelved || server.state == .shelvedOffloaded, request.microversion < Microversion(2, 20) else { return }
        throw ActionRefused(action: action, server: server.id, attribute: "vm_state", value: server.state.rawValue)
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules(Self.paging, strictFrom: 75).check(request)
        _ = try await compute.server(request["server_id"], for: request)
        return .json { $0.object { $0.member("volumeAttachments") { $0.array { _ in } } } }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        throw notAttached(server, request["volume_id"])
    }

    @Sendable private func attach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try checkShelved(server, "attach_volume", request)
        try ActionConditions(.attachVolume, states: Self.attachable, besides: nil, needsHost: false)
            .check(server, isAdmin: request.token?.isAdmin == true)
        _ = try await volume(request.body["volumeAttachment"]?["volumeId"]?.string ?? "", request)
        throw Fault(.notImplemented, "Attaching volumes comes with block storage.")
    }

    @Sendable private func change(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        let (old, new) = (request["volume_id"], request.body["volumeAttachment"]?["volumeId"]?.string)
        guard request.microversion < Microversion(2, 85) || old != new else { throw notAttached(server, old) }
        try request.require("os_compute_api:os-volumes-attachments:swap", request.callerTarget)
        let volume = try await volume(old, request)
        guard volume.migrationStatus?.isEmpty == false else {
            throw ComputeError.conflict("volume \(old) is not migrating; this API should only be called by Cinder")
        }
        throw notAttached(server, old)
    }

    @Sendable private func detach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try checkShelved(server, "detach_volume", request)
        _ = try await volume(request["volume_id"], request)
        throw notAttached(server, request["volume_id"])
    }
}
