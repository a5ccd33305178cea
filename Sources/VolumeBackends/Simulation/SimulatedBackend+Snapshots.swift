import VolumeMessages

/// Snapshots, connections and names of simulated volumes.
extension SimulatedBackend {
    /// Makes a snapshot; of an attached volume, where the options say so, in the two steps that files take.
    public func createSnapshot(
        _ snapshot: SnapshotSpecification, isAttached: Bool, isCopied: Bool
    ) async throws -> VolumeConnection? {
        try await perform(.createSnapshot, on: snapshot.volume.name) { state in
            guard let volume = state.volumes[snapshot.volume.name] else { throw VolumeFailure.notFound(snapshot.volume.name) }
            if volume.snapshots[snapshot.name] != nil { return nil }
            if isCopied, !volume.begun.contains(snapshot.name) { throw VolumeFailure.notFound(snapshot.name) }
            let waits = isAttached && options.needsHypervisor && !isCopied
            try change(volume.name, in: &state) { volume in
                if waits {
                    volume.begun.insert(snapshot.name)
                } else {
                    volume.begun.remove(snapshot.name)
                    volume.snapshots[snapshot.name] = volume.content
                }
            }
            return waits ? .file(path: place(snapshot.name), format: "raw") : nil
        }
    }

    /// Removes a snapshot.
    public func deleteSnapshot(_ snapshot: SnapshotSpecification) async throws {
        try await perform(.deleteSnapshot, on: snapshot.volume.name) { state in
            guard let volume = state.volumes[snapshot.volume.name] else { return }
            try change(volume.name, in: &state) { volume in
                volume.begun.remove(snapshot.name)
                volume.snapshots[snapshot.name] = nil
            }
            try forget(volume.snapshots[snapshot.name]?.names ?? [], in: state)
        }
    }

    func place(_ name: String) -> String { (options.directory ?? "/simulated/\(self.name)") + "/disks/\(name)" }

    // MARK: Connections

    /// Notes the attachment, and names a file that a simulated host won't look for.
    public func connect(
        _ volume: VolumeSpecification, attachmentID: String, connector: VolumeConnector
    ) async throws -> VolumeConnection {
        try await perform(.connect, on: volume.name) { state in
            try change(volume.name, in: &state) { $0.attachments.insert(attachmentID) }
            return .file(path: place(volume.name), format: "raw")
        }
    }

    /// Forgets the attachment.
    public func disconnect(_ volume: VolumeSpecification, attachmentID: String) async throws {
        try await perform(.disconnect, on: volume.name) { state in
            guard state.volumes[volume.name] != nil else { return }
            try change(volume.name, in: &state) { $0.attachments.remove(attachmentID) }
        }
    }

    /// The attachments that are noted.
    public func connections() async throws -> [ListConnections.Connected] {
        try await perform(.connections) { state in
            state.volumes.values.sorted { $0.name < $1.name }.flatMap { volume in
                volume.attachments.sorted().map { .init(backend: name, volumeName: volume.name, attachmentID: $0) }
            }
        }
    }

    // MARK: Bytes

    /// A volume's bytes.
    public func open(_ volume: VolumeSpecification, writing: Bool) async throws -> any VolumeBytes {
        try await perform(.open, on: volume.name) { state in
            guard let found = state.volumes[volume.name] else { throw VolumeFailure.notFound(volume.name) }
            guard !writing || found.attachments.isEmpty else { throw VolumeFailure(.busy, "The volume \(volume.name) is connected.") }
            return SimulatedBytes(backend: self, volume: volume.name, snapshot: nil, size: found.content.size)
        }
    }

    /// A snapshot's bytes.
    public func open(_ snapshot: SnapshotSpecification) async throws -> any VolumeBytes {
        try await perform(.open, on: snapshot.volume.name) { state in
            guard let content = state.volumes[snapshot.volume.name]?.snapshots[snapshot.name] else {
                throw VolumeFailure.notFound(snapshot.name)
            }
            return SimulatedBytes(backend: self, volume: snapshot.volume.name, snapshot: snapshot.name, size: content.size)
        }
    }

    // MARK: What there is

    /// All volumes of a pool.
    public func volumes(in pool: String) async throws -> [FoundVolume] {
        let pool = self.pool(pool)
        return try await perform(.list) { state in
            state.volumes.values.filter { $0.pool == pool }.sorted { $0.name < $1.name }.map { volume in
                let isFree = volume.attachments.isEmpty
                return FoundVolume(
                    name: volume.name, bytes: volume.content.size, isManageable: isFree, reason: isFree ? nil : "it is connected")
            }
        }
    }

    /// All snapshots of a pool.
    public func snapshots(in pool: String) async throws -> [FoundVolume] {
        let pool = self.pool(pool)
        return try await perform(.list) { state in
            state.volumes.values.filter { $0.pool == pool }.sorted { $0.name < $1.name }.flatMap { volume in
                volume.snapshots.sorted { $0.key < $1.key }.map { name, content in
                    FoundVolume(name: name, bytes: content.size, volumeName: volume.name)
                }
            }
        }
    }

    /// Gives a volume or a snapshot another name.
    public func rename(_ name: String, to newName: String, of volumeName: String?, in pool: String) async throws -> FoundVolume {
        let pool = self.pool(pool)
        return try await perform(.rename, on: volumeName ?? name) { state in
            guard let volumeName else { return try renameVolume(name, to: newName, pool, &state) }
            guard let volume = state.volumes[volumeName] else { throw VolumeFailure.notFound(volumeName) }
            guard let content = volume.snapshots[name] ?? volume.snapshots[newName] else { throw VolumeFailure.notFound(name) }
            if volume.snapshots[name] != nil, name != newName {
                guard volume.snapshots[newName] == nil else { throw VolumeFailure(.busy, "There is a snapshot \(newName) already.") }
                try change(volumeName, in: &state) { volume in
                    volume.snapshots[newName] = content
                    volume.snapshots[name] = nil
                }
            }
            return FoundVolume(name: newName, bytes: content.size, volumeName: volumeName)
        }
    }

    private func renameVolume(_ name: String, to newName: String, _ pool: String, _ state: inout State) throws -> FoundVolume {
        if name != newName, state.volumes[name]?.pool == pool {
            guard state.volumes[newName] == nil else { throw VolumeFailure(.busy, "There is a volume \(newName) already.") }
            try move(name, to: newName, in: &state)
        }
        guard let volume = state.volumes[newName], volume.pool == pool else { throw VolumeFailure.notFound(name) }
        return FoundVolume(name: newName, bytes: volume.content.size)
    }
}
