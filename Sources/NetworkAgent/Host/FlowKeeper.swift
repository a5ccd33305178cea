import Foundation

/// When something about a bridge's flows is looked at again: as either database changes, and from time to time, since the
/// switch forgets flows when it dies and nobody signals that.
struct FlowKeeper: Sendable {
    /// The host's own database.
    let local: OVSDBClient
    /// The southbound database, to which this is the only connection of its kind: it lives as long as the keeper runs.
    let southbound: OVSDBClient
    /// How often it is looked at without any change.
    let interval: Duration
    /// How long changes are gathered: they come in bursts, and telling a bridge costs a process.
    var gathering = Duration.zero

    /// How long a look that did not end well waits for the next.
    private static let patience = Duration.seconds(1)

    /// Looks again and again until the task is cancelled.
    /// - Parameter converge: makes everything right, and answers whether it is. Told that flows may have been forgotten, it
    ///   trusts nothing that it remembers.
    func run(_ converge: @Sendable (_ again: Bool) async -> Bool) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [southbound] in await southbound.run() }
            let (signals, continuation) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
            for client in [local, southbound] {
                group.addTask { for await _ in await client.changes() { continuation.yield(false) } }
            }
            group.addTask { [interval] in
                while !Task.isCancelled {
                    do { try await Task.sleep(for: interval) } catch { return }
                    continuation.yield(true)
                }
            }
            for await isTimer in signals {
                if gathering > .zero { do { try await Task.sleep(for: gathering) } catch { break } }
                guard await !converge(isTimer) else { continue }
                group.addTask {
                    do { try await Task.sleep(for: Self.patience) } catch { return }
                    continuation.yield(false)
                }
            }
            group.cancelAll()
        }
    }
}

/// A bridge that takes flows by `ovs-ofctl`.
struct FlowBridge: Sendable {
    private let name: String
    private let folder: String
    private let ofctl: String

    /// - Throws: `HostError.notInstalled`.
    init(_ name: String, paths: OVNPaths) throws(HostError) {
        (self.name, folder) = (name, paths.run)
        ofctl = try Command.find("ovs-ofctl")
    }

    /// Runs a command with a word.
    func run(_ arguments: [String], _ command: String, _ word: String) async throws {
        try await Command(executable: ofctl, arguments: arguments + [command, "unix:\(folder)/\(name).mgmt", word]).run()
    }

    /// Runs a command whose last argument is a file with these lines.
    /// - Parameter purpose: names the file, for people.
    func tell(_ arguments: [String], _ command: String, _ lines: [String], purpose: String) async throws {
        let file = "\(folder)/\(purpose).flows"
        try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        try await Command(executable: ofctl, arguments: arguments + [command, "unix:\(folder)/\(name).mgmt", file]).run()
    }
}
