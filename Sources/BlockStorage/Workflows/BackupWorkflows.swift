import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

extension BlockStorage.Parts {
    /// The workflows of backups.
    var backupWorkflows: [WorkflowDefinition] {
        [
            CreateBackupWorkflow(storage: self).workflow.definition,
            DeleteBackupWorkflow(storage: self).workflow.definition,
            RestoreBackupWorkflow(storage: self).workflow.definition,
        ]
    }

    /// How long bytes may be on their way, in seconds.
    static var transferSeconds: Int { 6 * 3600 }

    /// A backup, its volume and that volume's place.
    func backup(_ id: String) async throws -> (backup: Backup, volume: Volume?) {
        let found = try await database.read { reader in
            let backup = try BackupRecords.find(id, in: reader)
            return (backup, try backup.flatMap { try VolumeRecords.find($0.volumeID, in: reader) })
        }
        guard let backup = found.0 else { throw WorkflowStop("the backup is gone") }
        return (backup, found.1)
    }

    /// Tells a backup's user what went wrong.
    func tell(
        _ backup: Backup, _ action: Message.Action, _ detail: Message.Detail, requestID: String?, in transaction: any Transaction
    ) throws {
        try recordMessage(.backup, backup.id, project: backup.projectID, action, detail, requestID: requestID, in: transaction)
    }
}

/// What a backup's making or removal needs to remember.
struct BackupState: RequestedState, Hashable {
    var backupID: String
    /// The server that has the volume while it is backed up; nil for none.
    var server: String?
    /// The snapshot that holds the bytes of a volume in use still.
    var temporary: SnapshotSpecification?
    var requestID: String?
}

/// Backs a volume or its snapshot up. What a server writes meanwhile does not get in: a temporary snapshot holds the bytes still.
struct CreateBackupWorkflow: Sendable {
    static let name = "backup.create"
    let storage: BlockStorage.Parts

    var workflow: Workflow<BackupState> {
        let limit = Duration.seconds(BlockStorage.Parts.transferSeconds)
        return Workflow(
            Self.name, deadline: limit + .seconds(3600),
            steps: [
                .action("hold", timeout: .seconds(3600), perform: hold, undo: release),
                .action("write", timeout: limit, perform: write, undo: unwrite),
                .action("release", perform: release),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    @Sendable private func hold(_ state: inout BackupState, _ context: StepContext) async throws {
        guard let server = state.server else { return }
        let (backup, found) = try await storage.backup(state.backupID)
        guard let volume = found, let place = volume.place else { throw WorkflowStop("the volume is gone") }
        // The passphrase is only for the way to the host: what is kept of the snapshot has none.
        let specification = SnapshotSpecification(
            id: backup.id, name: "backup-\(backup.id)", volume: try await storage.specification(volume))
        state.temporary = specification.withoutPassphrase
        try await storage.makeSnapshot(specification, at: place, of: server, key: context.key)
    }

    @Sendable private func write(_ state: inout BackupState, _ context: StepContext) async throws {
        let (backup, found) = try await storage.backup(state.backupID)
        guard let volume = found, let place = volume.place else { throw WorkflowStop("the volume is gone") }
        var snapshot: SnapshotSpecification?
        if let temporary = state.temporary {
            snapshot = SnapshotSpecification(id: temporary.id, name: temporary.name, volume: try await storage.specification(volume))
        } else if let id = backup.snapshotID {
            guard let stored = try await storage.database.read({ try SnapshotRecords.find(id, in: $0) }) else {
                throw WorkflowStop("the snapshot is gone")
            }
            snapshot = try await storage.specification(stored, of: volume)
        }
        let request = CreateBackup(
            backend: place.backend, volume: try await storage.specification(volume), snapshot: snapshot, backup: backup.specification)
        do {
            let reply = try await storage.ask(place, request, within: BlockStorage.Parts.transferSeconds - 60, key: context.key)
            try await storage.database.write { transaction in
                try BackupRecords.change(backup.id, in: transaction) { $0.objectCount = reply.objectCount }
            }
        } catch let error as BusError where Self.isFinal(error) {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    private static func isFinal(_ error: BusError) -> Bool {
        switch error.volumeFailure {
        case .full, .unsupported, .notFound, .unknownBackend, .backupDamaged: true
        default: false
        }
    }

    @Sendable private func unwrite(_ state: inout BackupState, _ context: StepContext) async throws {
        let (backup, _) = try await storage.backup(state.backupID)
        guard let host = backup.host else { return }
        do {
            _ = try await storage.ask(
                VolumeHostName(host: host, backend: "", pool: ""), DeleteBackup(backup: backup.specification), key: context.key)
        } catch {
            // Deleting the backup, which stays as one in error, tries again.
            storage.logger.warning("an unmade backup may stay on its host", metadata: ["backup": "\(backup.id)", "error": "\(error)"])
        }
    }

    @Sendable private func release(_ state: inout BackupState, _ context: StepContext) async throws {
        guard let temporary = state.temporary else { return }
        let (_, found) = try await storage.backup(state.backupID)
        guard let volume = found, let place = volume.place else { return }
        let snapshot = SnapshotSpecification(id: temporary.id, name: temporary.name, volume: try await storage.specification(volume))
        _ = try await storage.ask(place, DeleteSnapshot(backend: place.backend, snapshot: snapshot), key: context.key + "-release")
        state.temporary = nil
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout BackupState, _ context: StepContext) throws {
        let backup = try BackupRecords.change(state.backupID, in: transaction) { $0.status = .available }
        if let backup { try settle(backup, in: transaction) }
    }

    /// The volume or snapshot is again what it was.
    private func settle(_ backup: Backup, in transaction: any Transaction) throws {
        if let id = backup.snapshotID {
            try SnapshotRecords.change(id, in: transaction) { if $0.status == .backingUp { $0.status = .available } }
        } else {
            try VolumeRecords.change(backup.volumeID, in: transaction) { volume in
                guard volume.status == .backingUp else { return }
                (volume.status, volume.previousStatus) = (volume.previousStatus ?? .available, .backingUp)
            }
        }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: BackupState, _ failure: WorkflowFailure) throws {
        guard let backup = try BackupRecords.find(state.backupID, in: transaction) else { return }
        try settle(backup, in: transaction)
        // One that was deleted by force while it was made has nothing left but the row.
        guard backup.status != .deleting else { return try BackupRecords.delete(backup.id, in: transaction) }
        try BackupRecords.change(backup.id, in: transaction) { ($0.status, $0.failReason) = (.error, failure.message) }
        try storage.tell(backup, .createBackup, .backupDriverFailed, requestID: state.requestID, in: transaction)
        storage.logger.error("a backup failed", metadata: ["backup": "\(backup.id)", "reason": "\(failure.message)"])
    }
}

/// Takes a backup's bytes away, its key and its row.
struct DeleteBackupWorkflow: Sendable {
    static let name = "backup.delete"
    let storage: BlockStorage.Parts

    var workflow: Workflow<BackupState> {
        Workflow(
            Self.name, deadline: .seconds(2 * 3600),
            steps: [
                .action("remove", attempts: 5, timeout: .seconds(1800), perform: remove),
                .action("forget-key", attempts: 5, perform: forgetKey),
                .transaction("forget") { transaction, state, _ in try BackupRecords.delete(state.backupID, in: transaction) },
            ],
            unwound: fail)
    }

    @Sendable private func remove(_ state: inout BackupState, _ context: StepContext) async throws {
        let (backup, _) = try await storage.backup(state.backupID)
        guard let host = backup.host else { return }
        do {
            _ = try await storage.ask(
                VolumeHostName(host: host, backend: "", pool: ""), DeleteBackup(backup: backup.specification), within: 1700,
                key: context.key)
        } catch let error as BusError where error.volumeFailure == .unsupported || error.volumeFailure == .busy {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func forgetKey(_ state: inout BackupState, _ context: StepContext) async throws {
        let (backup, _) = try await storage.backup(state.backupID)
        if let key = backup.details.encryptionKeyID { try await storage.neighbours.keys.deleteKey(key) }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: BackupState, _ failure: WorkflowFailure) throws {
        let backup = try BackupRecords.change(state.backupID, in: transaction) { backup in
            (backup.status, backup.failReason) = (.errorDeleting, failure.message)
        }
        if let backup { try storage.tell(backup, .deleteBackup, .backupDeletionFailed, requestID: state.requestID, in: transaction) }
    }
}

/// What a restoration needs to remember.
struct RestoreBackupState: RequestedState, Hashable {
    var backupID: String
    var volumeID: String
    /// Whether the volume was made for it.
    var isNew: Bool
    /// The copy of the backup's key that becomes the volume's.
    var key: String?
    /// The key that the volume had.
    var formerKey: String?
    var requestID: String?
}

/// Writes a backup into a volume, once that is made. Its bytes are encrypted as those of the volume were that it was made of, so
/// the key comes with them.
struct RestoreBackupWorkflow: Sendable {
    static let name = "backup.restore"
    let storage: BlockStorage.Parts

    var workflow: Workflow<RestoreBackupState> {
        let limit = Duration.seconds(BlockStorage.Parts.transferSeconds)
        return Workflow(
            Self.name, deadline: limit + .seconds(3 * 3600),
            steps: [
                .action("await", attempts: 10, timeout: .seconds(600), perform: awaitVolume),
                .awaitCopies(ofVolume: \.volumeID, storage),
                .action("write", timeout: limit, perform: write),
                .action("keep-key", perform: { _, _ in }, undo: dropKey),
                .transaction("copy-key", perform: copyKey),
                .transaction("finish", perform: finish),
                .action("forget-key", attempts: 5, perform: forgetKey),
            ],
            unwound: fail)
    }

    /// The volume is made by a workflow of its own.
    @Sendable private func awaitVolume(_ state: inout RestoreBackupState, _ context: StepContext) async throws {
        let id = state.volumeID
        while true {
            guard let volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }) else {
                throw WorkflowStop("the volume is gone")
            }
            if volume.status == .restoringBackup { return }
            guard volume.status == .creating else {
                throw WorkflowStop("Error while creating volume \(id) for restoring backup \(state.backupID).")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    @Sendable private func write(_ state: inout RestoreBackupState, _ context: StepContext) async throws {
        let (backup, _) = try await storage.backup(state.backupID)
        let id = state.volumeID
        guard let volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }), let place = volume.place else {
            throw WorkflowStop("the volume is gone")
        }
        let request = RestoreBackup(
            backend: place.backend, volume: try await storage.specification(volume), backup: backup.specification)
        do {
            _ = try await storage.ask(place, request, within: BlockStorage.Parts.transferSeconds - 60, key: context.key)
        } catch let error as BusError where error.volumeFailure.map({ $0 != .busy }) ?? false {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func copyKey(_ transaction: any Transaction, _ state: inout RestoreBackupState, _ context: StepContext) throws {
        guard state.key == nil, let backup = try BackupRecords.find(state.backupID, in: transaction),
            let key = backup.details.encryptionKeyID
        else { return }
        let copy = Identifier.uuid()
        try storage.neighbours.keys.copyKey(key, to: copy, of: nil, in: transaction)
        state.key = copy
    }

    @Sendable private func dropKey(_ state: inout RestoreBackupState, _ context: StepContext) async throws {
        if let key = state.key { try await storage.neighbours.keys.deleteKey(key) }
        state.key = nil
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout RestoreBackupState, _ context: StepContext) throws {
        let backup = try BackupRecords.change(state.backupID, in: transaction) { $0.status = .available }
        guard let details = backup?.details else { return }
        let key = state.key
        var former: String?
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            volume.status = .available
            volume.metadata.merge(details.volumeMetadata) { $1 }
            (volume.imageMetadata, volume.isBootable) = (details.imageMetadata, details.isBootable)
            if let key { (former, volume.encryptionKeyID) = (volume.encryptionKeyID, key) }
            if volume.details.launchedAt == nil { volume.details.launchedAt = .now }
        }
        state.formerKey = former
    }

    @Sendable private func forgetKey(_ state: inout RestoreBackupState, _ context: StepContext) async throws {
        if let key = state.formerKey { try await storage.neighbours.keys.deleteKey(key) }
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: RestoreBackupState, _ failure: WorkflowFailure) throws {
        let backup = try BackupRecords.change(state.backupID, in: transaction) { backup in
            if backup.status == .restoring { (backup.status, backup.failReason) = (.available, failure.message) }
        }
        let volume = try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            if volume.status == .restoringBackup { volume.status = .errorRestoring }
        }
        // One that is still being made for this has nothing to wait for.
        if state.isNew, let volume, volume.status == .creating {
            _ = try storage.workflows.cancel(subject: volume.subject, in: transaction)
        }
        if let backup { try storage.tell(backup, .restoreBackup, .backupRestoreFailed, requestID: state.requestID, in: transaction) }
        storage.logger.error("a restoration failed", metadata: ["backup": "\(state.backupID)", "reason": "\(failure.message)"])
    }
}

extension SnapshotSpecification {
    /// The same without the passphrase, as workflows may keep it.
    var withoutPassphrase: SnapshotSpecification {
        var volume = volume
        volume.encryption = nil
        return SnapshotSpecification(id: id, name: name, volume: volume)
    }
}
