import CloudCore
import Foundation
import HostCommands
import Logging
import Synchronization

/// Images and snapshots that are in the cluster for a while only. Each is noted in a file of this host before it is made, so that
/// one which a killed program left is removed by the next.
final class RBDLeftovers: Sendable {
    /// What the names of all that is not a volume begin with.
    static let prefix = "altostack."
    /// What the names of deleted volumes begin with that live on as long as something lies on them.
    static let hidden = prefix + "gone."

    private let folder: String
    private let client: CephClient
    private let active = Mutex<Set<String>>([])
    private let logger = Logger(label: "altostack.volumes.rbd")

    init(folder: String, client: CephClient) { (self.folder, self.client) = (folder, client) }

    /// Runs `body` with the name of a new image that nobody looks at, and removes what has that name afterwards.
    func withImage<Value: Sendable>(_ body: (String) async throws -> Value) async throws -> Value {
        let name = Self.prefix + "part." + Identifier.uuid()
        return try await noting(name) { try await body(name) }
    }

    /// Makes a snapshot that nobody looks at, and answers its name and what removes it.
    func moment(of image: String) async throws -> (snapshot: String, end: @Sendable () async -> Void) {
        let name = Self.prefix + "moment." + Identifier.uuid()
        let note = try await begin("\(image)@\(name)")
        let end: @Sendable () async -> Void = { [self] in await finish(note) }
        do {
            try await client.rbd(["snap", "create", "--no-progress", client.path(image, name)])
        } catch {
            await end()
            throw error
        }
        return (name, end)
    }

    /// Runs `body` with a snapshot of an image that nobody looks at.
    func withMoment<Value: Sendable>(of image: String, _ body: (String) async throws -> Value) async throws -> Value {
        let (snapshot, end) = try await moment(of: image)
        do {
            let value = try await body(snapshot)
            await end()
            return value
        } catch {
            await end()
            throw error
        }
    }

    private func noting<Value: Sendable>(_ thing: String, _ body: () async throws -> Value) async throws -> Value {
        let note = try await begin(thing)
        do {
            let value = try await body()
            await finish(note)
            return value
        } catch {
            await finish(note)
            throw error
        }
    }

    private func begin(_ thing: String) async throws -> String {
        let note = Identifier.uuid()
        active.withLock { _ = $0.insert(note) }
        try await Blocking.run { [folder] in try Files.write(Array(thing.utf8), to: folder + "/" + note) }
        return note
    }

    /// In a task of its own: a cancelled caller leaves nothing either.
    private func finish(_ note: String) async {
        await Task { [self] in
            await remove(note)
            active.withLock { _ = $0.remove(note) }
        }.value
    }

    /// Removes what no work of this program needs, and deleted volumes that nothing lies on any more.
    func sweep() async throws {
        let notes = try Files.names(in: folder).filter { !$0.hasSuffix(".part") }
        for note in notes where active.withLock({ !$0.contains(note) }) { await remove(note) }
        for entry in try await client.entries() where entry.snapshot == nil && entry.image.hasPrefix(Self.hidden) {
            try await removeHidden(entry.image)
        }
    }

    /// Removes a deleted volume unless something lies on it or has it open, and then those that it lay on.
    func removeHidden(_ name: String) async throws {
        var next: String? = name
        while let name = next, name.hasPrefix(Self.hidden) {
            next = try await client.image(name)?.parent?.image
            let outcome = try await client.rbd(
                ["rm", "--no-progress", client.path(name)],
                tolerating: [CephClient.Status.notFound, CephClient.Status.busy, CephClient.Status.notEmpty], movesBytes: true)
            guard outcome.status == 0 else { return }
        }
    }

    private func remove(_ note: String) async {
        let path = folder + "/" + note
        do {
            guard let bytes = try Files.contents(of: path) else { return }
            let thing = client.pool + "/" + String(decoding: bytes, as: UTF8.self)
            let command = thing.contains("@") ? ["snap", "rm"] : ["rm"]
            try await client.rbd(
                command + ["--no-progress", thing], tolerating: [CephClient.Status.notFound], movesBytes: true)
            try await Blocking.run { try Files.remove(path) }
        } catch {
            logger.notice("something is left in the pool for the next try", metadata: ["note": "\(path)", "error": "\(error)"])
        }
    }
}
