import CloudAPI
import CloudCore
import CloudStore

/// The older ways to attach volumes: notes of what somebody else does, and connections without attachments.
enum AttachmentActions {
    static let all: [ResourceAction<Volume>] = [
        ResourceAction("os-reserve", rule: rule("reserve"), handler: reserve),
        ResourceAction("os-unreserve", rule: rule("unreserve"), handler: unreserve),
        ResourceAction("os-begin_detaching", rule: rule("begin_detaching"), handler: beginDetaching),
        ResourceAction("os-roll_detaching", rule: rule("roll_detaching"), handler: rollDetaching),
        ResourceAction("os-attach", rule: rule("attach"), attachment, handler: attach),
        ResourceAction(
            "os-detach", rule: rule("detach"), .nullable(.object([("attachment_id", FieldSchemas.optionalID)])), handler: detach),
        ResourceAction(
            "os-initialize_connection", rule: rule("initialize_connection"),
            .object([("connector", .anyOf([.object([], additional: .any), .string()]))], required: ["connector"]),
            handler: initializeConnection),
        ResourceAction(
            "os-terminate_connection", rule: rule("terminate_connection"),
            .object([("connector", anyConnector)], required: ["connector"]), handler: terminateConnection),
        ResourceAction(
            "os-force_detach", rule: "volume_extension:volume_admin_actions:force_detach",
            .object([("connector", anyConnector), ("attachment_id", .nullable(.string()))]), handler: forceDetach),
    ]

    private static func rule(_ name: String) -> String { "volume_extension:volume_actions:\(name)" }
    private static let anyConnector: Schema = .anyOf([.object([], additional: .any), .string(), .null])
    private static let attachment: Schema = .object(
        [
            ("instance_uuid", .uuid), ("mountpoint", .string(length: 1...255)), ("host_name", .string(length: 0...255)),
            ("mode", .oneOf(["rw", "ro"])),
        ], required: ["mountpoint"])

    // MARK: States

    @Sendable private static func reserve(_ call: ActionCall<Volume>) async throws -> APIResponse {
        try await call.change { volume, _ in
            let free: [Volume.Status] = volume.isMultiattach ? [.available, .inUse] : [.available]
            guard free.contains(volume.status) else {
                throw BlockStorageError.invalidVolume(
                    "Volume status must be \(free.map(\.rawValue).joined(separator: " or ")) to reserve, but the status is "
                        + "\(volume.status.rawValue).")
            }
            try volume.requireAtRest()
            volume.status = .attaching
        }
        return .empty()
    }

    @Sendable private static func unreserve(_ call: ActionCall<Volume>) async throws -> APIResponse {
        try await call.change { volume, transaction in
            guard volume.status == .attaching else { return }
            volume.status = try AttachmentRecords.of(volume: volume.id, in: transaction).isEmpty ? .available : .inUse
        }
        return .empty()
    }

    @Sendable private static func beginDetaching(_ call: ActionCall<Volume>) async throws -> APIResponse {
        try await call.change { volume, _ in try volume.beginDetaching() }
        return .empty()
    }

    @Sendable private static func rollDetaching(_ call: ActionCall<Volume>) async throws -> APIResponse {
        try await call.change { volume, _ in if volume.status == .detaching { volume.status = .inUse } }
        return .empty()
    }

    // MARK: Attachments

    @Sendable private static func attach(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let (server, host) = (call.value["instance_uuid"]?.string, call.value["host_name"]?.string)
        guard server != nil || host != nil else {
            throw BlockStorageError.badRequest("Invalid input for field/attribute os-attach. It names no server and no host.")
        }
        let device = call.value["mountpoint"]?.string
        let mode = call.value["mode"]?.string ?? "rw"
        try await call.change { volume, transaction in
            guard volume.status != .maintenance else {
                throw BlockStorageError.invalidVolume("The volume cannot be attached in maintenance mode.")
            }
            guard !volume.isReadOnly || mode == "ro" else {
                throw BlockStorageError.badRequest("Invalid attaching mode '\(mode)' for volume \(volume.id).")
            }
            let all = try AttachmentRecords.of(volume: volume.id, in: transaction)
            let known = all.first { $0.serverID == server && (server != nil || $0.host == host) }
            guard known != nil || volume.isMultiattach || ![.inUse, .detaching, .reserved].contains(volume.status) else {
                throw BlockStorageError.badRequest("Error attaching volume - InvalidVolume: the volume is already attached")
            }
            guard known != nil || [.available, .attaching, .inUse].contains(volume.status) else {
                throw BlockStorageError.badRequest(
                    "Error attaching volume - InvalidVolume: the volume's status is \(volume.status.rawValue)")
            }
            if known == nil, volume.status == .available { try volume.requireAtRest() }
            var attachment = known ?? Attachment(
                id: Identifier.uuid(), volumeID: volume.id, projectID: volume.projectID, serverID: server, status: .attached, mode: mode,
                createdAt: .now)
            (attachment.status, attachment.attachedAt, attachment.device, attachment.mode) = (.attached, .now, device, mode)
            attachment.host = host ?? attachment.host
            if known == nil {
                try AttachmentRecords.insert(attachment, in: transaction)
            } else {
                try AttachmentRecords.update(attachment, in: transaction)
            }
            (volume.status, volume.attachStatus) = (.inUse, .attached)
            volume.details.adminMetadata["attached_mode"] = mode
            volume.details.adminMetadata["readonly"] = volume.details.adminMetadata["readonly"] ?? "False"
        }
        return .empty()
    }

    @Sendable private static func detach(_ call: ActionCall<Volume>) async throws -> APIResponse {
        guard call.resource.status != .maintenance else {
            throw BlockStorageError.invalidVolume("The volume cannot be detached in maintenance mode.")
        }
        try await end(call, attachment: call.value["attachment_id"]?.string, isForced: false)
        return .empty()
    }

    @Sendable private static func forceDetach(_ call: ActionCall<Volume>) async throws -> APIResponse {
        try call.require(rule("terminate_connection"))
        try call.require(rule("detach"))
        try await end(call, attachment: call.value["attachment_id"]?.string, isForced: true)
        return .empty()
    }

    /// Ends one of the volume's attachments: the one that is named, or the only one.
    private static func end(_ call: ActionCall<Volume>, attachment id: String?, isForced: Bool) async throws {
        let volume = call.resource.id
        let all = try await call.storage.database.read { try AttachmentRecords.of(volume: volume, in: $0) }
        let operations = AttachmentOperations(storage: call.storage)
        if let id {
            guard let attachment = all.first(where: { $0.id == id }) else {
                throw BlockStorageError.badRequest(
                    "Error detaching volume - VolumeAttachmentNotFound: the volume has no attachment \(id)")
            }
            try attachment.checkRelease(by: call.request)
            return try await operations.remove(attachment.id)
        }
        guard all.count <= 1 else {
            throw BlockStorageError.badRequest(
                "Error detaching volume - InvalidVolume: it is attached to more than one instance; say which attachment ends")
        }
        if let attachment = all.first {
            try attachment.checkRelease(by: call.request)
            return try await operations.remove(attachment.id)
        }
        // There is nothing to take away: the volume is free, whatever was noted before, unless its bytes are at work.
        try await call.change { volume, _ in
            guard !volume.status.isAtWork else {
                throw BlockStorageError.invalidVolume("It is not attached, and cannot be freed while it is \(volume.status.rawValue).")
            }
            (volume.status, volume.attachStatus) = (.available, .detached)
        }
    }

    // MARK: Connections

    @Sendable private static func initializeConnection(_ call: ActionCall<Volume>) async throws -> APIResponse {
        guard call.resource.status != .maintenance else {
            throw BlockStorageError.invalidVolume("The volume connection cannot be initialized in maintenance mode.")
        }
        guard let connector = call.value["connector"], let host = connector["host"]?.string else {
            throw BlockStorageError.invalidInput("Connector doesn't have required information: host")
        }
        let volume = call.resource
        let operations = AttachmentOperations(storage: call.storage)
        let id = try await call.storage.database.write { transaction in
            let all = try AttachmentRecords.of(volume: volume.id, in: transaction)
            if let known = all.first(where: { $0.host == host || ($0.host == nil && !$0.isHeldByCompute) }) { return known.id }
            let new = Attachment(
                id: Identifier.uuid(), volumeID: volume.id, projectID: volume.projectID, host: host, status: .attaching, mode: "null",
                createdAt: .now)
            try AttachmentRecords.insert(new, in: transaction)
            return new.id
        }
        let (attachment, connection) = try await operations.connect(id, connector: connector)
        var info = ConnectionInfo.nested(connection, of: volume, attachment: attachment).object ?? [:]
        info["enforce_multipath"] = .bool(connector["enforce_multipath"]?.bool ?? false)
        return .json(status: .ok, "connection_info", JSON.object(info))
    }

    @Sendable private static func terminateConnection(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let volume = call.resource.id
        let host = call.value["connector"]?["host"]?.string
        let all = try await call.storage.database.read { try AttachmentRecords.of(volume: volume, in: $0) }
        let operations = AttachmentOperations(storage: call.storage)
        for attachment in all where host == nil || attachment.host == host {
            try attachment.checkRelease(by: call.request)
            // What is attached stays so until it is detached; only the way to it goes.
            if attachment.status == .attached {
                try await operations.disconnect(attachment.id)
                try await call.storage.database.write { try operations.complete(attachment.id, in: $0) }
            } else {
                try await operations.remove(attachment.id)
            }
        }
        return .empty()
    }
}

extension Volume {
    /// Says that it is on its way out of a guest.
    /// - Throws: 400 when it is not in use; a volume that migrates does so without showing it.
    mutating func beginDetaching() throws {
        guard !isMigrating else { return }
        guard status == .inUse, attachStatus == .attached else {
            throw BlockStorageError.invalidVolume(
                "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.")
        }
        status = .detaching
    }
}
