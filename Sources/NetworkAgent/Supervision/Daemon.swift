import Foundation

/// A program that runs in the background, whoever started it.
struct Daemon: Sendable, Hashable {
    /// Its short name.
    var name: String
    /// Its absolute path, symbolic links followed.
    var executable: String
    var arguments: [String]
    var environment: [String: String]
    /// Where it writes its process id.
    var pidFile: String
    /// Where it logs.
    var log: String
    /// Where it takes commands; `%` stands for its process id.
    var control: String
    /// The arguments of its command `exit`.
    var exitArguments: [String] = []

    /// Its process, if it runs: the one named in its pid file, provided that this is the same program started for the same
    /// pid file. (A process id alone may have come to mean another process.)
    var process: pid_t? {
        guard let text = Self.read(pidFile), let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1 else {
            return nil
        }
        return isOurs(pid) ? pid : nil
    }

    private func isOurs(_ pid: pid_t) -> Bool {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/\(pid)/exe", &buffer, buffer.count - 1)
        guard length > 0 else { return false }
        let path = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The program's file may have been replaced since, by an upgrade.
        guard path == executable || path == executable + " (deleted)" else { return false }
        let arguments = Self.read("/proc/\(pid)/cmdline")?.split(separator: "\0").map(String.init) ?? []
        return arguments.contains("--pidfile=\(pidFile)")
    }

    /// The path of the command socket of a process.
    func controlPath(of process: pid_t) -> String { control.replacing("%", with: String(process)) }

    private static func read(_ path: String) -> String? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// When a daemon that died is started again: at once if it had run for a while, else later each time.
struct RestartBackoff: Sendable, Hashable {
    private var failures = 0
    private var startedAt: ContinuousClock.Instant?
    static let settled = Duration.seconds(10)
    static let longest = Duration.seconds(30)

    /// Whether to start now.
    func isDue(at now: ContinuousClock.Instant) -> Bool {
        guard failures > 0, let startedAt else { return true }
        let doublings = min(failures - 1, 6)
        return now >= startedAt + min(.milliseconds(500) * (1 << doublings), Self.longest)
    }

    /// Takes note of a start.
    mutating func started(at now: ContinuousClock.Instant) {
        if let startedAt, now - startedAt < Self.settled { failures += 1 } else { failures = startedAt == nil ? 0 : 1 }
        startedAt = now
    }
}
