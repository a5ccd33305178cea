import CloudCrypto
import ComputeMessages
import Foundation
import Glibc
import Logging
import Synchronization

/// An image on this host, verified, read-only, ready to lie under disks.
struct CachedImage: Sendable, Hashable {
    /// Its file.
    var path: String
    /// Its format: raw or qcow2.
    var format: String
    /// The size that a guest sees, in bytes.
    var virtualSize: Int
}

/// The images that a host keeps, each under its checksum. Fetches of the same image that meet become one.
final class ImageCache: Sendable {
    private struct Fetch {
        var task: Task<Void, Never>?
        var waiters: [Int: CheckedContinuation<CachedImage, any Error>] = [:]
    }

    private struct State {
        var fetches: [String: Fetch] = [:]
        var nextTicket = 0
    }

    private let directory: String
    private let source: any ImageSource
    private let threads: BlockingThreads
    private let ioDeadline: Duration
    private let state = Mutex(State())
    private let logger = Logger(label: "altostack.image-cache")

    /// A cache in a folder.
    init(directory: String, source: any ImageSource, threads: BlockingThreads, ioDeadline: Duration) {
        (self.directory, self.source, self.threads, self.ioDeadline) = (directory, source, threads, ioDeadline)
    }

    /// Makes the folder and deletes what broken-off fetches left.
    func start() async throws {
        try await threads.run(deadline: ioDeadline) { [directory] in
            try FileSystem.makeDirectory(directory)
            for name in try FileSystem.names(in: directory) where name.hasSuffix(Self.partSuffix) {
                try FileSystem.removeFile(directory + "/" + name)
            }
        }
    }

    /// The image as a file on this host, fetched if it isn't there.
    /// - Throws: `GuestFailure` with `imageUnavailable` or `diskFull`; `CancellationError`.
    func image(for root: RootDisk) async throws -> CachedImage {
        let format = try Self.format(of: root)
        let key = try Self.key(of: root) + "." + format
        let path = directory + "/" + key
        if let image = try await lookUp(path, format) { return image }
        return try await fetch(root, key: key, path: path, format: format)
    }

    /// Whether the image is here.
    func holds(_ root: RootDisk) async throws -> Bool {
        let format = try Self.format(of: root)
        return try await lookUp(directory + "/" + (try Self.key(of: root)) + "." + format, format) != nil
    }

    /// The formats that hypervisors run from; an ISO image is a raw disk to them.
    private static func format(of root: RootDisk) throws -> String {
        switch root.format {
        case "qcow2": return "qcow2"
        case "raw", "iso": return "raw"
        default: throw GuestFailure(.imageUnavailable, "Images of format \(root.format) can't be booted; raw and qcow2 can.")
        }
    }

    /// Only hexadecimal digits and hyphens get into a path.
    private static func key(of root: RootDisk) throws -> String {
        let key = root.checksum?.lowercased() ?? "image-" + root.imageID.lowercased()
        let plain = key.hasPrefix("image-") ? key.dropFirst(6) : key[...]
        guard (32...128).contains(plain.utf8.count), plain.allSatisfy({ $0.isHexDigit && $0.isASCII || $0 == "-" }) else {
            throw GuestFailure(.imageUnavailable, "The image's checksum or id is malformed.")
        }
        return key
    }

    /// Reads the header of a cached file, and marks it as used now.
    private func lookUp(_ path: String, _ format: String) async throws -> CachedImage? {
        try await threads.run(deadline: ioDeadline) {
            guard FileSystem.exists(path) else { return nil }
            utimes(path, nil)
            return try Self.describe(path, format)
        }
    }

    private static func describe(_ path: String, _ format: String) throws -> CachedImage {
        let size = try FileSystem.size(of: path)
        guard format == "qcow2" else {
            // Disks consist of whole sectors.
            return CachedImage(path: path, format: format, virtualSize: (size + 511) / 512 * 512)
        }
        guard let header = QCOW2Header(try FileSystem.prefix(of: path, count: QCOW2Header.prefixLength)) else {
            throw GuestFailure(.imageUnavailable, "The image is not of the format qcow2.")
        }
        guard header.backingFile == nil, !header.hasExternalData, !header.isEncrypted else {
            throw GuestFailure(.imageUnavailable, "The image refers to another file, or is encrypted; it must be complete in itself.")
        }
        return CachedImage(path: path, format: format, virtualSize: header.virtualSize)
    }

    // MARK: Fetching

    /// Waits for the fetch of this image, beginning it if need be. The fetch ends when nobody waits for it any more.
    private func fetch(_ root: RootDisk, key: String, path: String, format: String) async throws -> CachedImage {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if Task.isCancelled { return true }
                    if state.fetches[key] == nil {
                        let task = Task { self.finish(key, await self.carryOut(root, path: path, format: format)) }
                        state.fetches[key] = Fetch(task: task)
                    }
                    state.fetches[key]?.waiters[ticket] = continuation
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            leave(key, ticket)
        }
    }

    private func leave(_ key: String, _ ticket: Int) {
        let (continuation, abandoned) = state.withLock { state in
            let continuation = state.fetches[key]?.waiters.removeValue(forKey: ticket)
            let isAbandoned = continuation != nil && state.fetches[key]?.waiters.isEmpty == true
            // Forgotten at once, so that whoever comes now begins anew rather than joining a cancelled fetch.
            return (continuation, isAbandoned ? state.fetches.removeValue(forKey: key)?.task : nil)
        }
        abandoned?.cancel()
        continuation?.resume(throwing: CancellationError())
    }

    private func finish(_ key: String, _ result: Result<CachedImage, any Error>) {
        guard !Task.isCancelled else { return }
        let waiters = state.withLock { $0.fetches.removeValue(forKey: key)?.waiters ?? [:] }
        for waiter in waiters.values { waiter.resume(with: result) }
    }

    private func carryOut(_ root: RootDisk, path: String, format: String) async -> Result<CachedImage, any Error> {
        let part = path + "." + UUID().uuidString.lowercased() + Self.partSuffix
        do {
            // Another fetch may have ended between the look and now.
            if let image = try await lookUp(path, format) { return .success(image) }
            let started = ContinuousClock.now
            try await download(root, to: part)
            let image = try await threads.run(deadline: ioDeadline) {
                _ = try Self.describe(part, format)
                try FileSystem.publish(part, as: path)
                return try Self.describe(path, format)
            }
            logger.info("image cached", metadata: ["image": "\(root.imageID)", "duration": "\(ContinuousClock.now - started)"])
            return .success(image)
        } catch {
            unlink(part)
            return .failure(Self.failure(of: root, error))
        }
    }

    private func download(_ root: RootDisk, to part: String) async throws {
        let file = try NewFile(part)
        defer { file.close() }
        let digest = Digest(.sha512)
        try await source.read(root.imageID) { [threads, ioDeadline] bytes in
            try await threads.run(deadline: ioDeadline) {
                digest.update(bytes)
                try file.write(bytes)
            }
        }
        try Task.checkCancellation()
        guard let expected = root.checksum?.lowercased() else { return }
        let found = digest.finish().map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        guard found == expected else {
            throw GuestFailure(.imageUnavailable, "The image \(root.imageID) doesn't have its checksum: it was damaged on the way.")
        }
    }

    private static func failure(of root: RootDisk, _ error: any Error) -> any Error {
        switch error {
        case is GuestFailure, is CancellationError: error
        case let error as FileError where error.isFull:
            GuestFailure(.diskFull, "The host has no room for the image \(root.imageID).", cause: error)
        default: GuestFailure(.imageUnavailable, "The image \(root.imageID) could not be fetched.", cause: error)
        }
    }

    // MARK: Tidying

    /// Deletes images that no disk lies on and that were not asked for lately.
    /// - Parameters:
    ///   - age: how long ago the last use must be.
    ///   - used: the paths of images under disks.
    func purge(unusedFor age: Duration, except used: Set<String>) async throws {
        try await threads.run(deadline: ioDeadline) { [directory, logger] in
            let limit = Date(timeIntervalSinceNow: -Double(age.components.seconds))
            for name in try FileSystem.names(in: directory) where !name.hasSuffix(Self.partSuffix) {
                let path = directory + "/" + name
                guard !used.contains(path), try FileSystem.modificationDate(of: path) < limit else { continue }
                try FileSystem.removeFile(path)
                logger.info("unused image deleted", metadata: ["file": "\(name)"])
            }
        }
    }

    private static let partSuffix = ".part"
}
