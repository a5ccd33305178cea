import CloudCore
import CloudStore
import CloudWorkflow

/// What a promised deletion needs to remember.
struct PromisedDeletionState: Codable, Sendable, Hashable {
    /// What goes.
    enum Kind: String, Codable { case volume, snapshot, backup }
    var kind: Kind
    var id: String
    var requestID: String?
}

/// Removes what was deleted by force while something else was under way with it. That is asked to unwind and, once it has, the
/// deletion begins, whatever state it left its resource in: what was accepted is carried out.
struct PromisedDeletionWorkflow: Sendable {
    static let name = "volume.promised-deletion"
    let storage: BlockStorage.Parts

    var workflow: Workflow<PromisedDeletionState> {
        Workflow(
            Self.name, deadline: .seconds(24 * 3600), steps: [.action("begin", attempts: 23, timeout: .seconds(3600), perform: begin)],
            unwound: fail)
    }

    /// What a promise is made about: beside the subject of the work that is under way.
    static func subject(of resource: String) -> String { "deletion-of-\(resource)" }

    @Sendable private func begin(_ state: inout PromisedDeletionState, _ context: StepContext) async throws {
        var pause = Duration.milliseconds(50)
        while try await storage.database.write({ [state] in try !hasBegun(state, in: $0) }) {
            try await Task.sleep(for: pause)
            pause = min(pause * 1.5, .seconds(2))
        }
    }

    /// - Returns: false while something else is under way.
    private func hasBegun(_ state: PromisedDeletionState, in transaction: any Transaction) throws -> Bool {
        do {
            try transaction.savepoint {
                switch state.kind {
                case .volume:
                    guard let volume = try VolumeRecords.find(state.id, in: transaction) else { return }
                    try storage.startDeletion(of: volume, requestID: state.requestID, in: transaction)
                    try VolumeRecords.change(volume.id, in: transaction) { $0.status = .deleting }
                case .snapshot:
                    guard let snapshot = try SnapshotRecords.find(state.id, in: transaction) else { return }
                    try storage.startDeletion(of: snapshot, requestID: state.requestID, in: transaction)
                    try SnapshotRecords.change(snapshot.id, in: transaction) { $0.status = .deleting }
                case .backup:
                    guard let backup = try BackupRecords.find(state.id, in: transaction) else { return }
                    try storage.startDeletion(of: backup, requestID: state.requestID, in: transaction)
                    try BackupRecords.change(backup.id, in: transaction) { $0.status = .deleting }
                }
            }
            return true
        } catch is WorkflowBusy {
            return false
        }
    }

    /// Something was under way for a whole day: the resource can be deleted once more.
    @Sendable private func fail(
        _ transaction: any Transaction, _ state: PromisedDeletionState, _ failure: WorkflowFailure
    ) throws {
        switch state.kind {
        case .volume:
            try VolumeRecords.change(state.id, in: transaction) { ($0.status, $0.details.terminatedAt) = (.errorDeleting, nil) }
        case .snapshot: try SnapshotRecords.change(state.id, in: transaction) { $0.status = .errorDeleting }
        case .backup: try BackupRecords.change(state.id, in: transaction) { $0.status = .errorDeleting }
        }
    }
}

extension BlockStorage.Parts {
    /// Begins the deletion of a volume whatever is under way with it. A repeat, for one whose deletion has begun, is success.
    func forceDeletion(of volume: Volume, requestID: String?, in transaction: any Transaction) throws {
        let state = PromisedDeletionState(kind: .volume, id: volume.id, requestID: requestID)
        try force(state, subject: volume.subject, hasBegun: volume.isBeingDeleted, in: transaction) {
            try startDeletion(of: volume, requestID: requestID, in: transaction)
        }
    }

    /// Begins the deletion of a snapshot, likewise.
    func forceDeletion(of snapshot: Snapshot, requestID: String?, in transaction: any Transaction) throws {
        let state = PromisedDeletionState(kind: .snapshot, id: snapshot.id, requestID: requestID)
        try force(state, subject: snapshot.subject, hasBegun: snapshot.status == .deleting, in: transaction) {
            try startDeletion(of: snapshot, requestID: requestID, in: transaction)
        }
    }

    /// Begins the deletion of a backup, likewise.
    func forceDeletion(of backup: Backup, requestID: String?, in transaction: any Transaction) throws {
        let state = PromisedDeletionState(kind: .backup, id: backup.id, requestID: requestID)
        try force(state, subject: backup.subject, hasBegun: backup.status == .deleting, in: transaction) {
            try startDeletion(of: backup, requestID: requestID, in: transaction)
        }
    }

    fileprivate func startDeletion(of volume: Volume, requestID: String?, in transaction: any Transaction) throws {
        try workflows.start(
            DeleteVolumeWorkflow(storage: self).workflow, DeleteVolumeState(volumeID: volume.id), subject: volume.subject,
            requestID: requestID, in: transaction)
    }

    fileprivate func startDeletion(of snapshot: Snapshot, requestID: String?, in transaction: any Transaction) throws {
        try workflows.start(
            DeleteSnapshotWorkflow(storage: self).workflow, SnapshotState(snapshotID: snapshot.id, requestID: requestID),
            subject: snapshot.subject, requestID: requestID, in: transaction)
    }

    fileprivate func startDeletion(of backup: Backup, requestID: String?, in transaction: any Transaction) throws {
        try workflows.start(
            DeleteBackupWorkflow(storage: self).workflow, BackupState(backupID: backup.id, requestID: requestID),
            subject: backup.subject, requestID: requestID, in: transaction)
    }

    private func force(
        _ state: PromisedDeletionState, subject: String, hasBegun: Bool, in transaction: any Transaction, begin: () throws -> Void
    ) throws {
        do {
            return try transaction.savepoint { try begin() }
        } catch is WorkflowBusy {
            // What is under way with one that is being deleted is that deletion, or unwinds before it.
            if hasBegun { return }
        }
        _ = try workflows.cancel(subject: subject, in: transaction)
        try workflows.start(
            PromisedDeletionWorkflow(storage: self).workflow, state, subject: PromisedDeletionWorkflow.subject(of: subject),
            requestID: state.requestID, in: transaction)
    }
}

extension Volume {
    /// Whether its deletion was accepted.
    fileprivate var isBeingDeleted: Bool { status == .deleting || status == .errorManagingDeleting }
}
