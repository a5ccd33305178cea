import Foundation

/// Notices that files were added to, taken from or renamed in directories, at the cost of a look once a second.
struct DirectoryWatch {
    private static let interval = Duration.seconds(1)
    /// The time on disk has steps: a change within one of them would not show, so what is this young is looked at again.
    private static let settling = 100_000_000

    private let paths: [String]
    /// When the directories last changed, in nanoseconds; nil to read them again at the next look.
    private var stamps: [Int]?
    private var lookedAt: ContinuousClock.Instant?

    init(_ directories: [URL]) { paths = directories.map(\.path) }

    /// Whether to read the directories again.
    /// - Parameter eagerly: to look even if the last look is not long past.
    mutating func hasChanged(eagerly: Bool) -> Bool {
        let now = ContinuousClock.now
        if !eagerly, let lookedAt, lookedAt + Self.interval > now { return false }
        lookedAt = now
        let current = paths.map(Self.changedAt)
        guard current != stamps else { return false }
        stamps = (current.max() ?? 0) + Self.settling < Self.wallClock ? current : nil
        return true
    }

    /// Has the next look read the directories, whatever it sees.
    mutating func forget() { stamps = nil }

    private static func changedAt(_ path: String) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        return status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
    }

    private static var wallClock: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// Keys that several processes may rotate: one does it at a time.
enum DirectoryTurn {
    /// Runs a body while no other process runs one on the directory.
    static func take<Result>(_ directory: URL, _ body: () throws -> Result) throws -> Result {
        let descriptor = open(directory.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
            throw KeyRepositoryError("\(directory.path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        return try body()
    }
}
