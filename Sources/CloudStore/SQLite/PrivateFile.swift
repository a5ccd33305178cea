import Foundation

/// Files that hold the cloud's state, and so its secrets: readable by their owner alone.
enum PrivateFile {
    /// Makes an empty file unless there is one, and makes its name durable.
    /// - Throws: `unavailable` with the system's reason.
    static func create(_ path: String) throws {
        // SQLite gives its log and index files the mode of the database's.
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("cannot open \(path)") }
        close(file)
        try synchronise((path as NSString).deletingLastPathComponent)
    }

    /// Gives a file its name for good.
    static func rename(_ path: String, to name: String) throws {
        guard Foundation.rename(path, name) == 0 else { throw failure("cannot write \(name)") }
        try synchronise((name as NSString).deletingLastPathComponent)
    }

    /// Waits until a file, or a directory's entries, are on disk. An empty path is the working directory.
    static func synchronise(_ path: String) throws {
        let file = open(path.isEmpty ? "." : path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("cannot open \(path)") }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure("cannot write \(path)") }
    }

    private static func failure(_ what: String) -> StoreError {
        .unavailable("\(what): \(String(cString: strerror(errno)))")
    }
}
