import CLinux
import Foundation
import Glibc
import Synchronization
import VolumeMessages

/// Makes files of disks: under a name that nobody looks at, in room that was seen to be there. Publishing them is the caller's.
final class DiskMaker: Sendable {
    let tool: ImageTool
    private let directory: String
    /// Whether the file system lets files share their bytes.
    private let sharesBytes = Mutex(false)
    /// The bytes that are being written now, which the file system doesn't count yet.
    private let promised = Mutex(Int64(0))
    /// The room that is left for logs and the like.
    private static let spare: Int64 = 64 << 20

    init(directory: String, scratch: String) {
        (self.directory, tool) = (directory, ImageTool(scratch: scratch))
    }

    /// Tries whether files can share their bytes here.
    func probe() throws {
        let (first, second) = (tool.scratch + "/probe-1", tool.scratch + "/probe-2")
        defer { for path in [first, second] { unlink(path) } }
        try Files.write([UInt8](repeating: 1, count: 65_536), to: first)
        let works = try share(first, with: second)
        sharesBytes.withLock { $0 = works }
    }

    var canShare: Bool { sharesBytes.withLock { $0 } }

    // MARK: Room

    /// Runs `body`, which is about to write so many bytes.
    /// - Throws: `VolumeFailure` with `full` before anything is written.
    func inRoom<Value>(for bytes: Int64, _ body: () async throws -> Value) async throws -> Value {
        let free = try await Blocking.run { [directory] in try Files.room(at: directory).free }
        let fits = promised.withLock { promised in
            guard promised + bytes + Self.spare <= free else { return false }
            promised += bytes
            return true
        }
        guard fits else { throw VolumeFailure(.full, "The back end has no room for \(bytes) bytes.") }
        defer { promised.withLock { $0 -= bytes } }
        return try await body()
    }

    // MARK: Disks

    /// An empty disk.
    func blank(_ path: String, format: String, bytes: Int64, encryption: VolumeEncryption?) async throws {
        if let encryption {
            return try await tool.withSecret(encryption) { secret in
                let options = try LUKS.options(encryption, secret: "key")
                // qemu-img measures the processor for seconds of its time, which is long where it gets little of it.
                let arguments = ["create", "-q", "-f", "luks", "--object", secret, "-o", options, path, String(bytes)]
                try await tool.run(arguments, deadline: .seconds(300))
            }
        }
        if format == "qcow2" { return _ = try await tool.run(["create", "-q", "-f", "qcow2", path, String(bytes)]) }
        try await Blocking.run {
            _ = try ScratchFile(path)
            try Self.resize(path, to: bytes)
        }
    }

    private static func resize(_ path: String, to bytes: Int64) throws {
        guard truncate(path, off_t(bytes)) == 0 else { throw FileError(operation: "truncate \(path)", code: errno) }
    }

    /// The same bytes in another file: shared where the file system can, else without the holes.
    func copy(_ file: String, to path: String) async throws {
        if canShare, try await Blocking.run({ try self.share(file, with: path) }) { return }
        let source = try FileBytes(path: file)
        try await inRoom(for: try Files.sizes(of: file).allocated) {
            try await Blocking.run {
                _ = try ScratchFile(path)
                try Self.resize(path, to: source.size)
            }
            let target = try FileBytes(path: path, size: source.size, writing: true)
            try await target.fill(from: source)
            await target.close()
        }
        await source.close()
    }

    private func share(_ file: String, with path: String) throws -> Bool {
        let source = open(file, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw FileError(operation: "open \(file)", code: errno) }
        defer { close(source) }
        let target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard target >= 0 else { throw FileError(operation: "create \(path)", code: errno) }
        defer { close(target) }
        if altostack_clone_file(source, target) == 0 { return true }
        unlink(path)
        return false
    }

    /// A disk of another one's bytes, in a format and with an encryption of its own, as large as is asked for.
    func remake(
        _ file: DiskFile, _ old: VolumeEncryption?, as path: String, format: String, bytes: Int64, encryption: VolumeEncryption?
    ) async throws {
        if file.format == format, old?.passphrase == encryption?.passphrase {
            try await copy(file.path, to: path)
            return try await grow(DiskFile(path: path, format: format), to: bytes, isEncrypted: encryption != nil)
        }
        try await inRoom(for: bytes) {
            try await blank(path, format: format, bytes: bytes, encryption: encryption)
            try await tool.withSecret(old, id: "old") { oldSecret in
                try await tool.withSecret(encryption) { secret in
                    let objects = [oldSecret, secret].filter { !$0.isEmpty }.flatMap { ["--object", $0] }
                    let source = Self.options(file.path, file.format, old == nil ? nil : "old")
                    let target = Self.options(path, format, encryption == nil ? nil : "key")
                    try await tool.run(
                        ["convert", "-q", "-n"] + objects + ["--image-opts", "--target-image-opts", source, target],
                        deadline: tool.deadline)
                }
            }
        }
    }

    /// A disk with an image's bytes.
    func make(_ image: ImageFile, as path: String, format: String, bytes: Int64, encryption: VolumeEncryption?) async throws {
        let name = try ImageTool.name(of: image.format)
        if image.format == "luks" {
            guard encryption != nil else { throw VolumeFailure(.unsupported, "An encrypted image makes an encrypted volume.") }
            try await copy(image.path, to: path)
            return try await grow(DiskFile(path: path, format: "raw"), to: bytes, isEncrypted: true)
        }
        guard image.virtualSize <= bytes else {
            throw VolumeFailure(.imageUnavailable, "The image's disk of \(image.virtualSize) bytes is larger than the volume.")
        }
        let needed = encryption == nil ? try await tool.required(by: image.path, name) : bytes
        try await inRoom(for: needed) {
            guard encryption == nil else {
                try await blank(path, format: format, bytes: bytes, encryption: encryption)
                return try await tool.withSecret(encryption) { secret in
                    try await tool.run(
                        ["convert", "-q", "-n", "--object", secret, "--target-image-opts", "-f", name, image.path,
                         Self.options(path, format, "key")], deadline: tool.deadline)
                }
            }
            try await tool.run(["convert", "-q", "-f", name, "-O", format, image.path, path], deadline: tool.deadline)
            try await grow(DiskFile(path: path, format: format), to: bytes, isEncrypted: false)
        }
    }

    /// A disk with bytes that another back end stores.
    func make(_ source: any VolumeBytes, as path: String, format: String, bytes: Int64, isEncrypted: Bool) async throws {
        let size = isEncrypted ? source.size : max(bytes, source.size)
        let data = try await source.dataRanges().reduce(Int64(0)) { $0 + Int64($1.count) }
        try await inRoom(for: data) {
            try await blank(path, format: format, bytes: size, encryption: nil)
            let target: any VolumeBytes = format == "raw"
                ? try FileBytes(path: path, writing: true)
                : try await QEMUBytes.open(path, format: format, writing: true, tool: tool)
            do {
                try await target.fill(from: source)
            } catch {
                await target.close()
                throw error
            }
            await target.close()
        }
    }

    /// Makes a disk as large as it shall be; one that is larger stays.
    func grow(_ file: DiskFile, to bytes: Int64, isEncrypted: Bool) async throws {
        let header = isEncrypted ? try LUKS.payloadOffset(of: file.path) ?? 0 : 0
        guard try FileLayout.size(of: file) < bytes + header else { return }
        if file.format == "qcow2" {
            try await tool.run(["resize", "-q", "-f", "qcow2", file.path, String(bytes)])
        } else {
            try await Blocking.run { try Self.resize(file.path, to: bytes + header) }
        }
    }

    // MARK: Parts

    /// A disk as qemu-img's image options.
    private static func options(_ path: String, _ format: String, _ secret: String?) -> String {
        let driver = secret.map { "driver=luks,key-secret=\($0)" } ?? "driver=\(format)"
        return "\(driver),file.driver=file,file.filename=\(ImageTool.escaped(path))"
    }

    /// Overwrites a file's data with zeros.
    func wipe(_ path: String) async throws {
        let file = try FileBytes(path: path, writing: true)
        let zeros = [UInt8](repeating: 0, count: 4 << 20)
        for range in try await file.dataRanges() {
            var offset = range.lowerBound
            while offset < range.upperBound {
                try Task.checkCancellation()
                let count = min(Int64(zeros.count), range.upperBound - offset)
                try await file.write(zeros[..<Int(count)], at: offset)
                offset += count
            }
        }
        try await file.flush()
        await file.close()
    }
}
