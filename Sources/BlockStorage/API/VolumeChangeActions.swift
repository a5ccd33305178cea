import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

extension ActionCall<Volume> {
    /// Changes the volume in one transaction with the look at its state.
    /// - Throws: 404 when it is gone, and what the body throws.
    @discardableResult
    func change(_ body: @escaping @Sendable (inout Volume, any Transaction) throws -> Void) async throws -> Volume {
        let id = resource.id
        return try await storage.database.write { transaction in
            guard var volume = try VolumeRecords.find(id, in: transaction) else { throw BlockStorageError.volumeNotFound(id) }
            try body(&volume, transaction)
            try VolumeRecords.update(volume, in: transaction)
            return volume
        }
    }

    /// Puts a further rule to the volume.
    func require(_ rule: String) throws { try request.require(rule, resource.target) }
}

/// What changes a volume itself.
enum VolumeChangeActions {
    static let all: [ResourceAction<Volume>] = [
        ResourceAction("os-extend", rule: nil, member("new_size", FieldSchemas.size), handler: extend),
        ResourceAction("revert", rule: "volume:revert_to_snapshot", from: 40, revertValue, handler: revert),
        ResourceAction(
            "os-update_readonly_flag", rule: "volume:update_readonly_flag", member("readonly", FieldSchemas.boolean),
            handler: updateReadOnly),
        ResourceAction("os-set_bootable", rule: "volume:update", member("bootable", FieldSchemas.boolean), handler: setBootable),
        ResourceAction("os-reimage", rule: nil, from: 68, reimageValue, handler: reimage),
        ResourceAction(
            "os-set_image_metadata", rule: "volume_extension:volume_image_metadata:set",
            .object([("metadata", FieldSchemas.imageMetadata)], required: ["metadata"]), handler: setImageMetadata),
        ResourceAction("os-show_image_metadata", rule: "volume:get_volume_metadata", handler: showImageMetadata),
        ResourceAction(
            "os-unset_image_metadata", rule: "volume_extension:volume_image_metadata:remove",
            member("key", .string(length: 1...255)), handler: unsetImageMetadata),
        ResourceAction(
            "os-reset_status", rule: "volume_extension:volume_admin_actions:reset_status", resetValue, handler: resetStatus),
        ResourceAction(
            "os-force_delete", rule: "volume_extension:volume_admin_actions:force_delete", handler: forceDelete),
        ResourceAction(
            "os-migrate_volume_completion", rule: "volume_extension:volume_admin_actions:migrate_volume_completion",
            .object([("new_volume", .uuid), ("error", .anyOf([.string(), .null, .boolean()]))], required: ["new_volume"]),
            handler: completeMigration),
        ResourceAction(
            "os-extend_volume_completion", rule: "volume_extension:volume_admin_actions:extend_volume_completion", from: 71,
            .object([("error", .anyOf([.string(), .null, .boolean()]))]), handler: completeExtension),
    ]

    private static let revertValue: Schema = .object([("snapshot_id", .nullable(.string()))], additional: .any)
    private static let reimageValue: Schema = .object(
        [("image_id", .string(format: .uuid)), ("reimage_reserved", FieldSchemas.boolean)], required: ["image_id"])
    private static let resetValue: Schema = .object([
        ("status", .nullable(.string())), ("attach_status", .nullable(.string())), ("migration_status", .nullable(.string())),
    ])

    private static func member(_ name: String, _ schema: Schema) -> Schema { .object([(name, schema)], required: [name]) }

    // MARK: Size and content

    @Sendable private static func extend(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let isAttached = call.request.isFrom(42) && call.resource.status == .inUse
        try call.require(isAttached ? "volume:extend_attached_volume" : "volume:extend")
        let size = call.value.lenientInt("new_size") ?? 0
        let (storage, requestID) = (call.storage, call.request.requestID)
        try await call.change { volume, transaction in
            guard size > volume.size else {
                throw BlockStorageError.invalidInput(
                    "New size for extend must be greater than current size. (current: \(volume.size), extended: \(size)).")
            }
            try VolumeTypeRecords.find(volume.typeID, in: transaction)?.check(size: size)
            let expected: Volume.Status = isAttached ? .inUse : .available
            guard volume.status == expected else {
                throw BlockStorageError.invalidVolume(
                    "Volume \(volume.id) status must be '\(expected.rawValue)' to extend, currently \(volume.status.rawValue).")
            }
            try volume.requireAtRest()
            if volume.usesQuota {
                try storage.checkQuota(
                    project: volume.projectID, type: volume.typeID, gigabytes: size - volume.size, whole: size, in: transaction)
            }
            (volume.previousStatus, volume.status, volume.growth) = (volume.status, .extending, size - volume.size)
            let servers = try AttachmentRecords.of(volume: volume.id, in: transaction).filter(\.isAttached).compactMap(\.serverID)
            try storage.begin(
                ExtendVolumeWorkflow(storage: storage).workflow,
                ExtendVolumeState(volumeID: volume.id, newSize: size, servers: isAttached ? servers : []), subject: volume.subject,
                requestID: requestID, in: transaction)
        }
        return .empty()
    }

    /// Compute's word that it has done its part, or has failed. Here the workflow asks compute and waits for its answer, so success is
    /// nothing new to it; a failure ends it, and what the volume was to grow by counts in no quota any more.
    @Sendable private static func completeExtension(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let (storage, hasFailed) = (call.storage, call.value.lenientBool("error") ?? false)
        try await call.change { volume, transaction in
            guard volume.status == .extending else { throw BlockStorageError.invalidVolume("Volume is not being extended.") }
            // One that an administrator has set to this status knows no size to grow to.
            guard volume.previousStatus != nil else {
                throw BlockStorageError.invalidVolume("Required volume admin metadata is malformed or missing.")
            }
            if hasFailed { _ = try storage.workflows.cancel(subject: volume.subject, in: transaction) }
        }
        return .empty()
    }

    @Sendable private static func revert(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let wanted = call.value["snapshot_id"]?.string
        let (storage, requestID) = (call.storage, call.request.requestID)
        try await call.change { volume, transaction in
            guard let latest = try SnapshotRecords.of(volume: volume.id, in: transaction).last else {
                throw BlockStorageError.badRequest("Volume \(volume.id) doesn't have any snapshots.")
            }
            guard wanted == latest.id else {
                throw BlockStorageError.badRequest(
                    "Specified snapshot \(wanted ?? "None") is None or not the latest one of volume \(volume.id).")
            }
            guard volume.size == latest.volumeSize else {
                throw BlockStorageError.badRequest(
                    "Can't revert volume \(volume.id) to its latest snapshot \(latest.id). The volume size must be equal to the "
                        + "snapshot size.")
            }
            guard volume.status == .available, latest.status == .available else {
                throw BlockStorageError.conflict(
                    "Can't revert volume \(volume.id) to its latest snapshot \(latest.id). Both must be 'available'.")
            }
            try volume.requireAtRest()
            (volume.previousStatus, volume.status) = (volume.status, .reverting)
            try SnapshotRecords.change(latest.id, in: transaction) { $0.status = .restoring }
            try storage.begin(
                RevertVolumeWorkflow(storage: storage).workflow, RevertVolumeState(volumeID: volume.id, snapshotID: latest.id),
                subject: volume.subject, requestID: requestID, in: transaction)
        }
        return .empty()
    }

    @Sendable private static func reimage(_ call: ActionCall<Volume>) async throws -> APIResponse {
        try call.require(call.resource.status == .reserved ? "volume:reimage_reserved" : "volume:reimage")
        guard let token = call.request.token, let id = call.value["image_id"]?.string else { return .empty() }
        let image = try await VolumeImageLookup(storage: call.storage, token: token).find(id)
        let reserved = call.value.lenientBool("reimage_reserved") ?? false
        let (storage, volume, requestID) = (call.storage, call.resource.id, call.request.requestID)
        try await storage.database.write { transaction in
            try storage.beginReimage(volume, image, reserved: reserved, requestID: requestID, in: transaction)
        }
        return .empty()
    }

    // MARK: Flags and metadata

    @Sendable private static func updateReadOnly(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let flag = call.value.lenientBool("readonly") ?? false
        try await call.change { volume, _ in
            guard volume.status == .available else {
                throw BlockStorageError.invalidVolume(
                    "Volume \(volume.id) status must be available to update readonly flag, but current status is: "
                        + "\(volume.status.rawValue).")
            }
            volume.details.adminMetadata["readonly"] = flag ? "True" : "False"
        }
        return .empty()
    }

    @Sendable private static func setBootable(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let flag = call.value.lenientBool("bootable") ?? false
        try await call.change { volume, _ in
            guard volume.status != .maintenance else {
                throw BlockStorageError.invalidVolume("The volume cannot be updated during maintenance.")
            }
            volume.isBootable = flag
        }
        return .empty(status: .ok)
    }

    @Sendable private static func setImageMetadata(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let new = call.value["metadata"]?.stringDictionary ?? [:]
        let volume = try await call.change { volume, _ in
            try checkMetadata(volume)
            volume.imageMetadata.merge(new) { $1 }
        }
        return .json(status: .ok, "metadata", JSON(volume.imageMetadata))
    }

    private static func checkMetadata(_ volume: Volume) throws {
        guard volume.status != .maintenance, volume.status != .uploading else {
            throw BlockStorageError.invalidVolume(
                "Updating volume metadata is not allowed for volumes in \(volume.status.rawValue) status.")
        }
    }

    @Sendable private static func showImageMetadata(_ call: ActionCall<Volume>) async throws -> APIResponse {
        .json(status: .ok, "metadata", JSON(call.resource.imageMetadata))
    }

    @Sendable private static func unsetImageMetadata(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let key = call.value["key"]?.string ?? ""
        try await call.change { volume, _ in
            try checkMetadata(volume)
            guard volume.imageMetadata.removeValue(forKey: key) != nil else {
                throw BlockStorageError.notFound("Glance metadata for volume/snapshot \(volume.id) cannot be found.")
            }
        }
        return .empty(status: .ok)
    }

    // MARK: Administrators'

    @Sendable private static func resetStatus(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let reset = try StatusReset(call.value)
        try await call.change { volume, transaction in
            let attachments = try AttachmentRecords.of(volume: volume.id, in: transaction)
            if let status = reset.status {
                guard status != .deleting else { throw BlockStorageError.badRequest("Cannot reset-state to \(status.rawValue)") }
                guard status != .inUse || !attachments.isEmpty else {
                    throw BlockStorageError.badRequest("Cannot reset-state to in-use because volume does not have any attachments.")
                }
                volume.status = status
            }
            if let status = reset.migrationStatus { volume.migrationStatus = status == "none" ? nil : status }
            guard let attach = reset.attachStatus else { return }
            volume.attachStatus = attach
            guard attach == .detached else { return }
            volume.details.adminMetadata["attached_mode"] = nil
            // The exports of attachments that are gone are taken away by the reconciler.
            for attachment in attachments { try AttachmentRecords.delete(attachment.id, in: transaction) }
        }
        return .empty()
    }

    @Sendable private static func completeMigration(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let new = try await call.storage.volume(call.value["new_volume"]?.string ?? "", for: call.request).id
        let hasFailed = call.value["error"].map { $0.bool ?? ($0.string?.isEmpty == false) } ?? false
        let completion = MigrationCompletion(storage: call.storage, requestID: call.request.requestID)
        let old = call.resource.id
        let id = try await call.storage.database.write { try completion.complete(old, new, hasFailed: hasFailed, in: $0) }
        return .json(status: .ok, "save_volume_id", id)
    }

    @Sendable private static func forceDelete(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let id = call.resource.id
        try call.require("volume:delete")
        let removal = VolumeRemoval(
            storage: call.storage, isForced: true, isAdmin: call.request.isAdmin, requestID: call.request.requestID)
        try await call.storage.database.write { try removal.begin(id, in: $0) }
        return .empty()
    }
}

/// What an administrator sets a volume's state to.
struct StatusReset: Sendable {
    private(set) var status: Volume.Status?
    private(set) var attachStatus: Volume.AttachStatus?
    private(set) var migrationStatus: String?

    private static let migrations: Set = ["migrating", "error", "success", "completing", "none", "starting"]

    /// - Throws: 400 for states that there are not, or none at all.
    init(_ value: JSON) throws {
        func text(_ name: String) -> String? { value[name]?.string.flatMap { $0.isEmpty ? nil : $0.lowercased() } }
        guard ["status", "attach_status", "migration_status"].contains(where: { value[$0] != nil }) else {
            throw BlockStorageError.badRequest(
                "Invalid parameter value: Must specify 'status', 'attach_status' or 'migration_status' for update.")
        }
        if let name = text("status") {
            status = Volume.Status(rawValue: name)
            guard status != nil else { throw Self.refusal("Volume status", name) }
        }
        if let name = text("attach_status") {
            attachStatus = Volume.AttachStatus(rawValue: name).flatMap { [.attached, .detached].contains($0) ? $0 : nil }
            guard attachStatus != nil else { throw Self.refusal("Volume attach status", name) }
        }
        migrationStatus = text("migration_status")
        if let name = migrationStatus, !Self.migrations.contains(name) { throw Self.refusal("Volume migration status", name) }
    }

    private static func refusal(_ what: String, _ name: String) -> BlockStorageError {
        .badRequest("Invalid parameter value: \(what): \(name) is invalid.")
    }
}

extension BlockStorage.Parts {
    /// Begins to write an image over a volume that at most one server has, and that nobody reaches.
    /// - Parameter reserved: whether a reserved volume may be written over.
    /// - Throws: 400 for a state that does not allow it or an image that does not fit, 409 for several servers.
    func beginReimage(
        _ id: String, _ image: VolumeImage, reserved: Bool, requestID: String?, in transaction: any Transaction
    ) throws {
        guard var volume = try VolumeRecords.find(id, in: transaction) else { throw BlockStorageError.volumeNotFound(id) }
        guard try AttachmentRecords.of(volume: id, in: transaction).count <= 1 else {
            throw BlockStorageError.conflict("Cannot re-image a volume which is attached to more than one server.")
        }
        let expected: [Volume.Status] = reserved ? [.available, .error, .reserved] : [.available, .error]
        guard expected.contains(volume.status) else {
            throw BlockStorageError.invalidVolume(
                "Volume \(id) status must be \(expected.map(\.rawValue).joined(separator: " or ")), but current status is "
                    + "\(volume.status.rawValue).")
        }
        try volume.requireAtRest()
        try image.check(volumeSize: volume.size)
        (volume.previousStatus, volume.status) = (volume.status, .downloading)
        try VolumeRecords.update(volume, in: transaction)
        try begin(
            ReimageVolumeWorkflow(storage: self).workflow, ReimageVolumeState(volumeID: id, image: image), subject: volume.subject,
            requestID: requestID, in: transaction)
    }
}
