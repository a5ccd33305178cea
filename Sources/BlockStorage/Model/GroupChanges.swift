import CloudCore
import CloudStore
import CloudWorkflow

/// What is done to groups that there are, within a transaction.
struct GroupChanges: Sendable {
    let storage: BlockStorage.Parts
    let requestID: String?

    // MARK: Members

    private static let removable: Set<Volume.Status> = [.available, .inUse, .error, .errorDeleting]
    private static let addable: Set<Volume.Status> = [.available, .inUse]

    /// Changes a group's name, description and volumes.
    /// - Parameters:
    ///   - added: the ids of volumes, with commas between them, as upstream takes them.
    /// - Throws: 400 for nothing to change, and for volumes that can't come or go.
    func update(
        _ id: String, name: String?, description: String?, added: String?, removed: String?, in transaction: any Transaction
    ) throws {
        guard let group = try GroupRecords.find(id, in: transaction) else { throw BlockStorageError.groupNotFound(id) }
        let (newName, newDescription) = (name == group.name ? nil : name, description == group.description ? nil : description)
        let (wanted, unwanted) = (Self.ids(added), Self.ids(removed))
        let both = wanted.filter(unwanted.contains)
        guard both.isEmpty else {
            throw BlockStorageError.invalidVolume("UUIDs \(both) are in both add and remove volume list.")
        }
        let members = try VolumeRecords.all(where: "group_id = \(id)", in: transaction)
        let new = try additions(wanted.filter { id in !members.contains { $0.id == id } }, to: group, in: transaction)
        let gone = try removals(unwanted, from: group, members)
        guard newName != nil || newDescription != nil || !new.isEmpty || !gone.isEmpty else {
            throw BlockStorageError.invalidGroup(
                "Cannot update group \(id) because no valid name, description, add_volumes, or remove_volumes were provided.")
        }
        guard group.status == .available || (new.isEmpty && gone.isEmpty) else {
            throw BlockStorageError.invalidGroup("Group status must be available.")
        }
        for volume in new { try VolumeRecords.change(volume.id, in: transaction) { $0.groupID = id } }
        for volume in gone { try VolumeRecords.change(volume.id, in: transaction) { $0.groupID = nil } }
        try GroupRecords.change(id, in: transaction) { group in
            if let newName { group.name = newName }
            if let newDescription { group.description = newDescription }
            group.status = .available
        }
    }

    private static func ids(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }.withoutRepeats
    }

    private func removals(_ ids: [String], from group: Group, _ members: [Volume]) throws -> [Volume] {
        try ids.map { id in
            guard let volume = members.first(where: { $0.id == id }) else {
                throw BlockStorageError.invalidVolume("Cannot remove volume \(id) from group \(group.id) because it is not in the group.")
            }
            guard Self.removable.contains(volume.status) else {
                throw BlockStorageError.invalidVolume(
                    "Cannot remove volume \(id) from group \(group.id) because volume is in an invalid state: "
                        + "\(volume.status.rawValue).")
            }
            return volume
        }
    }

    private func additions(_ ids: [String], to group: Group, in reader: any Reader) throws -> [Volume] {
        let found = try VolumeRecords.find(ids, in: reader)
        return try ids.map { id in
            func refusal(_ reason: String) -> BlockStorageError {
                .invalidVolume("Cannot add volume \(id) to group \(group.id) because \(reason).")
            }
            guard let volume = found[id], volume.projectID == group.projectID else { throw refusal("volume cannot be found") }
            if let other = volume.groupID { throw refusal("it is already in group \(other)") }
            guard group.volumeTypeIDs.contains(volume.typeID) else {
                throw refusal("volume type \(volume.typeID) is not supported by the group")
            }
            guard Self.addable.contains(volume.status) else {
                throw refusal("volume is in an invalid state: \(volume.status.rawValue)")
            }
            guard volume.place?.service == group.host.flatMap(VolumeHostName.init)?.service else {
                throw BlockStorageError.invalidVolume("Volume is not local to this node.")
            }
            return volume
        }
    }

    // MARK: Removal

    /// Begins a group's removal, with its volumes where that is asked for; one that is nowhere goes at once.
    /// - Throws: 400 for a state, members or snapshots that don't allow it.
    func delete(_ id: String, withVolumes: Bool, in transaction: any Transaction) throws {
        guard let group = try GroupRecords.find(id, in: transaction) else { throw BlockStorageError.groupNotFound(id) }
        guard group.host != nil else { return try GroupRecords.delete(id, in: transaction) }
        guard withVolumes || group.status == .available || group.status == .error else {
            throw BlockStorageError.invalidGroup(
                "Group status must be available or error, but current status is: \(group.status.rawValue)")
        }
        guard try !GroupSnapshotRecords.exist(group: id, in: transaction) else {
            throw BlockStorageError.invalidGroup("Group has existing snapshots.")
        }
        let volumes = try VolumeRecords.all(where: "group_id = \(id)", in: transaction)
        guard withVolumes || volumes.isEmpty else {
            throw BlockStorageError.invalidGroup(
                "Group \(id) still contains volumes. The delete-volumes flag is required to delete it.")
        }
        for volume in volumes {
            guard volume.attachStatus != .attached else {
                throw BlockStorageError.invalidGroup("Volume in group \(id) is attached. Need to detach first.")
            }
            guard try SnapshotRecords.of(volume: volume.id, in: transaction).isEmpty else {
                throw BlockStorageError.invalidGroup("Volume in group still has dependent snapshots.")
            }
        }
        for volume in volumes { try remove(volume, in: transaction) }
        guard try GroupRecords.hasVolumes(id, in: transaction) else { return try GroupRecords.delete(id, in: transaction) }
        try GroupRecords.settle(id, .deleting, in: transaction)
        transaction.onCommit(storage.settleGroups)
    }

    /// Begins a volume's removal; it stays in its group until it is gone.
    private func remove(_ volume: Volume, in transaction: any Transaction) throws {
        guard volume.status != .deleting else { return }
        let isBeingMade = try volume.host == nil && storage.workflows.cancel(subject: volume.subject, in: transaction)
        guard volume.host != nil || isBeingMade else { return try VolumeRecords.delete(volume.id, in: transaction) }
        try VolumeRecords.change(volume.id, in: transaction) { ($0.status, $0.details.terminatedAt) = (.deleting, .now) }
        // One that has no place yet goes when its making has unwound.
        guard !isBeingMade else { return }
        try storage.forceDeletion(of: volume, requestID: requestID, in: transaction)
    }

    // MARK: Snapshots

    /// Accepts a snapshot of each of a group's volumes.
    /// - Throws: 400 for a group without volumes, or one that is not available; what a volume or a quota does not allow.
    func snapshot(
        _ group: Group, name: String?, description: String?, userID: String, in transaction: any Transaction
    ) throws -> GroupSnapshot {
        let volumes = try VolumeRecords.all(where: "group_id = \(group.id)", in: transaction)
        guard !volumes.isEmpty else {
            throw BlockStorageError.invalidGroup("The group \(group.id) has no volumes, so there is nothing to make a snapshot of.")
        }
        let snapshot = GroupSnapshot(
            id: Identifier.uuid(), groupID: group.id, groupTypeID: group.typeID, projectID: group.projectID, userID: userID, name: name,
            description: description, status: .creating, createdAt: .now)
        try GroupSnapshotRecords.insert(snapshot, in: transaction)
        for volume in volumes {
            _ = try storage.beginSnapshot(
                SnapshotOrder(
                    volumeID: volume.id, projectID: group.projectID, userID: userID, name: name, description: description,
                    allowsInUse: true, groupSnapshotID: snapshot.id),
                requestID: requestID, in: transaction)
        }
        try GroupSnapshotRecords.settle(snapshot.id, .creating, in: transaction)
        transaction.onCommit(storage.settleGroups)
        return snapshot
    }

    /// Begins the removal of a group's snapshot and of the snapshots it is made of.
    /// - Throws: 400 for a state that does not allow it, or while a group is being made of it.
    func delete(snapshot id: String, in transaction: any Transaction) throws {
        guard let snapshot = try GroupSnapshotRecords.find(id, in: transaction) else { throw BlockStorageError.groupSnapshotNotFound(id) }
        let isSource = try GroupRecords.isBeingMade(ofSnapshot: id, in: transaction)
        guard [.available, .error].contains(snapshot.status), !isSource else {
            throw BlockStorageError.badRequest(
                "Invalid GroupSnapshot: GroupSnapshot status must be available or error, and no Group can be currently using it as "
                    + "source for its creation.")
        }
        let parts = try SnapshotRecords.all(where: "group_snapshot_id = \(id)", in: transaction)
        guard !parts.isEmpty else { return try GroupSnapshotRecords.delete(id, in: transaction) }
        for part in parts where part.status != .deleting {
            try SnapshotRecords.change(part.id, in: transaction) { $0.status = .deleting }
            try storage.begin(
                DeleteSnapshotWorkflow(storage: storage).workflow, SnapshotState(snapshotID: part.id), subject: part.subject,
                requestID: requestID, in: transaction)
        }
        try GroupSnapshotRecords.settle(id, .deleting, in: transaction)
        transaction.onCommit(storage.settleGroups)
    }
}
