import CloudAPI
import CloudCore
import CloudStore
import Logging

/// Makes a backup: what is asked is checked, the row and its workflow written in one transaction.
struct BackupMaking: Sendable {
    let storage: BlockStorage.Parts
    let backup: Backup
    let isIncremental: Bool
    let isForced: Bool
    let requestID: String?

    /// - Throws: 400 for states that don't allow it, 413 for a quota, 503 where no host keeps backups.
    func make(_ volume: Volume) async throws -> Backup {
        try await storage.database.write { try accept(in: $0) }
    }

    private func accept(in transaction: any Transaction) throws -> Backup {
        guard var volume = try VolumeRecords.find(backup.volumeID, in: transaction) else {
            throw BlockStorageError.volumeNotFound(backup.volumeID)
        }
        let snapshot = try self.snapshot(of: volume, in: transaction)
        if snapshot == nil { try check(volume) }
        try storage.checkBackupQuota(project: backup.projectID, gigabytes: volume.size, in: transaction)
        var backup = backup
        backup.size = volume.size
        backup.dataTimestamp = snapshot?.createdAt ?? backup.createdAt
        try place(&backup, volume, in: transaction)
        if isIncremental { try addToLatest(&backup, before: snapshot?.createdAt, in: transaction) }
        backup.details.volumeMetadata = volume.metadata
        (backup.details.imageMetadata, backup.details.isBootable) = (volume.imageMetadata, volume.isBootable)
        backup.details.typeID = volume.typeID
        if let original = volume.encryptionKeyID {
            let key = Identifier.uuid()
            try storage.neighbours.keys.copyKey(original, to: key, of: nil, in: transaction)
            backup.details.encryptionKeyID = key
        }
        try BackupRecords.insert(backup, in: transaction)
        if let snapshot {
            try SnapshotRecords.change(snapshot.id, in: transaction) { $0.status = .backingUp }
        } else {
            (volume.previousStatus, volume.status) = (volume.status, .backingUp)
            try VolumeRecords.update(volume, in: transaction)
        }
        let servers = try AttachmentRecords.of(volume: volume.id, in: transaction).filter(\.isAttached).compactMap(\.serverID)
        let state = BackupState(backupID: backup.id, server: snapshot == nil ? servers.first : nil)
        try storage.begin(
            CreateBackupWorkflow(storage: storage).workflow, state, subject: backup.subject, requestID: requestID, in: transaction)
        return backup
    }

    private func snapshot(of volume: Volume, in reader: any Reader) throws -> Snapshot? {
        guard let id = backup.snapshotID else { return nil }
        guard let snapshot = try SnapshotRecords.find(id, in: reader) else { throw BlockStorageError.snapshotNotFound(id) }
        guard snapshot.volumeID == volume.id else {
            throw BlockStorageError.invalidVolume("Volume \(volume.id) does not match with snapshot.volume_id \(snapshot.volumeID).")
        }
        guard snapshot.status == .available else {
            throw BlockStorageError.invalidSnapshot(
                "Snapshot to be backed up must be available, but the current status is \"\(snapshot.status.rawValue)\".")
        }
        return snapshot
    }

    private func check(_ volume: Volume) throws {
        guard [.available, .inUse].contains(volume.status) else {
            throw BlockStorageError.invalidVolume(
                "Volume to be backed up must be available or in-use, but the current status is \"\(volume.status.rawValue)\".")
        }
        guard volume.status == .available || isForced else {
            throw BlockStorageError.invalidVolume("Backing up an in-use volume must use the force flag.")
        }
        try volume.requireAtRest()
    }

    /// The volume's own host reads the bytes, so it keeps them too.
    private func place(_ backup: inout Backup, _ volume: Volume, in reader: any Reader) throws {
        let unavailable = BlockStorageError.unavailable("Service cinder-backup could not be found.")
        guard let host = volume.place?.host, let driver = try BackupRecords.drivers(of: host, in: reader).first else { throw unavailable }
        let service = try StorageServiceRecords.find(.backup, host: host, in: reader)
        guard let service, !service.isDisabled, service.isUp(at: .now, downTime: storage.options.serviceDownTime),
            backup.availabilityZone == nil || backup.availabilityZone == service.availabilityZone
        else { throw unavailable }
        (backup.host, backup.driver, backup.availabilityZone) = (host, driver, service.availabilityZone)
        if backup.container == nil { backup.container = "volumebackups" }
    }

    /// The newest of the volume's backups whose bytes are older than these.
    private func addToLatest(_ backup: inout Backup, before moment: Timestamp?, in reader: any Reader) throws {
        let others = try BackupRecords.of(volume: backup.volumeID, project: backup.projectID, in: reader)
        let usable = others.filter { other in
            guard other.status == .available, other.driver == backup.driver, other.host == backup.host else { return false }
            guard let moment, let taken = other.dataTimestamp else { return true }
            return taken < moment
        }
        let latest = usable.max { ($0.dataTimestamp ?? $0.createdAt) < ($1.dataTimestamp ?? $1.createdAt) }
        guard let latest else { throw BlockStorageError.invalidBackup("No backups available to do an incremental backup.") }
        (backup.parentID, backup.details.parentDataID) = (latest.id, latest.details.dataID)
        backup.container = latest.container
    }
}

extension BlockStorage.Parts {
    /// Removes a key that nothing needs any more; one that can't be removed is noted.
    func dropKey(_ id: String) async {
        do {
            try await neighbours.keys.deleteKey(id)
        } catch {
            logger.warning("a key stays behind", metadata: ["key": "\(id)", "error": "\(error)"])
        }
    }
}

/// `POST /backups/{id}/restore`: into a volume that is there, or one that is made for it.
struct BackupRestoration: Sendable {
    let storage: BlockStorage.Parts
    let request: APIRequest

    func restore() async throws -> APIResponse {
        let backup = try await storage.authorizedBackup(request)
        try Self.check(backup)
        let body = request.body["restore"] ?? .null
        let volume: Volume
        if let id = body["volume_id"]?.string {
            volume = try await restore(backup, into: try await storage.volume(id, for: request))
        } else {
            volume = try await restoreAnew(backup, name: body["name"]?.string)
        }
        return .json {
            $0.object {
                $0.member("restore") {
                    $0.object {
                        $0.member("backup_id", backup.id)
                        $0.member("volume_id", volume.id)
                        $0.member("volume_name", volume.name ?? "")
                    }
                }
            }
        }
    }

    private static func check(_ backup: Backup) throws {
        guard backup.status == .available else { throw BlockStorageError.invalidBackup("Backup status must be available") }
    }

    /// The bytes of an encrypted volume come back as they were kept, under the key that comes with them.
    private static func check(_ volume: Volume, takes backup: Backup) throws {
        guard volume.isEncrypted == (backup.details.encryptionKeyID != nil) else {
            throw BlockStorageError.invalidVolume("An encrypted backup is restored to an encrypted volume, and no other.")
        }
    }

    private func restore(_ backup: Backup, into found: Volume) async throws -> Volume {
        try await storage.database.write { transaction in
            guard var volume = try VolumeRecords.find(found.id, in: transaction) else { throw BlockStorageError.volumeNotFound(found.id) }
            guard volume.status == .available else {
                throw BlockStorageError.invalidVolume("Volume to be restored to must be available")
            }
            try volume.requireAtRest()
            guard backup.size <= volume.size else {
                throw BlockStorageError.invalidVolume(
                    "volume size \(volume.size) is too small to restore backup of size \(backup.size).")
            }
            try Self.check(volume, takes: backup)
            // The volume gets the backup's key, and its own is forgotten: that of its snapshots, which could never be read again.
            guard try !volume.isEncrypted || SnapshotRecords.of(volume: volume.id, in: transaction).isEmpty else {
                throw BlockStorageError.invalidVolume("An encrypted volume that has snapshots takes no backup: they would lose their key.")
            }
            volume.status = .restoringBackup
            try VolumeRecords.update(volume, in: transaction)
            try begin(backup, volume, isNew: false, in: transaction)
            return volume
        }
    }

    private func restoreAnew(_ backup: Backup, name: String?) async throws -> Volume {
        guard let token = request.token, let projectID = token.projectID else {
            throw BlockStorageError.badRequest("A volume belongs to a project: the token has none.")
        }
        try request.require("volume:create", request.callerTarget)
        return try await restore(
            backup, as: order(backup, name: name ?? "restore_backup_\(backup.id)", projectID: projectID, userID: token.userID))
    }

    /// Makes a volume to an order and restores a backup into it.
    /// - Throws: 400 for a backup that is not there to be restored, or a volume that is too small for it or encrypted otherwise.
    func restore(_ backup: Backup, as order: VolumeOrder) async throws -> Volume {
        try Self.check(backup)
        guard order.size.map({ $0 >= backup.size }) ?? true else {
            throw BlockStorageError.invalidInput(
                "Volume size \(order.size ?? 0)GB cannot be smaller than the backup size \(backup.size)GB. It must be >= backup size.")
        }
        var order = order
        (order.size, order.finalStatus) = (order.size ?? backup.size, .restoringBackup)
        if order.typeName == nil, backup.details.encryptionKeyID != nil { order.typeName = backup.details.typeID }
        let maker = VolumeMaking(
            storage: storage, order: order, requestID: request.requestID, isAdmin: request.isAdmin, token: request.token)
        let volume = try await maker.volume()
        try Self.check(volume, takes: backup)
        return try await storage.database.write { transaction in
            try maker.accept(volume, in: transaction)
            try begin(backup, volume, isNew: true, in: transaction)
            return volume
        }
    }

    private func order(_ backup: Backup, name: String, projectID: String, userID: String) -> VolumeOrder {
        var order = VolumeOrder(projectID: projectID, userID: userID)
        (order.name, order.description, order.size) = (name, "auto-created_from_restore_from_backup", backup.size)
        (order.metadata, order.finalStatus) = (backup.details.volumeMetadata, .restoringBackup)
        return order
    }

    private func begin(_ backup: Backup, _ volume: Volume, isNew: Bool, in transaction: any Transaction) throws {
        guard let current = try BackupRecords.find(backup.id, in: transaction) else { throw BlockStorageError.backupNotFound(backup.id) }
        try Self.check(current)
        try BackupRecords.change(backup.id, in: transaction) { $0.status = .restoring }
        try storage.begin(
            RestoreBackupWorkflow(storage: storage).workflow,
            RestoreBackupState(backupID: backup.id, volumeID: volume.id, isNew: isNew), subject: backup.subject,
            requestID: request.requestID, in: transaction)
    }
}
