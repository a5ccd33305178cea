import CloudCore
import CloudCrypto
import Foundation

/// What is in a backup: the first thing that a restore reads, and what it holds everything else against.
struct BackupManifest: Codable, Sendable, Equatable {
    /// A file of the backup.
    struct File: Codable, Sendable, Equatable {
        /// The path below the data folder.
        var path: String
        /// Bytes.
        var size: Int
        /// The SHA-256 of the content in hexadecimal digits.
        var sha256: String
    }

    /// Where the rows come from.
    enum Store: String, Codable, Sendable { case sqlite, postgresql }

    /// The form of backups that this program writes.
    static let currentFormat = 1
    /// The manifest's own name in a backup.
    static let name = "backup.json"
    /// A dump of PostgreSQL's in a backup.
    static let dump = "postgresql.dump"

    var format = BackupManifest.currentFormat
    var madeAt: Timestamp
    /// The name under which the host was known; a restored cloud must be started under the same one.
    var hostName: String
    var isSimulated: Bool
    var store: Store
    var files: [File]

    /// Lists the regular files below a folder with what they hold.
    /// - Throws: `ProgramError` for anything that is neither a file nor a folder.
    static func files(in folder: String) throws -> [File] {
        try FolderWalk.paths(in: folder).filter { $0 != name }.map { path in
            let (size, digest) = try digest(of: folder + "/" + path)
            return File(path: path, size: size, sha256: digest)
        }
    }

    private static func digest(of path: String) throws -> (Int, String) {
        guard let handle = FileHandle(forReadingAtPath: path) else { throw ProgramError("cannot read \(path)") }
        let digest = Digest(.sha256)
        var size = 0
        while let part = try handle.read(upToCount: 4 << 20), !part.isEmpty {
            digest.update(part)
            size += part.count
        }
        try handle.close()
        return (size, digest.finish().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
    }

    /// What is wrong with a backup that was unpacked; nil when it is whole.
    /// - Parameter found: the files that are there.
    func flaw(found: [File]) -> String? {
        guard (1...Self.currentFormat).contains(format) else {
            return "it has format \(format), and this program reads up to \(Self.currentFormat): use a newer program"
        }
        let there = Dictionary(found.map { ($0.path, $0) }) { first, _ in first }
        for file in files {
            guard let other = there[file.path] else { return "\(file.path) is missing" }
            guard other.size == file.size else { return "\(file.path) has \(other.size) bytes instead of \(file.size)" }
            guard other.sha256 == file.sha256 else { return "\(file.path) is damaged" }
        }
        let listed = Set(files.map(\.path))
        if let extra = found.first(where: { !listed.contains($0.path) }) { return "\(extra.path) does not belong to it" }
        let wanted = store == .sqlite ? "altostack.db" : Self.dump
        return listed.contains(wanted) ? nil : "it holds no \(wanted)"
    }
}

/// The files of a folder.
enum FolderWalk {
    /// The paths of all regular files below a folder, in order.
    /// - Parameters:
    ///   - skip: says whether a path, of a file or a folder, is left out with what is below it.
    ///   - refusesLinks: whether a link is an error, since what it points to is elsewhere; else it is left out.
    /// - Throws: `ProgramError` for a link.
    static func paths(in folder: String, skip: (String) -> Bool = { _ in false }, refusesLinks: Bool = true) throws -> [String] {
        var found: [String] = [], open = [""]
        while let parent = open.popLast() {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder + (parent.isEmpty ? "" : "/" + parent))
            for name in names {
                let path = parent.isEmpty ? name : "\(parent)/\(name)"
                if skip(path) { continue }
                var status = stat()
                // A file may go while the cloud runs on.
                guard lstat(folder + "/" + path, &status) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFDIR: open.append(path)
                case S_IFREG: found.append(path)
                case S_IFLNK where refusesLinks: throw ProgramError("\(folder)/\(path) is a link; a backup holds files alone")
                default: continue
                }
            }
        }
        return found.sorted()
    }
}
