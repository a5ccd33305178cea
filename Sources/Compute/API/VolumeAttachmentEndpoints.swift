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

    // MARK: Reading

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules(Self.paging, strictFrom: 75).check(request)
        let server = try await compute.server(request["server_id"], for: request)
        let disks = try await compute.disks(of: server.id).filter { isShown($0, request) }
        let (offset, limit) = (request.query["offset"].flatMap { Int($0) } ?? 0, request.query["limit"].flatMap { Int($0) })
        let most = compute.options.maximumListLength
        let page = disks.dropFirst(max(0, offset)).prefix(limit.map { $0 > 0 ? min($0, most) : most } ?? most)
        return .json { json in
            json.object { json in
                json.member("volumeAttachments") { json in
                    json.array { json in for disk in page { write(disk, request, to: &json) } }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        let disk = try await disk(request["volume_id"], of: server)
        guard isShown(disk, request) else { throw notAttached(server, disk.volumeID) }
        return .json { json in json.object { $0.member("volumeAttachment") { write(disk, request, to: &$0) } } }
    }

    /// A volume that is still to be made is shown to nobody; from 2.89 on one without a reservation isn't either.
    private func isShown(_ disk: BlockDeviceMapping, _ request: APIRequest) -> Bool {
        disk.state != .planned && (disk.attachmentID != nil || request.microversion < Microversion(2, 89))
    }

    /// The row of a server's volume.
    private func disk(_ volume: String, of server: Server) async throws -> BlockDeviceMapping {
        let found = try await compute.database.read { try BlockDeviceRecords.find(volume: volume, server: server.id, in: $0) }
        guard let found else { throw notAttached(server, volume) }
        return found
    }

    private func write(_ disk: BlockDeviceMapping, _ request: APIRequest, to json: inout JSONWriter) {
        let at = request.microversion
        json.object {
            if at < Microversion(2, 89) { $0.member("id", disk.volumeID) }
            $0.member("volumeId", disk.volumeID)
            $0.member("serverId", disk.serverID)
            if let name = disk.deviceName { $0.member("device", name) }
            if at >= Microversion(2, 70) { $0.member("tag", disk.tag) }
            if at >= Microversion(2, 79) { $0.member("delete_on_termination", disk.deletesOnTermination) }
            guard at >= Microversion(2, 89) else { return }
            $0.member("attachment_id", disk.attachmentID)
            $0.member("bdm_uuid", disk.id)
        }
    }

    // MARK: Changing

    @Sendable private func attach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try checkShelved(server, "attach_volume", request)
        try VolumeAttachment.conditions(.attachVolume, server).check(server, isAdmin: request.token?.isAdmin == true)
        let body = request.body["volumeAttachment"] ?? .null
        let volume = try await volume(body["volumeId"]?.string ?? "", request)
        let attachment = VolumeAttachment(
            compute: compute, request: request, volume: volume, device: body["device"]?.string.flatMap { $0.isEmpty ? nil : $0 },
            tag: body["tag"]?.string, deletesOnTermination: body.lenientBool("delete_on_termination") ?? false)
        let disk = try await attachment.accept(server.id)
        // Since 2.101 upstream does not wait for the device's name, and has no body to tell it in.
        guard request.microversion < Microversion(2, 101) else { return .empty(status: .accepted) }
        return .json { json in
            json.object { json in
                json.member("volumeAttachment") { json in
                    json.object {
                        $0.member("id", disk.volumeID)
                        $0.member("serverId", disk.serverID)
                        $0.member("volumeId", disk.volumeID)
                        $0.member("device", disk.deviceName)
                        if request.microversion >= Microversion(2, 70) { $0.member("tag", disk.tag) }
                        if request.microversion >= Microversion(2, 79) { $0.member("delete_on_termination", disk.deletesOnTermination) }
                    }
                }
            }
        }
    }

    @Sendable private func change(_ request: APIRequest) async throws -> APIResponse {
        let id = request["server_id"], old = request["volume_id"]
        let new = request.body["volumeAttachment"]?["volumeId"]?.string ?? ""
        let isSwapOnly = request.microversion < Microversion(2, 85)
        let server = try await compute.server(id, for: request)
        if isSwapOnly || old != new { try request.require("os_compute_api:os-volumes-attachments:swap", request.callerTarget) }
        if !isSwapOnly { try await changeMembers(of: try await disk(old, of: server), request) }
        guard isSwapOnly || old != new else { return .empty(status: .accepted) }
        let volume = try await volume(old, request)
        guard volume.migrationStatus?.isEmpty == false else {
            throw ComputeError.conflict("volume \(old) is not migrating; this API should only be called by Cinder")
        }
        guard let token = request.token, let target = try await compute.volumes.volume(new, for: token) else {
            throw ComputeError.badRequest("Volume \(new) could not be found.")
        }
        try await VolumeSwap(compute: compute, old: volume, new: target).accept(
            server.id, requestID: request.requestID, isAdmin: token.isAdmin, log: { [compute] in
                try compute.log(.swapVolume, $0, request, in: $1)
            })
        return .empty(status: .accepted)
    }

    /// What may change is whether the volume goes with the server.
    private func changeMembers(of disk: BlockDeviceMapping, _ request: APIRequest) async throws {
        let body = request.body["volumeAttachment"] ?? .null
        let fixed = [
            ("id", disk.volumeID), ("serverId", disk.serverID), ("device", disk.deviceName), ("tag", disk.tag),
        ]
        for (name, value) in fixed {
            guard let wanted = body[name], wanted.string != value else { continue }
            throw ComputeError.badRequest("The \(name) property is not mutable")
        }
        guard let deletes = body.lenientBool("delete_on_termination") else { return }
        try await compute.database.write { transaction in
            try BlockDeviceRecords.change(disk.id, in: transaction) { $0.deletesOnTermination = deletes }
        }
    }

    @Sendable private func detach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try checkShelved(server, "detach_volume", request)
        let volume = try await volume(request["volume_id"], request)
        let disk = try await disk(volume.id, of: server)
        guard !disk.isRoot else { throw ComputeError.badRequest("Cannot detach a root device volume") }
        try await VolumeDetachment(compute: compute, request: request, volumeID: volume.id).accept(server.id)
        return .empty(status: .accepted)
    }
}
