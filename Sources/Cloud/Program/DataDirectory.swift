import CloudCore
import Foundation

/// The folder that holds a cloud: its database, its keys, its images, and the files that tell a client how to reach it.
public struct DataDirectory: Sendable {
    /// The folder.
    public let path: String

    /// A cloud's folder; it need not exist yet.
    public init(_ path: String) {
        self.path = URL(filePath: path, directoryHint: .isDirectory).standardizedFileURL.path
    }

    /// Where a cloud lives when nobody says otherwise: `/var/lib/altostack` for root, else the user's XDG data folder.
    public static func standard(environment: [String: String], isRoot: Bool) -> DataDirectory {
        if isRoot { return DataDirectory("/var/lib/altostack") }
        let data = environment["XDG_DATA_HOME"] ?? (environment["HOME"] ?? ".") + "/.local/share"
        return DataDirectory(data + "/altostack")
    }

    /// A file or folder in it.
    public func file(_ name: String) -> String { path.hasSuffix("/") ? path + name : "\(path)/\(name)" }

    /// The embedded database.
    var database: String { file("altostack.db") }
    /// The token keys.
    var tokenKeys: String { file("identity/fernet-keys") }
    /// The keys of signed tokens.
    var signingKeys: String { file("identity/jws-keys") }
    /// The keys that the key manager's secrets are encrypted under.
    var secretKeys: String { file("key-manager/fernet-keys") }
    /// The images' store.
    var images: String { file("images") }
    /// The guests' disks, consoles and the image cache.
    var compute: String { file("compute") }
    /// The data plane's databases.
    var network: String { file("network") }
    /// The client's settings in the form of openstacksdk.
    public var cloudsYAML: String { file("clouds.yaml") }
    /// The client's settings as shell variables.
    public var openrc: String { file("openrc") }
    /// What a detached program prints.
    public var log: String { file("altostack.log") }
    /// The folder of log lines, for `altostack logs`.
    var logs: String { file("log") }
    /// The running program's process number and address.
    public var state: String { file("run.json") }

    /// Makes the folder, readable by its owner alone.
    public func create() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Takes the folder for this process until it ends.
    /// - Throws: `ProgramError` when another process has it.
    func lock() throws -> DirectoryLock { try DirectoryLock(path: lockFile, directory: path) }

    fileprivate var lockFile: String { file("lock") }
}

/// The hold of one process on a data folder. The system lets go of it when the process ends, however it ends.
final class DirectoryLock: Sendable {
    private let descriptor: Int32

    init(path: String, directory: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ProgramError("cannot open \(path): \(String(cString: strerror(errno)))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw ProgramError("another altostack is running on \(directory); stop it with `altostack down --data-dir \(directory)`")
        }
    }

    deinit { close(descriptor) }

    /// Whether a process has the lock.
    static func isHeld(path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        // Whoever may not look takes the other signs for it.
        guard descriptor >= 0 else { return errno != ENOENT }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }
}

/// Why the program can't do what it was started for, in words for the person who started it.
public struct ProgramError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String

    /// An error.
    public init(_ description: String) { self.description = description }
}

/// What a running program says of itself, in `run.json`.
public struct RunState: Codable, Sendable {
    /// The process.
    public var pid: Int32
    /// The address that it serves, such as `http://127.0.0.1:9000`.
    public var url: String
    /// Whether its hosts are simulated.
    public var simulated: Bool
    /// When it became ready.
    public var readyAt: Timestamp
    /// The name under which its services and hosts are known; nil in what earlier programs wrote.
    public var hostName: String?

    /// Reads the state of the program on a folder; nil when none has run there, or it has ended. After a power cut its number may be
    /// another process's, which has not the folder's lock.
    public static func read(_ directory: DataDirectory) -> RunState? {
        guard let data = FileManager.default.contents(atPath: directory.state),
            let state = try? JSONDecoder().decode(RunState.self, from: data), kill(state.pid, 0) == 0 || errno == EPERM,
            DirectoryLock.isHeld(path: directory.lockFile)
        else { return nil }
        return state
    }

    func write(_ directory: DataDirectory) throws {
        try PrivateFile.write(String(decoding: try JSONEncoder().encode(self), as: UTF8.self), to: directory.state)
    }
}

/// Files that only their owner may read.
enum PrivateFile {
    /// Writes a file at once: whoever reads it sees the old content or the new.
    static func write(_ text: String, to path: String) throws {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ProgramError("cannot write \(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        try handle.write(contentsOf: Data(text.utf8))
        guard fsync(descriptor) == 0, rename(temporary, path) == 0 else {
            throw ProgramError("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
