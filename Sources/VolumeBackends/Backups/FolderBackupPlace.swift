import Foundation
import VolumeMessages

/// Backups' objects as files of a folder, which may be an NFS export: `DIR/<container>/<backup>/<object>`.
public struct FolderBackupPlace: BackupPlace {
    private let folder: String

    /// Backups in a folder, which is made when it is needed.
    public init(folder: String) { self.folder = folder }

    /// Makes the backup's folder anew.
    public func prepare(_ backup: BackupFolder) async throws {
        let path = try path(of: backup)
        try await Blocking.run {
            try Files.removeDirectory(path)
            try Files.makeDirectory(path)
        }
    }

    /// Writes a file.
    public func write(_ bytes: [UInt8], _ name: String, of backup: BackupFolder) async throws {
        let path = try path(of: backup)
        try await Blocking.run { [folder] in
            // Refused before it is written: a full folder must not stop everything else that lies there.
            guard try Files.room(at: folder).free > Int64(bytes.count) + (16 << 20) else {
                throw VolumeFailure(.full, "There is no room for the backup.")
            }
            try Files.write(bytes, to: path + "/" + name)
        }
    }

    /// Reads a file.
    public func read(_ name: String, of backup: BackupFolder) async throws -> [UInt8]? {
        let path = try path(of: backup)
        return try await Blocking.run { try Files.contents(of: path + "/" + name) }
    }

    /// Removes a file.
    public func remove(_ name: String, of backup: BackupFolder) async throws {
        let path = try path(of: backup)
        try await Blocking.run { try Files.remove(path + "/" + name) }
    }

    /// Removes the backup's folder.
    public func removeAll(of backup: BackupFolder) async throws {
        let path = try path(of: backup)
        try await Blocking.run { try Files.removeDirectory(path) }
    }

    /// Containers are named by users; nothing but folders' names gets into a path.
    private func path(of backup: BackupFolder) throws -> String {
        let parts = backup.container.split(separator: "/", omittingEmptySubsequences: true)
        guard !parts.isEmpty, parts.allSatisfy({ $0 != "." && $0 != ".." }) else {
            throw VolumeFailure(.unsupported, "\(backup.container) can't be the name of a backup's container.")
        }
        return ([folder] + parts.map(String.init) + [backup.id]).joined(separator: "/")
    }
}
