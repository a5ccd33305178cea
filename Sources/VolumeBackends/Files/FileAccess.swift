import CloudCore
import CloudCrypto
import Foundation
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
    /// Sees to it that what was granted stands.
    func maintain(_ granted: [GrantedAccess]) async throws
    /// Lets go of what nobody needs any more.
    func stop(_ granted: [GrantedAccess]) async
    /// Lets a host reach a disk, beside all that was granted. A repeat gives the same answer.
    func grant(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws -> VolumeConnection
    /// Takes that away; an unknown one is success.
    func revoke(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws
    /// Looks whether a volume's disk may grow now.
    /// - Parameter isHeld: whether the guests that have it are held.
    /// - Throws: `VolumeFailure` with `openInGuest` when one that isn't has to be.
    func checkGrowth(_ granted: [GrantedAccess], isHeld: Bool) async throws
    /// Lets whoever reaches the volume's disk notice its new size, which was allowed by `checkGrowth`.
    func resized(_ granted: [GrantedAccess]) async throws
    /// Whether the host that has an access can also write files into the back end's folder.
    func reachesFolder(_ access: GrantedAccess) -> Bool
}

/// What an access has to do where hosts open the files themselves: nothing.
extension DiskAccess {
    func start(_ granted: [GrantedAccess]) async throws {}
    func maintain(_ granted: [GrantedAccess]) async throws {}
    func stop(_ granted: [GrantedAccess]) async {}
    func revoke(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws {}
    func checkGrowth(_ granted: [GrantedAccess], isHeld: Bool) async throws {}
    func resized(_ granted: [GrantedAccess]) async throws {}
    func reachesFolder(_ access: GrantedAccess) -> Bool { true }
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

    /// Whether it is for a snapshot that a compute host writes.
    var isCopy: Bool { id.hasPrefix("snapshot-") }

    /// An access with a name and a password of its own.
    static func make(_ id: String, volumeName: String, file: String, format: String) -> GrantedAccess {
        GrantedAccess(
            id: id, volumeName: volumeName, file: file, format: format, user: Identifier.hex(),
            password: Base64URL.encode(RandomBytes.make(12)))
    }
}

/// What is granted, each in a small file of a folder.
struct AccessNotes: Sendable {
    let folder: String

    /// All of it.
    func all() throws -> [GrantedAccess] {
        try Files.names(in: folder).filter { $0.hasSuffix(".json") }.compactMap { entry in
            guard let bytes = try Files.contents(of: folder + "/" + entry) else { return nil }
            return try JSONDecoder().decode(GrantedAccess.self, from: Data(bytes))
        }
    }

    /// That of a volume.
    func all(of volumeName: String) throws -> [GrantedAccess] { try all().filter { $0.volumeName == volumeName } }

    func keep(_ access: GrantedAccess) async throws {
        let (path, bytes) = (try place(access), Array(try JSONEncoder().encode(access)))
        try await Blocking.run { try Files.write(bytes, to: path) }
    }

    func forget(_ access: GrantedAccess) async throws {
        let path = try place(access)
        try await Blocking.run { try Files.remove(path) }
    }

    private func place(_ access: GrantedAccess) throws -> String { try FileLayout.entry(access.id, in: folder) + ".json" }
}

/// Disks that every host sees at the same path.
struct LocalAccess: DiskAccess {
    let directory: String
    var names: (driver: String, storageProtocol: String) { ("file", "file") }
    var isDirect: Bool { true }
    var format: String? { nil }

    func grant(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws -> VolumeConnection {
        .file(path: directory + "/" + access.file, format: access.format)
    }
}

/// Disks on an NFS export, which this host has mounted, and which QEMU reaches by its own client.
struct NFSAccess: DiskAccess {
    /// The export: HOST:/PATH.
    let export: String
    var names: (driver: String, storageProtocol: String) { ("nfs", "nfs") }
    var isDirect: Bool { true }
    var format: String? { nil }

    func grant(_ access: GrantedAccess, of granted: [GrantedAccess]) async throws -> VolumeConnection {
        .nfs(export: export, name: access.file, format: access.format)
    }
}
