import VolumeMessages

/// How hosts reach the disks of a back end of files.
protocol DiskAccess: Sendable {
    /// The driver's name, and the protocol's.
    var names: (driver: String, storageProtocol: String) { get }
    /// Whether QEMU opens the file itself, so that it has to resize it, and holds qcow2's tables in its memory.
    var isDirect: Bool { get }
    /// The one format that it takes; nil for either.
    var format: String? { get }

    /// Makes ready, with what was granted and stands.
    func start(_ granted: [GrantedAccess]) async throws
    /// Lets a host reach a disk. A repeat gives the same answer.
    func grant(_ access: GrantedAccess, _ connector: VolumeConnector?) async throws -> VolumeConnection
    /// Takes that away; an unknown one is success.
    func revoke(_ access: GrantedAccess) async throws
    /// Lets whoever reaches the disk notice its new size.
    func resized(_ access: [GrantedAccess]) async throws
}

/// A host's access to a disk as a back end of files keeps it.
struct GrantedAccess: Codable, Sendable, Hashable {
    /// The attachment's id, or "snapshot-…" for a snapshot that a compute host writes.
    var id: String
    /// The volume.
    var volumeName: String
    /// The file, below the back end's folder.
    var file: String
    /// Its format.
    var format: String
    /// The name and password that the host shows, where the access needs them.
    var user = ""
    var password = ""
    /// The initiator's address; empty for any.
    var address = ""
}

/// Disks that every host sees at the same path.
struct LocalAccess: DiskAccess {
    let directory: String
    var names: (driver: String, storageProtocol: String) { ("file", "file") }
    var isDirect: Bool { true }
    var format: String? { nil }

    func start(_ granted: [GrantedAccess]) async throws {}
    func grant(_ access: GrantedAccess, _ connector: VolumeConnector?) async throws -> VolumeConnection {
        .file(path: directory + "/" + access.file, format: access.format)
    }
    func revoke(_ access: GrantedAccess) async throws {}
    func resized(_ access: [GrantedAccess]) async throws {}
}

/// Disks on an NFS export, which this host has mounted, and which QEMU reaches by its own client.
struct NFSAccess: DiskAccess {
    /// The export: HOST:/PATH.
    let export: String
    var names: (driver: String, storageProtocol: String) { ("nfs", "nfs") }
    var isDirect: Bool { true }
    var format: String? { nil }

    func start(_ granted: [GrantedAccess]) async throws {}
    func grant(_ access: GrantedAccess, _ connector: VolumeConnector?) async throws -> VolumeConnection {
        .nfs(export: export, name: access.file, format: access.format)
    }
    func revoke(_ access: GrantedAccess) async throws {}
    func resized(_ access: [GrantedAccess]) async throws {}
}
