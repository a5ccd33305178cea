import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The attachments API (from 3.27 on): reserve, connect, complete, end.
struct AttachmentEndpoints: Sendable {
    let storage: BlockStorage.Parts
    private var operations: AttachmentOperations { AttachmentOperations(storage: storage) }

    private static let members: [(name: String, schema: Schema)] = [
        ("instance_uuid", .uuid), ("connector", .nullable(.object([], additional: .any))), ("volume_uuid", .uuid),
    ]
    private static func creation(_ members: [(name: String, schema: Schema)]) -> Schema {
        .object([("attachment", .object(members, required: ["volume_uuid"]))], required: ["attachment"])
    }
    private static let update: Schema = .object(
        [("attachment", .object([("connector", .object([], additional: .any))], required: ["connector"]))], required: ["attachment"])

    var table: [Endpoint] {
        let (one, versions) = ("/attachments/{attachment_id}", MicroversionRange.from(3, 27))
        let own = Access.authenticated(because: "upstream has no rule for looking: one sees the attachments of one's own project")
        return [
            Endpoint(.get, "/attachments", "List attachments", microversions: versions, access: own) { [self] in
                try await list($0, isDetailed: false)
            },
            Endpoint(.get, "/attachments/detail", "List attachments in detail", microversions: versions, access: own) { [self] in
                try await list($0, isDetailed: true)
            },
            Endpoint(.get, one, "Show an attachment", microversions: versions, access: own, handler: show),
            Endpoint(
                .post, "/attachments", "Create an attachment", microversions: versions,
                access: .ruleOnResource("volume:attachment_create"),
                body: .versioned([
                    (Microversion(3, 27), Self.creation(Self.members)),
                    (Microversion(3, 54), Self.creation(Self.members + [("mode", .oneOf(["rw", "ro"]))])),
                ]), handler: create),
            Endpoint(
                .put, one, "Connect an attachment", microversions: versions, access: .ruleOnResource("volume:attachment_update"),
                body: .json(Self.update), handler: connect),
            Endpoint(
                .delete, one, "Delete an attachment", microversions: versions, access: .ruleOnResource("volume:attachment_delete"),
                handler: delete),
            Endpoint(
                .post, one + "/action", "Complete an attachment", microversions: .from(3, 44),
                access: .ruleOnResource("volume:attachment_complete"),
                body: .json(.object([("os-complete", .any)], required: ["os-complete"])), success: .noContent, handler: complete),
        ]
    }

    /// The request's attachment, if it is the caller's own project's or the caller an administrator.
    private func find(_ request: APIRequest) async throws -> Attachment {
        let id = request["attachment_id"]
        let found = try await storage.database.read { try AttachmentRecords.find(id, in: $0) }
        return try storage.admit(request, to: found, project: found?.projectID, user: nil, rules: []) { .attachmentNotFound(id) }
    }

    private func authorized(_ request: APIRequest) async throws -> Attachment {
        let attachment = try await find(request)
        try request.authorize(["project_id": .string(attachment.projectID)])
        return attachment
    }

    // MARK: Showing

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let attachment = try await find(request)
        return try await answer(attachment)
    }

    private func answer(_ attachment: Attachment) async throws -> APIResponse {
        let access = try await operations.access(attachment.id)
        let info = access.map { ConnectionInfo.json($0.2, of: $0.1, attachment: $0.0) } ?? [:]
        return .json { json in
            json.object { $0.member("attachment") { Self.write(attachment, connection: info, to: &$0) } }
        }
    }

    /// - Parameter connection: how it is reached; nil for the short form.
    private static func write(_ attachment: Attachment, connection: JSON?, to json: inout JSONWriter) {
        json.object {
            $0.member("id", attachment.id)
            $0.member("status", attachment.status.rawValue)
            $0.member("instance", attachment.serverID)
            $0.member("volume_id", attachment.volumeID)
            guard let connection else { return }
            $0.member("attached_at", attachment.attachedAt?.iso8601Naive ?? "")
            $0.member("detached_at", attachment.detachedAt?.iso8601Naive ?? "")
            $0.member("attach_mode", attachment.mode)
            $0.member("connection_info", connection)
        }
    }

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let query = try ListQuery(
            request, resource: "attachment", table: AttachmentRecords.table, maximum: storage.options.maximumListLength)
        var selection = query.selection { .attachmentNotFound($0) }
        for filter in query.filters {
            let column: SQL = switch filter.name {
            case "volume_id": "volume_id"
            case "instance_id": "COALESCE(server_id, '')"
            default: "status"
            }
            selection.conditions.append(ListSelection.match(column, filter))
        }
        let (attachments, volumes) = try await storage.database.read { [selection] reader in
            let attachments = try AttachmentRecords.list(selection, in: reader)
            return (attachments, isDetailed ? try VolumeRecords.find(attachments.map(\.volumeID), in: reader) : [:])
        }
        return .json { json in
            json.object {
                $0.member("attachments") { json in
                    json.array { json in
                        for attachment in attachments {
                            let info = attachment.connection.flatMap { connection in
                                volumes[attachment.volumeID].map { ConnectionInfo.json(connection, of: $0, attachment: attachment) }
                            }
                            Self.write(attachment, connection: isDetailed ? info ?? [:] : nil, to: &json)
                        }
                    }
                }
            }
        }
    }

    // MARK: Changing

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["attachment"] ?? .null
        let volume = try await storage.volume(body["volume_uuid"]?.string ?? "", for: request)
        try request.authorize(volume.target)
        guard !volume.status.rawValue.contains("error") else {
            throw BlockStorageError.invalidVolume(
                "Volume attachments can not be created if the volume is in an error state. The Volume \(volume.id) currently has a "
                    + "status of: \(volume.status.rawValue)")
        }
        if volume.isMultiattach, volume.isBootable, volume.status == .inUse {
            try request.require("volume:multiattach_bootable_volume", volume.target)
        }
        let reservation = AttachmentOperations.Reservation(
            volumeID: volume.id, projectID: volume.projectID, serverID: body["instance_uuid"]?.string,
            mode: body["mode"]?.string ?? "null")
        let attachment = try await storage.database.write { [operations] in try operations.reserve(reservation, in: $0) }
        guard let connector = body["connector"], connector.object?.isEmpty == false else { return try await answer(attachment) }
        return try await connect(attachment, connector, orRelease: true)
    }

    @Sendable private func connect(_ request: APIRequest) async throws -> APIResponse {
        let attachment = try await authorized(request)
        let connector = request.body["attachment"]?["connector"] ?? .null
        guard connector.object?.isEmpty == false else {
            throw BlockStorageError.badRequest("Invalid input for field/attribute connector. It does not have enough properties.")
        }
        try await checkOthers(attachment)
        return try await connect(attachment, connector, orRelease: false)
    }

    /// Several hosts can reach a volume at once only where it is made for that, or one server is on its way between them.
    private func checkOthers(_ attachment: Attachment) async throws {
        let (volume, others) = try await storage.database.read { reader in
            (
                try VolumeRecords.find(attachment.volumeID, in: reader),
                try AttachmentRecords.of(volume: attachment.volumeID, in: reader).filter { $0.id != attachment.id }
            )
        }
        guard let volume else { throw BlockStorageError.volumeNotFound(attachment.volumeID) }
        guard !volume.status.rawValue.contains("error") else {
            throw BlockStorageError.conflict(
                "Volume attachments can not be updated if the volume is in an error state. The Volume \(volume.id) currently has a "
                    + "status of: \(volume.status.rawValue)")
        }
        let isShared = others.contains { $0.connection != nil && $0.serverID != attachment.serverID }
        guard volume.isMultiattach || !isShared else {
            throw BlockStorageError.conflict("duplicate connectors detected on volume \(volume.id)")
        }
    }

    private func connect(_ attachment: Attachment, _ connector: JSON, orRelease: Bool) async throws -> APIResponse {
        do {
            let (attachment, connection) = try await operations.connect(attachment.id, connector: connector)
            let volume = try await storage.database.read { try VolumeRecords.find(attachment.volumeID, in: $0) }
            let info = volume.map { ConnectionInfo.json(connection, of: $0, attachment: attachment) } ?? [:]
            return .json { json in
                json.object { $0.member("attachment") { Self.write(attachment, connection: info, to: &$0) } }
            }
        } catch {
            if orRelease { try await operations.remove(attachment.id) }
            throw error
        }
    }

    @Sendable private func complete(_ request: APIRequest) async throws -> APIResponse {
        let id = try await authorized(request).id
        try await storage.database.write { [operations] in try operations.complete(id, in: $0) }
        return .empty()
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let attachment = try await authorized(request)
        try attachment.checkRelease(by: request)
        try await operations.remove(attachment.id)
        let rest = try await storage.database.read { try AttachmentRecords.of(volume: attachment.volumeID, in: $0) }
        return .json { json in
            json.object {
                $0.member("attachments") { json in
                    json.array { json in rest.forEach { Self.write($0, connection: nil, to: &json) } }
                }
            }
        }
    }
}

extension Attachment {
    /// What compute has in a guest, compute takes away: otherwise the guest would go on writing to what is another's by then.
    /// - Throws: 409.
    func checkRelease(by request: APIRequest) throws {
        guard isHeldByCompute, connection != nil, let serverID, request.token?.roles.contains("service") != true else { return }
        throw BlockStorageError.conflict("Detach volume from instance \(serverID) using the Compute API")
    }
}
