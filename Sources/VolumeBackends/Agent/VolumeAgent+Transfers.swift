import CloudCore
import CloudCrypto
import Foundation
import Synchronization
import VolumeMessages

/// What moves many bytes.
extension VolumeAgent {
    func create(_ request: CreateVolume) async throws {
        let backend = try backend(request.backend)
        let volume = request.volume
        guard (1...VolumeAgent.maximumGiB).contains(volume.sizeGiB) else {
            throw VolumeFailure(.unsupported, "A volume has 1 to \(VolumeAgent.maximumGiB) GiB.")
        }
        let own = turn(request.backend, volume.name)
        switch request.content {
        case .blank: try await alone([own]) { try await backend.create(volume, .blank) }
        case .snapshot(let snapshot):
            // The bytes are read while nothing changes or removes them.
            try await alone([own, turn(request.backend, snapshot.volume.name)]) {
                try await transferring { try await backend.create(volume, .snapshot(snapshot)) }
            }
        case .volume(let source):
            try await alone([own, turn(request.backend, source.name)]) {
                try await transferring { try await backend.create(volume, .volume(source)) }
            }
        case .image(let id, let format, let checksum):
            try await alone([own]) {
                if try await backend.holds(volume) { return }
                try await transferring {
                    try await withImage(id, format: format, checksum: checksum) { image in
                        let needed = (image.virtualSize + (1 << 30) - 1) >> 30
                        guard image.virtualSize <= volume.bytes || format == "luks" else {
                            throw VolumeFailure(.imageUnavailable, "The image needs a volume of \(needed) GiB.")
                        }
                        try await backend.create(volume, .image(image))
                    }
                }
            }
        }
    }

    /// The largest volume in GiB: what a signed count of bytes holds with room to spare.
    static let maximumGiB = 1 << 32

    func copy(_ request: CopyVolume) async throws {
        let (backend, target) = (try backend(request.backend), try backend(request.targetBackend))
        let both = [turn(request.backend, request.volume.name), turn(request.targetBackend, request.target.name)]
        try await alone(both) {
            if try await target.holds(request.target) {
                // A crash may have come between the copy and the end of what lay between.
                if request.isAnew { try await backend.delete(request.between) }
                return
            }
            try await transferring {
                if request.backend == request.targetBackend { return try await target.create(request.target, .volume(request.volume)) }
                guard request.isAnew else { return try await copy(request.volume, of: backend, to: target, as: request.target) }
                try await copyAnew(request, of: backend, to: target)
            }
        }
    }

    private func copy(
        _ volume: VolumeSpecification, of backend: any VolumeBackend, to target: any VolumeBackend, as copy: VolumeSpecification
    ) async throws {
        try await withBytes(try await backend.open(volume, writing: false)) { try await target.create(copy, .bytes($0)) }
    }

    /// A volume's bytes as a back end keeps them are those that are encrypted: under another key, or in clear, the back end that has
    /// them writes them first, as a volume between the two.
    private func copyAnew(_ request: CopyVolume, of backend: any VolumeBackend, to target: any VolumeBackend) async throws {
        let between = request.between
        try await backend.delete(between)
        do {
            try await backend.create(between, .volume(request.volume))
            try await copy(between, of: backend, to: target, as: request.target)
        } catch {
            // What stays goes when the copy is begun again, or given up.
            try? await backend.delete(between)
            throw error
        }
        try await backend.delete(between)
    }

    func overwrite(_ request: OverwriteVolume) async throws {
        let backend = try backend(request.backend)
        try await alone([turn(request.backend, request.volume.name), turn(request.backend, request.source.name)]) {
            try await transferring {
                try await withBytes(try await backend.open(request.source, writing: false)) { source in
                    try await withBytes(try await backend.open(request.volume, writing: true)) { try await $0.overwrite(with: source) }
                }
            }
        }
    }

    /// Opens nothing itself, so that what is opened is closed whatever happens.
    func withBytes<Value: Sendable>(
        _ bytes: any VolumeBytes, _ body: (any VolumeBytes) async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body(bytes)
            await bytes.close()
            return value
        } catch {
            await bytes.close()
            throw error
        }
    }

    // MARK: Images

    func upload(_ request: UploadVolume) async throws -> UploadVolume.Reply {
        guard let sink else { throw VolumeFailure(.unsupported, "This host makes no images of volumes.") }
        let backend = try backend(request.backend)
        return try await alone([turn(request.backend, request.volume.name)]) {
            try await transferring {
                try await withBytes(try await backend.open(request.volume, writing: false)) { bytes in
                    if request.format == "raw" { return try await send(bytes, request.imageID, "raw", to: sink) }
                    return try await withScratch("upload") { path in
                        try await ImageTool(scratch: options.scratch).write(bytes, as: request.format, to: path)
                        let packed = try FileBytes(path: path)
                        return try await withBytes(packed) { try await send($0, request.imageID, request.format, to: sink) }
                    }
                }
            }
        }
    }

    private func send(
        _ bytes: any VolumeBytes, _ imageID: String, _ format: String, to sink: any VolumeImageSink
    ) async throws -> UploadVolume.Reply {
        let position = Mutex(Int64(0))
        do {
            try await sink.store(imageID, format: format, size: Int(bytes.size)) {
                let range = position.withLock { position in
                    let start = position
                    position = min(position + (4 << 20), bytes.size)
                    return start..<position
                }
                return range.isEmpty ? nil : try await bytes.read(range)[...]
            }
        } catch let error as VolumeFailure {
            throw error
        } catch let error where !(error is CancellationError) {
            throw VolumeFailure(.imageUnavailable, "The image \(imageID) could not be stored.", cause: error)
        }
        return UploadVolume.Reply(bytes: bytes.size)
    }

    /// Brings an image to a file of its own, checks and inspects it, and deletes it in the end.
    private func withImage(
        _ id: String, format: String, checksum: String?, _ body: (ImageFile) async throws -> Void
    ) async throws {
        guard let source else { throw VolumeFailure(.unsupported, "This host makes no volumes of images.") }
        try await withScratch("image") { path in
            try await fetch(id, checksum: checksum, from: source, to: path)
            try await body(try await ImageCheck.inspect(path, as: format))
        }
    }

    private func fetch(_ id: String, checksum: String?, from source: any VolumeImageSource, to path: String) async throws {
        let file = try ScratchFile(path)
        let digest = Digest(.sha512)
        do {
            try await source.read(id) { bytes in
                try await Blocking.run {
                    digest.update(bytes)
                    try file.append(bytes)
                }
            }
        } catch let error as FileError where error.isFull {
            throw VolumeFailure(.full, "The storage host has no room for the image \(id).", cause: error)
        } catch let error where !(error is CancellationError) {
            throw VolumeFailure(.imageUnavailable, "The image \(id) could not be fetched.", cause: error)
        }
        try Task.checkCancellation()
        guard checksum == nil || Hexadecimal.text(digest.finish()) == checksum?.lowercased() else {
            throw VolumeFailure(.imageUnavailable, "The image \(id) doesn't have its checksum: it was damaged on the way.")
        }
    }

    /// Runs `body` with a path of its own in the folder for what is on its way, and deletes what is there afterwards.
    private func withScratch<Value>(_ kind: String, _ body: (String) async throws -> Value) async throws -> Value {
        let path = options.scratch + "/\(kind)-" + Identifier.passing()
        defer { unlink(path) }
        return try await body(path)
    }

    // MARK: Backups

    func store(of backup: BackupSpecification) throws -> any BackupStore {
        guard let store = backups[backup.driver] else {
            throw VolumeFailure(.unsupported, "This host keeps no backups in \(backup.driver).")
        }
        return store
    }

    func backUp(_ request: CreateBackup) async throws -> CreateBackup.Reply {
        let (backend, store) = (try backend(request.backend), try store(of: request.backup))
        return try await alone([turn(request.backend, request.volume.name), .backup(request.backup.id)]) {
            try await transferring {
                let bytes = if let snapshot = request.snapshot {
                    try await backend.open(snapshot)
                } else {
                    try await backend.open(request.volume, writing: false)
                }
                return try await withBytes(bytes) { try await store.keep(request.backup, $0) }
            }
        }
    }

    func restore(_ request: RestoreBackup) async throws {
        let (backend, store) = (try backend(request.backend), try store(of: request.backup))
        try await alone([turn(request.backend, request.volume.name), .backup(request.backup.id)]) {
            try await transferring {
                try await withBytes(try await backend.open(request.volume, writing: true)) { bytes in
                    try await store.restore(request.backup, to: bytes)
                    try await bytes.flush()
                }
            }
        }
    }
}

extension CopyVolume {
    /// Whether the bytes go to another back end under another key.
    fileprivate var isAnew: Bool { backend != targetBackend && volume.encryption?.keyID != target.encryption?.keyID }

    /// What lies beside the source meanwhile.
    fileprivate var between: VolumeSpecification {
        var between = target
        (between.name, between.pool) = (Self.betweenName(of: target.name), volume.pool)
        return between
    }
}
