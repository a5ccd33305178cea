import Foundation
import HostCommands
import VolumeMessages

/// A Ceph cluster's pool as one of its users sees it, by the programs that Ceph comes with: `rbd` and `ceph`. The user's key is
/// in a file alone, never in an argument.
struct CephClient: Sendable {
    /// An image, or one's snapshot, in the pool's list.
    struct Entry: Decodable, Sendable {
        var image: String
        var snapshot: String?
        var size: Int64
    }

    /// A snapshot of an image.
    struct Snapshot: Decodable, Sendable {
        var name: String
        var size: Int64
    }

    /// What an image is.
    struct Image: Decodable, Sendable {
        struct Parent: Decodable, Sendable {
            var pool: String
            var image: String
        }
        var size: Int64
        var parent: Parent?
    }

    /// What a command's failure means, which the programs tell by the error number that they end with.
    enum Status { static let notFound: Int32 = 2, busy: Int32 = 16, exists: Int32 = 17, notEmpty: Int32 = 39 }

    let pool: String
    let user: String
    let configuration: String
    let keyring: String
    /// The longest that a step which moves no bytes may take. It bears a dead client's lock, which lasts half a minute.
    var shortDeadline: Duration = .seconds(120)
    /// The longest that what moves a whole image may take.
    var deadline: Duration = .seconds(6 * 3600)

    private var identity: [String] { ["--conf", configuration, "--id", user, "--keyring", keyring] }

    /// An image of the pool, or a snapshot of it, as `rbd` takes it.
    func path(_ image: String, _ snapshot: String? = nil) -> String { "\(pool)/\(image)" + (snapshot.map { "@" + $0 } ?? "") }

    // MARK: Commands

    /// Runs `rbd`.
    /// - Parameters:
    ///   - tolerating: error numbers that are answers.
    ///   - movesBytes: whether it may take long. Such a one ends with this program; others are left to finish their step.
    /// - Returns: its end.
    /// - Throws: `VolumeFailure`; `CancellationError`.
    @discardableResult
    func rbd(_ arguments: [String], tolerating: Set<Int32> = [], movesBytes: Bool = false) async throws -> Command.Outcome {
        let guarded = movesBytes ? ["--pdeathsig", "KILL", "--no-new-privs", "rbd"] : ["--no-new-privs", "rbd"]
        return try await run(guarded + identity + arguments, tolerating, movesBytes ? deadline : shortDeadline)
    }

    /// Runs `ceph` for an answer in JSON.
    func ceph<Answer: Decodable>(_ arguments: [String], as type: Answer.Type) async throws -> Answer {
        let outcome = try await run(
            ["--no-new-privs", "ceph"] + identity + arguments + ["--format", "json"], [], .seconds(25))
        return try answer(outcome, as: type)
    }

    private func run(_ arguments: [String], _ tolerating: Set<Int32>, _ deadline: Duration) async throws -> Command.Outcome {
        var command = Command(program: "setpriv", arguments: arguments, deadline: deadline)
        command.outputLimit = 64 << 20
        let outcome: Command.Outcome
        do {
            outcome = try await command.run()
        } catch let error as CommandError {
            throw VolumeFailure(.backendError, "Ceph gave no answer.", cause: error)
        }
        guard let status = outcome.status, status == 0 || tolerating.contains(status) else { throw failure(outcome) }
        return outcome
    }

    private func failure(_ outcome: Command.Outcome) -> VolumeFailure {
        let cause = CommandError.failed(program: "rbd", status: outcome.status, errors: outcome.errors)
        return switch outcome.status {
        case Status.notFound: VolumeFailure(.notFound, "The back end has no such volume or snapshot.", cause: cause)
        case Status.busy, Status.notEmpty: VolumeFailure(.busy, "It is in use, or something made of it is.", cause: cause)
        case ENOSPC, EDQUOT: VolumeFailure(.full, "There is no room for the volume.", cause: cause)
        default: VolumeFailure(.backendError, "Ceph failed; the storage host's log says more.", cause: cause)
        }
    }

    private func answer<Answer: Decodable>(_ outcome: Command.Outcome, as type: Answer.Type) throws -> Answer {
        do {
            return try JSONDecoder().decode(type, from: Data(outcome.output.utf8))
        } catch {
            throw VolumeFailure(.backendError, "Ceph's answer could not be read.", cause: error)
        }
    }

    // MARK: Images

    /// What an image is; nil for none.
    func image(_ name: String, in otherPool: String? = nil) async throws -> Image? {
        let outcome = try await rbd(
            ["info", "--format", "json", "\(otherPool ?? pool)/\(name)"], tolerating: [Status.notFound])
        return outcome.status == 0 ? try answer(outcome, as: Image.self) : nil
    }

    /// All images and snapshots of the pool.
    func entries() async throws -> [Entry] {
        try answer(try await rbd(["ls", "-l", "--format", "json", pool]), as: [Entry].self)
    }

    /// An image's snapshots; none where there is no such image.
    func snapshots(of name: String) async throws -> [Snapshot] {
        let outcome = try await rbd(["snap", "ls", "--format", "json", path(name)], tolerating: [Status.notFound])
        return outcome.status == 0 ? try answer(outcome, as: [Snapshot].self) : []
    }

    /// Whether somebody has an image open.
    func isWatched(_ name: String) async throws -> Bool {
        struct Answer: Decodable {
            struct Watcher: Decodable {}
            var watchers: [Watcher]
        }
        let outcome = try await rbd(["status", "--format", "json", path(name)], tolerating: [Status.notFound])
        return outcome.status == 0 ? try !answer(outcome, as: Answer.self).watchers.isEmpty : false
    }

    // MARK: The cluster

    /// The bytes that the pool has room for and those that are free of them: what the cluster holds, within the pool's quota.
    func room() async throws -> (total: Int64, free: Int64) {
        struct Usage: Decodable {
            struct Pool: Decodable {
                struct Statistics: Decodable {
                    var stored: Int64
                    var max_avail: Int64
                }
                var name: String
                var stats: Statistics
            }
            var pools: [Pool]
        }
        struct Quota: Decodable { var quota_max_bytes: Int64 }
        guard let found = try await ceph(["df"], as: Usage.self).pools.first(where: { $0.name == pool })?.stats else {
            throw VolumeFailure(.backendError, "Ceph has no pool \(pool).")
        }
        let quota = try await ceph(["osd", "pool", "get-quota", pool], as: Quota.self).quota_max_bytes
        guard quota > 0 else { return (found.stored + found.max_avail, found.max_avail) }
        let free = max(0, min(found.max_avail, quota - found.stored))
        return (min(quota, found.stored + found.max_avail), free)
    }

    /// Where the cluster's monitors are, as "host:port": by the first version of their protocol where they speak it, since
    /// that is how clients understand an address which names no version.
    func monitors() async throws -> [String] {
        struct Map: Decodable {
            struct Monitor: Decodable { var public_addrs: Addresses }
            struct Addresses: Decodable { var addrvec: [Address] }
            struct Address: Decodable {
                var type: String
                var addr: String
            }
            var mons: [Monitor]
        }
        return try await ceph(["mon", "dump"], as: Map.self).mons.compactMap { monitor in
            let addresses = monitor.public_addrs.addrvec
            return (addresses.first { $0.type == "v1" } ?? addresses.first)?.addr
        }.sorted()
    }

    /// The user's key.
    /// - Throws: `VolumeFailure` where the keyring has none.
    func key() throws -> String {
        guard let bytes = try Files.contents(of: keyring) else {
            throw VolumeFailure(.backendError, "There is no keyring \(keyring).")
        }
        var section = ""
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.hasPrefix("["), text.hasSuffix("]") { section = String(text.dropFirst().dropLast()) }
            let parts = text.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if section == "client." + user, parts.count == 2, parts[0] == "key" { return parts[1] }
        }
        throw VolumeFailure(.backendError, "The keyring \(keyring) has no key of client.\(user).")
    }
}
