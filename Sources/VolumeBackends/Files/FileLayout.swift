import CloudCore
import Foundation
import VolumeMessages

/// A disk in a file: where, and in which format.
struct DiskFile: Sendable, Hashable {
    var path: String
    /// raw or qcow2. A volume's own bytes never decide it: a guest writes those.
    var format: String
}

/// Where a back end of files keeps what. Everything lies on one file system, so that renaming publishes.
///
///     DIR/volumes/NAME.FORMAT                 volumes
///     DIR/snapshots/VOLUME/NAME.FORMAT        their snapshots
///     DIR/connections/ATTACHMENT.json         who may reach which
///     DIR/copies/NAME.FORMAT                  snapshots that a compute host writes
///     DIR/parts/…                             what is being made; nothing there outlives a start
///     DIR/wipes/…                             what is being wiped; a start goes on with it
struct FileLayout: Sendable {
    let directory: String

    static let formats = ["qcow2", "raw"]

    var volumes: String { directory + "/volumes" }
    var snapshots: String { directory + "/snapshots" }
    var connections: String { directory + "/connections" }
    var copies: String { directory + "/copies" }
    var parts: String { directory + "/parts" }
    var wipes: String { directory + "/wipes" }

    /// Makes the folders, and clears away what a killed program was making.
    func prepare() throws {
        for folder in [volumes, snapshots, connections, copies, parts, wipes] { try Files.makeDirectory(folder) }
        for name in try Files.names(in: parts) { try Files.remove(parts + "/" + name) }
        for name in try Files.names(in: connections) where name.hasSuffix(".part") { try Files.remove(connections + "/" + name) }
    }

    /// A path for something new.
    func part() -> String { parts + "/" + Identifier.uuid() }

    /// A folder's entry.
    /// - Throws: `VolumeFailure` for a name that isn't one of a file.
    static func entry(_ name: String, in folder: String) throws -> String {
        guard (1...200).contains(name.utf8.count), !name.hasPrefix("."), !name.contains("/"), !name.contains("\0") else {
            throw VolumeFailure(.notFound, "\(name) can't be the name of a file.")
        }
        return folder + "/" + name
    }

    /// The file of a name, whatever its format; nil for none.
    func find(_ name: String, in folder: String) throws -> DiskFile? {
        let entry = try Self.entry(name, in: folder)
        return Self.formats.map { DiskFile(path: "\(entry).\($0)", format: $0) }.first { Files.exists($0.path) }
    }

    /// The folder of a volume's snapshots.
    func snapshots(of volume: String) throws -> String { try Self.entry(volume, in: snapshots) }

    /// The files of a folder with their names.
    func disks(in folder: String) throws -> [(name: String, file: DiskFile)] {
        try Files.names(in: folder).compactMap { entry in
            let format = (entry as NSString).pathExtension
            guard Self.formats.contains(format), !entry.hasPrefix(".") else { return nil }
            return ((entry as NSString).deletingPathExtension, DiskFile(path: folder + "/" + entry, format: format))
        }
    }

    /// The size in bytes of the disk in a file: of an encrypted one, with its header.
    static func size(of file: DiskFile) throws -> Int64 {
        guard file.format == "qcow2" else { return try Files.sizes(of: file.path).length }
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(file.path)", code: errno) }
        defer { close(descriptor) }
        let header = try Files.read(32, at: 0, from: descriptor, file.path)
        guard header.count == 32, header.starts(with: [0x51, 0x46, 0x49, 0xfb]) else {
            throw VolumeFailure(.backendError, "\(file.path) is not of the format qcow2.")
        }
        return header[24..<32].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    }

    /// Whether a qcow2 file lies on another one, which a back end can't take over.
    static func hasBacking(_ file: DiskFile) throws -> Bool {
        guard file.format == "qcow2" else { return false }
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(file.path)", code: errno) }
        defer { close(descriptor) }
        return try Files.read(16, at: 0, from: descriptor, file.path).dropFirst(8).contains { $0 != 0 }
    }
}
