import Foundation
import VolumeMessages

/// Snapshots, connections, bytes and names of volumes in files.
extension FileBackend {
    /// Copies the volume's file, or says where a compute host has to write the copy.
    public func createSnapshot(
        _ snapshot: SnapshotSpecification, isAttached: Bool, isCopied: Bool
    ) async throws -> VolumeConnection? {
        let file = try existing(snapshot.volume)
        let folder = try layout.snapshots(of: snapshot.volume.name)
        if try layout.find(snapshot.name, in: folder) != nil {
            try await discardCopy(snapshot)
            return nil
        }
        try await Blocking.run { try Files.makeDirectory(folder) }
        let place = try FileLayout.entry(snapshot.name, in: folder) + "." + file.format
        if isCopied {
            guard let copy = try layout.find(snapshot.name, in: layout.copies) else { throw VolumeFailure.notFound(snapshot.name) }
            try await access.revoke(copyAccess(snapshot, copy), of: try granted())
            try await Blocking.run { try Files.publish(copy.path, as: place) }
            try await discardCopy(snapshot)
            return nil
        }
        if isAttached, !maker.canShare { return try await beginCopy(snapshot, file) }
        try await discardCopy(snapshot)
        let part = layout.part()
        try await publishing(part, as: place) {
            let before = try Files.lastWrite(to: file.path)
            try await maker.copy(file.path, to: part)
            let after = try Files.lastWrite(to: file.path)
            guard maker.canShare || before == after else {
                throw VolumeFailure(.busy, "The volume \(snapshot.volume.name) was written to while it was copied.")
            }
        }
        return nil
    }

    /// A disk of the volume's size and encryption, for the compute host to write to.
    private func beginCopy(_ snapshot: SnapshotSpecification, _ file: DiskFile) async throws -> VolumeConnection {
        guard try granted().filter({ $0.volumeName == snapshot.volume.name }).allSatisfy(access.reachesFolder) else {
            throw VolumeFailure(
                .unsupported, "A volume that another host uses is copied in one moment only by a file system with reflinks.")
        }
        try await discardCopy(snapshot)
        let copy = DiskFile(path: try FileLayout.entry(snapshot.name, in: layout.copies) + "." + file.format, format: file.format)
        let part = layout.part()
        let encryption = snapshot.volume.encryption
        let size = try FileLayout.size(of: file) - (encryption == nil ? 0 : try LUKS.payloadOffset(of: file.path) ?? 0)
        try await maker.inRoom(for: try Files.sizes(of: file.path).allocated) {
            try await publishing(part, as: copy.path) {
                try await maker.blank(part, format: file.format, bytes: size, encryption: encryption)
            }
        }
        let access = try copyAccess(snapshot, copy)
        try await notes.keep(access)
        return try await self.access.grant(access, of: try granted())
    }

    private func copyAccess(_ snapshot: SnapshotSpecification, _ copy: DiskFile) throws -> GrantedAccess {
        let id = "snapshot-" + snapshot.id
        if let access = try granted(all: true).first(where: { $0.id == id }) { return access }
        return newAccess(id, volumeName: snapshot.volume.name, copy)
    }

    private func discardCopy(_ snapshot: SnapshotSpecification) async throws {
        if let access = try granted(all: true).first(where: { $0.id == "snapshot-" + snapshot.id }) {
            try await self.access.revoke(access, of: try granted())
            try await notes.forget(access)
        }
        guard let copy = try layout.find(snapshot.name, in: layout.copies) else { return }
        try await Blocking.run { try Files.remove(copy.path) }
    }

    /// Deletes a snapshot's file.
    public func deleteSnapshot(_ snapshot: SnapshotSpecification) async throws {
        try await discardCopy(snapshot)
        guard let file = try layout.find(snapshot.name, in: layout.snapshots(of: snapshot.volume.name)) else { return }
        try await Blocking.run { try Files.remove(file.path) }
    }

    // MARK: Connections

    /// Notes the attachment, and then grants it: what stands is always noted.
    public func connect(
        _ volume: VolumeSpecification, attachmentID: String, connector: VolumeConnector
    ) async throws -> VolumeConnection {
        let file = try existing(volume)
        let found = try granted().first { $0.id == attachmentID && $0.volumeName == volume.name }
        var access = found ?? newAccess(attachmentID, volumeName: volume.name, file)
        access.address = connector.ip
        if access != found { try await notes.keep(access) }
        return try await self.access.grant(access, of: try granted())
    }

    private func newAccess(_ id: String, volumeName: String, _ file: DiskFile) -> GrantedAccess {
        let below = String(file.path.dropFirst(layout.directory.count + 1))
        return .make(id, volumeName: volumeName, file: below, format: file.format)
    }

    /// Takes the access away, and then the note of it.
    public func disconnect(_ volume: VolumeSpecification, attachmentID: String) async throws {
        guard let access = try granted().first(where: { $0.id == attachmentID }) else { return }
        try await self.access.revoke(access, of: try granted())
        try await notes.forget(access)
    }

    /// The connections that are noted.
    public func connections() async throws -> [ListConnections.Connected] {
        try granted().map { .init(backend: name, volumeName: $0.volumeName, attachmentID: $0.id) }
    }

    /// What is granted to attachments, and with `all` to snapshots that are being written too.
    func granted(all: Bool = false) throws -> [GrantedAccess] {
        try notes.all().filter { all || !$0.isCopy }
    }

    private var notes: AccessNotes { AccessNotes(folder: layout.connections) }

    // MARK: Bytes

    /// A volume's bytes. A guest's QEMU keeps part of a qcow2 file in its memory: of an attached one only a copy can be read that
    /// was made in one moment.
    public func open(_ volume: VolumeSpecification, writing: Bool) async throws -> any VolumeBytes {
        let file = try existing(volume)
        let isConnected = try granted().contains { $0.volumeName == volume.name }
        guard !writing || !isConnected else { throw VolumeFailure(.busy, "The volume \(volume.name) is connected.") }
        guard isConnected, file.format == "qcow2", access.isDirect else { return try await open(file, writing: writing) }
        guard maker.canShare else { throw VolumeFailure(.busy, "The volume \(volume.name) is in use; its snapshots can be read.") }
        let part = layout.part()
        try await maker.copy(file.path, to: part)
        return try await QEMUBytes.open(part, format: file.format, writing: false, tool: maker.tool, isTemporary: true)
    }

    /// A snapshot's bytes.
    public func open(_ snapshot: SnapshotSpecification) async throws -> any VolumeBytes {
        try await open(try existing(snapshot), writing: false)
    }

    private func open(_ file: DiskFile, writing: Bool) async throws -> any VolumeBytes {
        if file.format == "raw" { return try FileBytes(path: file.path, writing: writing) }
        return try await QEMUBytes.open(file.path, format: file.format, writing: writing, tool: maker.tool)
    }

    // MARK: What there is

    /// All files of volumes.
    public func volumes(in pool: String) async throws -> [FoundVolume] {
        guard pool.isEmpty || pool == self.pool else { return [] }
        let connected = Set(try granted().map(\.volumeName))
        return try await Blocking.run { [layout] in
            try layout.disks(in: layout.volumes).map { name, file in
                let reason = try Self.obstacle(name, file, connected)
                let size = (try? FileLayout.size(of: file)) ?? 0
                return FoundVolume(name: name, bytes: size, isManageable: reason == nil, reason: reason)
            }
        }
    }

    private static func obstacle(_ name: String, _ file: DiskFile, _ connected: Set<String>) throws -> String? {
        if connected.contains(name) { return "it is connected" }
        return try FileLayout.hasBacking(file) ? "it lies on another file" : nil
    }

    /// All files of snapshots.
    public func snapshots(in pool: String) async throws -> [FoundVolume] {
        guard pool.isEmpty || pool == self.pool else { return [] }
        return try await Blocking.run { [layout] in
            try Files.names(in: layout.snapshots).flatMap { volume in
                try layout.disks(in: layout.snapshots + "/" + volume).map { name, file in
                    FoundVolume(name: name, bytes: (try? FileLayout.size(of: file)) ?? 0, volumeName: volume)
                }
            }
        }
    }

    /// Renames a volume's file and then the folder of its snapshots, or a snapshot's file.
    public func rename(_ name: String, to newName: String, of volumeName: String?, in pool: String) async throws -> FoundVolume {
        let folder = try volumeName.map { try layout.snapshots(of: $0) } ?? layout.volumes
        if name != newName, let file = try layout.find(name, in: folder) {
            guard try layout.find(newName, in: folder) == nil else {
                throw VolumeFailure(.busy, "There is another \(newName) already.")
            }
            if volumeName == nil, let reason = try Self.obstacle(name, file, Set(try granted().map(\.volumeName))) {
                throw VolumeFailure(.busy, "\(name) can't be renamed: \(reason).")
            }
            let target = try FileLayout.entry(newName, in: folder) + "." + file.format
            try await Blocking.run { try Files.rename(file.path, to: target) }
        }
        guard let file = try layout.find(newName, in: folder) else { throw VolumeFailure.notFound(name) }
        if volumeName == nil, name != newName {
            let (old, new) = (try layout.snapshots(of: name), try layout.snapshots(of: newName))
            try await Blocking.run { if Files.exists(old), !Files.exists(new) { try Files.rename(old, to: new) } }
        }
        return FoundVolume(name: newName, bytes: try FileLayout.size(of: file), volumeName: volumeName)
    }
}
