import CloudCore
import CloudStore
import CloudWorkflow

/// Gives groups and their snapshots the status that follows from their parts, each of which is made or removed by a workflow of its
/// own: a group is there when all its volumes are, and gone when the last of them is.
///
/// It is rung for when a group begins to wait for its parts, looks again and again until none waits, and is idle then.
struct GroupReconciler: Reconciler {
    static let name = "block-storage.groups"

    let storage: BlockStorage.Parts
    /// How long one run looks again while groups wait.
    var patience = Duration.zero

    var name: String { Self.name }
    var interval: Duration { .seconds(60) }

    func reconcile() async throws {
        let end = ContinuousClock.now + patience
        var pause = Duration.milliseconds(100)
        while try await settle(), ContinuousClock.now < end {
            try await Task.sleep(for: pause)
            pause = min(pause * 1.5, .seconds(2))
        }
    }

    /// Looks once.
    /// - Returns: whether something waited.
    private func settle() async throws -> Bool {
        let (groups, snapshots) = try await storage.database.read { reader in
            (try GroupRecords.settling(in: reader), try GroupSnapshotRecords.settling(in: reader))
        }
        for group in groups { try await storage.database.write { try Self.settle(group: group, in: $0) } }
        for snapshot in snapshots { try await storage.database.write { try Self.settle(snapshot: snapshot, in: $0) } }
        return !groups.isEmpty || !snapshots.isEmpty
    }

    private static func settle(group id: String, in transaction: any Transaction) throws {
        guard let group = try GroupRecords.find(id, in: transaction), group.isSettling else { return }
        let volumes = try VolumeRecords.all(where: "group_id = \(id)", in: transaction)
        if group.status == .deleting {
            if volumes.isEmpty { return try GroupRecords.delete(id, in: transaction) }
            // What is under way with one whose deletion was promised may show its own state while it unwinds.
            guard !volumes.contains(where: { $0.status == .deleting || $0.details.terminatedAt != nil }) else { return }
            return try GroupRecords.end(id, .error, in: transaction)
        }
        let states = volumes.map(\.status)
        let isBusy = states.contains { [.creating, .downloading].contains($0) }
        guard !isBusy else { return }
        try GroupRecords.end(id, states.contains(.error) ? .error : .available, in: transaction)
    }

    private static func settle(snapshot id: String, in transaction: any Transaction) throws {
        guard let snapshot = try GroupSnapshotRecords.find(id, in: transaction), snapshot.isSettling else { return }
        let states = try SnapshotRecords.all(where: "group_snapshot_id = \(id)", in: transaction).map(\.status)
        if snapshot.status == .deleting {
            if states.isEmpty { return try GroupSnapshotRecords.delete(id, in: transaction) }
            guard !states.contains(.deleting) else { return }
            return try GroupSnapshotRecords.end(id, .error, in: transaction)
        }
        guard !states.contains(.creating) else { return }
        try GroupSnapshotRecords.end(id, states.contains { $0 != .available } ? .error : .available, in: transaction)
    }
}
