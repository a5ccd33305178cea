import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// `os-retype` and `os-migrate_volume`.
enum VolumeMoveActions {
    static let all: [ResourceAction<Volume>] = [
        ResourceAction(
            "os-retype", rule: "volume:retype",
            .object(
                [("new_type", .string(length: 0...255)), ("migration_policy", .nullable(.oneOf(["on-demand", "never"])))],
                required: ["new_type"]),
            handler: retype),
        ResourceAction(
            "os-migrate_volume", rule: "volume_extension:volume_admin_actions:migrate_volume",
            versions: [
                (0, .object([("host", .string(length: 0...255))] + flags, required: ["host"])),
                (
                    16,
                    .object([("host", .nullable(.string(length: 0...255))), ("cluster", FieldSchemas.optionalName)] + flags)
                ),
            ], handler: migrate),
    ]

    private static let flags: [(name: String, schema: Schema)] = [
        ("force_host_copy", FieldSchemas.boolean), ("lock_volume", FieldSchemas.boolean),
    ]

    // MARK: Retype

    @Sendable private static func retype(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let (storage, name) = (call.storage, call.value["new_type"]?.string ?? "")
        let mayMigrate = call.value["migration_policy"]?.string == "on-demand"
        let usableBy = call.request.isAdmin ? nil : call.resource.projectID
        let found = try await storage.database.read { reader in
            let type = try VolumeTypeRecords.find(named: name, usableBy: usableBy, in: reader)
            if let type { try check(call.resource, takes: type, call, in: reader) }
            return type
        }
        guard let type = found else { throw BlockStorageError.invalidInput("Invalid volume_type passed: \(name).") }
        let isReencrypted = mayMigrate && VolumeReencryption.isNeeded(call.resource, for: type)
        let key = isReencrypted && type.encryption != nil ? Identifier.uuid() : nil
        try await call.change { volume, transaction in
            try check(volume, takes: type, call, in: transaction)
            try storage.checkRetypeQuota(volume, to: type, in: transaction)
            if let key {
                try VolumeReencryption.makeKey(
                    key, cipher: type.encryption?.cipher, bits: type.encryption?.keySize, of: call.request.token,
                    from: storage.neighbours.keys, in: transaction)
            }
            (volume.previousStatus, volume.status) = (volume.status, .retyping)
            var state = MoveVolumeState(volumeID: volume.id, typeID: type.id)
            (state.mayMigrate, state.isRetype, state.newKeyID) = (mayMigrate, true, key)
            try storage.begin(
                MoveVolumeWorkflow(storage: storage).workflow, state, subject: volume.subject, requestID: call.request.requestID,
                in: transaction)
        }
        return .empty()
    }

    private static func check(
        _ volume: Volume, takes type: VolumeType, _ call: ActionCall<Volume>, in reader: any Reader
    ) throws {
        try type.check(size: volume.size)
        if type.isMultiattach != volume.isMultiattach {
            guard volume.status == .available else {
                throw BlockStorageError.invalidInput(
                    "Invalid volume_type passed, retypes affecting multiattach are only allowed on available volumes, the specified "
                        + "volume however currently has a status of: \(volume.status.rawValue).")
            }
            if type.isMultiattach { try call.require("volume:multiattach") }
        }
        if type.isMultiattach, type.encryption != nil {
            throw BlockStorageError.invalidInput("Retype requested both encryption and multi-attach, which is not supported.")
        }
        let isSettled = try !volume.isMigrating && keepsFrontEndQoS(volume, type, in: reader)
        guard [.available, .inUse].contains(volume.status), isSettled, volume.groupID == nil, type.id != volume.typeID else {
            throw BlockStorageError.invalidVolume(
                "Retype needs volume to be in available or in-use state, not be part of an active migration or a consistency group, "
                    + "requested type has to be different that the one from the volume, and for in-use volumes front-end qos specs "
                    + "cannot change.")
        }
    }

    /// Whether what hosts keep of QoS specs stays as it is. Of a volume that somebody has it must: nobody tells its guest.
    private static func keepsFrontEndQoS(_ volume: Volume, _ type: VolumeType, in reader: any Reader) throws -> Bool {
        guard volume.status == .inUse else { return true }
        let old = try QoSSpecsRecords.find(typeID: volume.typeID, in: reader)
        let new = try QoSSpecsRecords.find(typeID: type.id, in: reader)
        return old?.id == new?.id || [old, new].allSatisfy { $0?.isForFrontEnd != true }
    }

    // MARK: Migrate

    @Sendable private static func migrate(_ call: ActionCall<Volume>) async throws -> APIResponse {
        guard let text = call.value["host"]?.string, !text.isEmpty else {
            throw BlockStorageError.notImplemented("There are no clusters of storage hosts: a host is needed.")
        }
        guard let place = VolumeHostName(text) else {
            throw BlockStorageError.badRequest("Invalid host: No available service named '\(text)'")
        }
        let service = try await call.storage.database.read { try StorageServiceRecords.find(.volume, host: place.service, in: $0) }
        guard let service, !service.isDisabled, service.isUp(at: .now, downTime: call.storage.options.serviceDownTime) else {
            throw BlockStorageError.badRequest("Invalid host: No available service named '\(text)'")
        }
        let locks = call.value.lenientBool("lock_volume") ?? false
        let storage = call.storage
        try await call.change { volume, transaction in
            let isFree = [.available, .inUse].contains(volume.status) && volume.groupID == nil
                && !volume.isMigrating
            let hasSnapshots = try !SnapshotRecords.of(volume: volume.id, in: transaction).isEmpty
            guard isFree, !hasSnapshots, volume.host != place.text else {
                throw BlockStorageError.invalidVolume(
                    "Volume \(volume.id) status must be available or in-use, must not be migrating, have snapshots, be replicated, be "
                        + "part of a group and destination host/cluster must be different than the current one")
            }
            volume.migrationStatus = "starting"
            volume.previousStatus = volume.status
            if locks, volume.status == .available { volume.status = .maintenance }
            var state = MoveVolumeState(volumeID: volume.id, typeID: volume.typeID)
            (state.mayMigrate, state.wanted) = (true, place)
            try storage.begin(
                MoveVolumeWorkflow(storage: storage).workflow, state, subject: volume.subject, requestID: call.request.requestID,
                in: transaction)
        }
        return .empty()
    }
}

extension BlockStorage.Parts {
    /// Holds a volume that gets another type against the limits of that type; those of all types together it counts in already.
    /// - Throws: 413.
    func checkRetypeQuota(_ volume: Volume, to type: VolumeType, in reader: any Reader) throws {
        let limits = try VolumeQuotaRecords.effective(project: volume.projectID, configured: options.quota, in: reader)
        let usage = try VolumeQuotaRecords.usage(project: volume.projectID, countsSnapshots: options.countsSnapshotGigabytes, in: reader)
        for (name, amount) in [("volumes_\(type.name)", 1), ("gigabytes_\(type.name)", volume.size)] where volume.usesQuota {
            guard let limit = limits[name], limit >= 0, (usage[name] ?? 0) + amount > limit else { continue }
            throw BlockStorageError.overLimit("Maximum of \(limit) exceeded for quota '\(name)'.")
        }
    }
}
