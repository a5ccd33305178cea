import Foundation
import VolumeMessages

/// Snapshots, connections, bytes and names of logical volumes.
extension LVMBackend {
    /// Makes a thin snapshot, which holds the disk as it is at one moment, attached or not.
    public func createSnapshot(
        _ snapshot: SnapshotSpecification, isAttached: Bool, isCopied: Bool
    ) async throws -> VolumeConnection? {
        let volume = try await existing(snapshot.volume.name)
        if try await find(snapshot.name, of: volume.name) != nil { return nil }
        try await volumes.snapshot(snapshot.name, of: volume.name, tags: [LogicalVolume.tag(snapshotOf: volume.name)])
        return nil
    }

    /// Removes a snapshot; what was made of it is independent.
    public func deleteSnapshot(_ snapshot: SnapshotSpecification) async throws {
        guard try await find(snapshot.name, of: snapshot.volume.name) != nil else { return }
        try await volumes.remove(snapshot.name)
    }

    // MARK: Connections

    /// Notes the attachment, and then grants it: what stands is always noted.
    public func connect(
        _ volume: VolumeSpecification, attachmentID: String, connector: VolumeConnector
    ) async throws -> VolumeConnection {
        let name = try await existing(volume.name).name
        let found = try grants.all().first { $0.id == attachmentID && $0.volumeName == name }
        let file = try LogicalVolumes.escaped(name)
        var access = found ?? GrantedAccess.make(attachmentID, volumeName: name, file: file, format: "raw")
        access.address = connector.ip
        if access != found { try await grants.keep(access) }
        return try await self.access.grant(access, of: try grants.all())
    }

    /// Takes the access away, and then the note of it.
    public func disconnect(_ volume: VolumeSpecification, attachmentID: String) async throws {
        guard let access = try grants.all().first(where: { $0.id == attachmentID }) else { return }
        try await self.access.revoke(access, of: try grants.all())
        try await grants.forget(access)
    }

    /// The connections that are noted.
    public func connections() async throws -> [ListConnections.Connected] {
        try grants.all().map { .init(backend: name, volumeName: $0.volumeName, attachmentID: $0.id) }
    }

    // MARK: Bytes

    /// A volume's bytes.
    public func open(_ volume: VolumeSpecification, writing: Bool) async throws -> any VolumeBytes {
        let name = try await existing(volume.name).name
        if writing { try checkFree(name) }
        return try FileBytes(path: try device(name), writing: writing)
    }

    /// A snapshot's bytes.
    public func open(_ snapshot: SnapshotSpecification) async throws -> any VolumeBytes {
        try FileBytes(path: try device(try await existing(snapshot.name, of: snapshot.volume.name).name))
    }

    // MARK: What there is

    /// All volumes of the pool.
    public func volumes(in pool: String) async throws -> [FoundVolume] {
        guard pool.isEmpty else { return [] }
        let connected = Set(try grants.all().map(\.volumeName))
        return try await complete().filter { $0.snapshotOf == nil }.map { volume in
            let reason = connected.contains(volume.name) ? "it is connected" : nil
            return FoundVolume(name: volume.name, bytes: volume.bytes, isManageable: reason == nil, reason: reason)
        }
    }

    /// All snapshots of the pool.
    public func snapshots(in pool: String) async throws -> [FoundVolume] {
        guard pool.isEmpty else { return [] }
        return try await complete().compactMap { snapshot in
            snapshot.snapshotOf.map { FoundVolume(name: snapshot.name, bytes: snapshot.bytes, volumeName: $0) }
        }
    }

    private func complete() async throws -> [LogicalVolume] {
        try await volumes.all().filter { $0.pool == options.pool && !$0.isPart }.sorted { $0.name < $1.name }
    }

    /// Renames a volume with what its snapshots say of it, or a snapshot.
    public func rename(_ name: String, to newName: String, of volumeName: String?, in pool: String) async throws -> FoundVolume {
        let found = try await volumes.all()
        if name != newName, try await find(name, of: volumeName, in: found) != nil {
            guard !found.contains(where: { $0.name == newName }) else {
                throw VolumeFailure(.busy, "There is another \(newName) already.")
            }
            if volumeName == nil { try checkFree(name) }
            try await volumes.rename(name, to: newName)
        }
        let renamed = try await existing(newName, of: volumeName)
        if volumeName == nil, name != newName {
            for snapshot in found where snapshot.snapshotOf == name {
                try await volumes.tag(
                    snapshot.name, adding: [LogicalVolume.tag(snapshotOf: newName)], removing: [LogicalVolume.tag(snapshotOf: name)])
            }
        }
        return FoundVolume(name: newName, bytes: renamed.bytes, volumeName: volumeName)
    }
}
