import Foundation
import VolumeMessages

/// Snapshots, connections, bytes and names of volumes in Ceph.
extension RBDBackend {
    /// Makes a snapshot of the image, whoever has it open.
    public func createSnapshot(
        _ snapshot: SnapshotSpecification, isAttached: Bool, isCopied: Bool
    ) async throws -> VolumeConnection? {
        _ = try await existing(snapshot.volume)
        try await client.rbd(
            ["snap", "create", "--no-progress", client.path(snapshot.volume.name, try checked(snapshot.name))],
            tolerating: [CephClient.Status.exists])
        return nil
    }

    /// Removes a snapshot. Ceph itself keeps its bytes for the clones that lie on it, and drops them with the last.
    public func deleteSnapshot(_ snapshot: SnapshotSpecification) async throws {
        try await client.rbd(
            ["snap", "rm", "--no-progress", client.path(try checked(snapshot.volume.name), try checked(snapshot.name))],
            tolerating: [CephClient.Status.notFound])
    }

    // MARK: Connections

    /// Notes the attachment; hosts reach the cluster by themselves.
    public func connect(
        _ volume: VolumeSpecification, attachmentID: String, connector: VolumeConnector
    ) async throws -> VolumeConnection {
        _ = try await existing(volume)
        try await notes.keep(
            GrantedAccess(id: attachmentID, volumeName: volume.name, file: volume.name, format: "raw", address: connector.ip))
        return .rbd(
            pool: client.pool, image: volume.name, monitors: try await client.monitors(), user: client.user, secret: try client.key())
    }

    /// Takes the note away.
    public func disconnect(_ volume: VolumeSpecification, attachmentID: String) async throws {
        guard let access = try notes.all().first(where: { $0.id == attachmentID }) else { return }
        try await notes.forget(access)
    }

    /// The connections that are noted.
    public func connections() async throws -> [ListConnections.Connected] {
        try notes.all().map { .init(backend: name, volumeName: $0.volumeName, attachmentID: $0.id) }
    }

    // MARK: Bytes

    /// A volume's bytes: of one that is connected, as they are at this moment.
    public func open(_ volume: VolumeSpecification, writing: Bool) async throws -> any VolumeBytes {
        _ = try await existing(volume)
        guard try isConnected(volume.name) else { return try await disks.open(volume.name, nil, writing: writing) }
        guard !writing else { throw VolumeFailure(.busy, "The volume \(volume.name) is connected.") }
        let (moment, end) = try await leftovers.moment(of: volume.name)
        do {
            return RBDBytes(try await disks.open(volume.name, moment, writing: false), end: end)
        } catch {
            await end()
            throw error
        }
    }

    /// A snapshot's bytes.
    public func open(_ snapshot: SnapshotSpecification) async throws -> any VolumeBytes {
        guard try await hasSnapshot(snapshot) else { throw VolumeFailure.notFound(snapshot.name) }
        return try await disks.open(snapshot.volume.name, snapshot.name, writing: false)
    }

    // MARK: What there is

    /// All images of the pool.
    public func volumes(in pool: String) async throws -> [FoundVolume] {
        guard pool.isEmpty || pool == self.pool else { return [] }
        let connected = Set(try notes.all().map(\.volumeName))
        return try await listed().filter { $0.snapshot == nil }.map { entry in
            let reason = connected.contains(entry.image) ? "it is connected" : nil
            return FoundVolume(name: entry.image, bytes: entry.size, isManageable: reason == nil, reason: reason)
        }
    }

    /// All snapshots of the pool's images.
    public func snapshots(in pool: String) async throws -> [FoundVolume] {
        guard pool.isEmpty || pool == self.pool else { return [] }
        return try await listed().compactMap { entry in
            entry.snapshot.map { FoundVolume(name: $0, bytes: entry.size, volumeName: entry.image) }
        }
    }

    private func listed() async throws -> [CephClient.Entry] {
        try await client.entries().filter { entry in
            ![entry.image, entry.snapshot ?? ""].contains { $0.hasPrefix(RBDLeftovers.prefix) }
        }
    }

    /// Renames an image, or an image's snapshot.
    public func rename(_ name: String, to newName: String, of volumeName: String?, in pool: String) async throws -> FoundVolume {
        _ = try checked(newName)
        if name != newName, let found = try await find(name, of: volumeName) {
            guard try await find(newName, of: volumeName) == nil else {
                throw VolumeFailure(.busy, "There is another \(newName) already.")
            }
            if let reason = found.reason { throw VolumeFailure(.busy, "\(name) can't be renamed: \(reason).") }
            if let volumeName {
                try await client.rbd(["snap", "rename", client.path(volumeName, name), client.path(volumeName, newName)])
            } else {
                try await client.rbd(["rename", client.path(name), client.path(newName)])
            }
        }
        guard let renamed = try await find(newName, of: volumeName) else { throw VolumeFailure.notFound(name) }
        return renamed
    }

    private func find(_ name: String, of volumeName: String?) async throws -> FoundVolume? {
        if let volumeName {
            let found = try await client.snapshots(of: try checked(volumeName)).first { $0.name == name }
            return found.map { FoundVolume(name: name, bytes: $0.size, volumeName: volumeName) }
        }
        guard let image = try await client.image(try checked(name)) else { return nil }
        let reason = try isConnected(name) ? "it is connected" : nil
        return FoundVolume(name: name, bytes: image.size, isManageable: reason == nil, reason: reason)
    }
}
