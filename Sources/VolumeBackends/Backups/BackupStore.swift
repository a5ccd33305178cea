import CloudCore
import VolumeMessages

/// Where backups are kept. Every method may be repeated.
public protocol BackupStore: Sendable {
    /// Keeps a volume's bytes: all of them, or what differs from the parent. A backup is there whole or not at all.
    /// - Throws: `VolumeFailure` with `full`, or `backupDamaged` where the parent can't be read.
    func keep(_ backup: BackupSpecification, _ bytes: any VolumeBytes) async throws -> CreateBackup.Reply

    /// Writes a backup's bytes, each piece checked against its digest, and zeros where it has none.
    /// - Throws: `VolumeFailure` with `backupDamaged`; the volume is then as far as it was written.
    func restore(_ backup: BackupSpecification, to bytes: any VolumeBytes) async throws

    /// Removes a backup; an unknown one is success.
    func remove(_ backup: BackupSpecification) async throws
}

/// What holds backups' objects under their names: a folder, or an account of object storage. Every method may be repeated.
public protocol BackupPlace: Sendable {
    /// Makes room for a backup's objects, and removes those that an attempt before has left.
    /// - Throws: `VolumeFailure` with `unsupported` for a container that can't be.
    func prepare(_ backup: BackupFolder) async throws

    /// Keeps an object; another of its name is replaced. It outlives a loss of power when this returns.
    /// - Throws: `VolumeFailure` with `full` where there is no room.
    func write(_ bytes: [UInt8], _ name: String, of backup: BackupFolder) async throws

    /// An object's bytes, or nil when there is none.
    func read(_ name: String, of backup: BackupFolder) async throws -> [UInt8]?

    /// Removes one object, which may be gone.
    func remove(_ name: String, of backup: BackupFolder) async throws

    /// Removes all of a backup's objects.
    func removeAll(of backup: BackupFolder) async throws
}

/// A backup's place among others.
public struct BackupFolder: Sendable, Hashable {
    /// The backup's UUID.
    public let id: String
    /// The container, which users name; the driver's own is "volumebackups", as upstream's drivers have it.
    public let container: String

    /// A backup's place.
    /// - Throws: `VolumeFailure` with `unsupported` for what is no UUID, or no name.
    init(_ id: String, in container: String?) throws {
        let container = container.flatMap { $0.isEmpty ? nil : $0 } ?? "volumebackups"
        guard Identifier.isUUID(id), container.utf8.count <= 255, !container.contains("\0") else {
            throw VolumeFailure(.unsupported, "\(container) can't be the name of a backup's container.")
        }
        (self.id, self.container) = (id.lowercased(), container)
    }
}
