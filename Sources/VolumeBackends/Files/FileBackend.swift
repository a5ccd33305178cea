import CloudCore
import Foundation
import Logging
import VolumeMessages

/// A back end that keeps each volume, and each snapshot, in a file of its own on whatever file system. Hosts reach the files
/// directly, by NFS or by iSCSI.
public final class FileBackend: VolumeBackend {
    /// How a back end of files behaves.
    public struct Options: Sendable {
        /// The folder, an absolute path.
        public var directory: String
        /// The format of new volumes: qcow2 or raw. Encrypted ones are raw.
        public var format = "qcow2"
        /// Whether a deleted volume's bytes are overwritten with zeros.
        public var wipes = false
        /// The name that volume types ask for; nil for the back end's own.
        public var backendName: String?
        /// How many times its size may be promised.
        public var oversubscription = 20.0
        /// Percent of its size kept free.
        public var reservedPercent = 0

        /// A back end in a folder.
        public init(directory: String) { self.directory = directory }
    }

    /// Its name in the settings.
    public let name: String
    let options: Options
    let layout: FileLayout
    let maker: DiskMaker
    let access: any DiskAccess
    let logger = Logger(label: "altostack.volumes.file")

    /// Its one pool, named as upstream names the pool of a back end that has no others.
    var pool: String { options.backendName ?? name }

    /// A back end whose files every host sees at the same path.
    public convenience init(name: String, options: Options) {
        self.init(name: name, options: options, access: LocalAccess(directory: options.directory))
    }

    /// A back end in a folder where an NFS export is mounted.
    /// - Parameter export: the export, as HOST:/PATH.
    public convenience init(name: String, options: Options, export: String) {
        self.init(name: name, options: options, access: NFSAccess(export: export))
    }

    /// A back end whose files a tgtd of its own exports by iSCSI. They are raw.
    /// - Parameters:
    ///   - portal: where initiators reach it, as HOST:PORT.
    ///   - state: the folder of tgtd's socket; a short path, as sockets need it.
    public convenience init(name: String, options: Options, portal: String, state: String) {
        let daemon = TargetDaemon(directory: state, portal: portal)
        self.init(name: name, options: options, access: TargetAccess(daemon: daemon, folder: options.directory, driver: "iscsi"))
    }

    init(name: String, options: Options, access: any DiskAccess) {
        (self.name, self.options, self.access) = (name, options, access)
        layout = FileLayout(directory: options.directory)
        maker = DiskMaker(directory: options.directory, scratch: layout.parts)
    }

    /// Makes the folders and clears half-made files away; what was to be wiped is.
    public func start() async throws {
        guard options.directory.hasPrefix("/") else {
            throw VolumeFailure(.backendError, "The folder of volumes must be an absolute path: \(options.directory)")
        }
        do {
            try await Blocking.run { [layout, maker] in
                try layout.prepare()
                try maker.probe()
            }
            for name in try Files.names(in: layout.wipes) { try await wipe(layout.wipes + "/" + name) }
            try await access.start(try granted())
        } catch let error as FileError {
            throw VolumeFailure(.backendError, "The folder of volumes can't be used: \(error)", cause: error)
        }
    }

    /// Exports stay; what serves none ends.
    public func stop() async {
        if let granted = try? granted() { await access.stop(granted) }
    }

    /// The file system's room, and what volumes may grow to.
    public func pools() async throws -> [VolumePool] {
        try await access.maintain(try granted())
        return try await Blocking.run { [self] in
            let room = try Files.room(at: options.directory)
            // One that is deleted meanwhile counts nothing.
            let promised = try layout.disks(in: layout.volumes).reduce(Int64(0)) { $0 + ((try? FileLayout.size(of: $1.file)) ?? 0) }
            let gib = Double(1 << 30)
            return [
                VolumePool(
                    host: "", backend: name, pool: pool, backendName: pool, driver: access.names.driver,
                    storageProtocol: access.names.storageProtocol, totalGiB: Double(room.total) / gib, freeGiB: Double(room.free) / gib,
                    provisionedGiB: Double(promised) / gib, oversubscription: options.oversubscription,
                    reservedPercent: options.reservedPercent, supportsMultiattach: access.format == "raw" || options.format == "raw")
            ]
        }
    }

    // MARK: Volumes

    /// Whether the volume's file is there.
    public func holds(_ volume: VolumeSpecification) async throws -> Bool { try layout.find(volume.name, in: layout.volumes) != nil }

    func existing(_ volume: VolumeSpecification) throws -> DiskFile {
        guard let file = try layout.find(volume.name, in: layout.volumes) else { throw VolumeFailure.notFound(volume.name) }
        return file
    }

    func existing(_ snapshot: SnapshotSpecification) throws -> DiskFile {
        guard let file = try layout.find(snapshot.name, in: layout.snapshots(of: snapshot.volume.name)) else {
            throw VolumeFailure.notFound(snapshot.name)
        }
        return file
    }

    private func format(of volume: VolumeSpecification) -> String {
        if volume.encryption != nil { return "raw" }
        let wish = volume.options["volume:format"] ?? volume.options["format"] ?? options.format
        return access.format ?? (FileLayout.formats.contains(wish) ? wish : options.format)
    }

    /// Makes a volume under another name, and gives it its own when it is complete and on the disk.
    public func create(_ volume: VolumeSpecification, _ content: BackendContent) async throws {
        if try await holds(volume) { return }
        let (part, format) = (layout.part(), format(of: volume))
        try await publishing(part, as: "\(FileLayout.entry(volume.name, in: layout.volumes)).\(format)") {
            switch content {
            case .blank:
                try await maker.inRoom(for: 4 << 20) {
                    try await maker.blank(part, format: format, bytes: volume.bytes, encryption: volume.encryption)
                }
            case .snapshot(let snapshot):
                let file = try existing(snapshot)
                try await remake(file, snapshot.volume.encryption, part, format, volume)
            case .volume(let source):
                let file = try existing(source)
                try await checkStill(source, file)
                try await remake(file, source.encryption, part, format, volume)
            case .image(let image):
                try await maker.make(image, as: part, format: format, bytes: volume.bytes, encryption: volume.encryption)
            case .bytes(let bytes):
                try await maker.make(bytes, as: part, format: format, bytes: volume.bytes, isEncrypted: volume.encryption != nil)
            }
        }
    }

    private func remake(
        _ file: DiskFile, _ old: VolumeEncryption?, _ part: String, _ format: String, _ volume: VolumeSpecification
    ) async throws {
        try await maker.remake(
            file, old, as: part, format: format, bytes: volume.bytes, encryption: volume.encryption)
    }

    /// A file that somebody writes can be copied only where that takes one moment.
    private func checkStill(_ volume: VolumeSpecification, _ file: DiskFile) async throws {
        guard !maker.canShare, try granted().contains(where: { $0.volumeName == volume.name }) else { return }
        throw VolumeFailure(.busy, "The volume \(volume.name) is in use, and its file system can't copy it in one moment.")
    }

    /// Renames what `body` made into its place, lastingly; nothing is left of what it didn't finish.
    func publishing(_ part: String, as path: String, _ body: () async throws -> Void) async throws {
        do {
            try await body()
            try await Blocking.run { try Files.publish(part, as: path) }
        } catch {
            unlink(part)
            throw error
        }
    }

    /// Deletes a volume's file. From the renaming on there is no such volume, and a start goes on with the wiping.
    public func delete(_ volume: VolumeSpecification) async throws {
        guard let file = try layout.find(volume.name, in: layout.volumes) else { return }
        guard try !granted().contains(where: { $0.volumeName == volume.name }) else {
            throw VolumeFailure(.busy, "The volume \(volume.name) is connected.")
        }
        try await discard(file)
        rmdir(try layout.snapshots(of: volume.name))
    }

    private func discard(_ file: DiskFile) async throws {
        guard options.wipes else { return try await Blocking.run { try Files.remove(file.path) } }
        let place = layout.wipes + "/" + Identifier.uuid()
        try await Blocking.run { try Files.rename(file.path, to: place) }
        try await wipe(place)
    }

    private func wipe(_ path: String) async throws {
        // Snapshots share bytes with their volume where the file system can: those can't be overwritten in place, and whoever
        // wants them wiped has to use a file system without that.
        try await maker.wipe(path)
        try await Blocking.run { try Files.remove(path) }
    }

    /// Grows a volume's file, unless a guest's QEMU has it open and has to do that itself.
    public func extend(_ volume: VolumeSpecification, isAttached: Bool) async throws -> Bool {
        if isAttached, access.isDirect {
            _ = try existing(volume)
            return true
        }
        try await grow(volume, isHeld: false)
        return false
    }

    /// Grows a volume's file whose guests are held.
    public func extendHeld(_ volume: VolumeSpecification) async throws -> Bool {
        if access.isDirect { return try await extend(volume, isAttached: true) }
        try await grow(volume, isHeld: true)
        return false
    }

    private func grow(_ volume: VolumeSpecification, isHeld: Bool) async throws {
        let file = try existing(volume)
        let granted = try granted().filter { $0.volumeName == volume.name }
        try await access.checkGrowth(granted, isHeld: isHeld)
        try await maker.grow(file, to: volume.bytes, isEncrypted: volume.encryption != nil)
        try await access.resized(granted)
    }

    /// Puts a copy of the snapshot in the place of the volume's file.
    public func revert(to snapshot: SnapshotSpecification) async throws {
        let (file, volume) = (try existing(snapshot), try existing(snapshot.volume))
        guard try !granted().contains(where: { $0.volumeName == snapshot.volume.name }) else {
            throw VolumeFailure(.busy, "The volume \(snapshot.volume.name) is connected.")
        }
        let part = layout.part()
        try await publishing(part, as: volume.path) {
            try await maker.remake(
                file, snapshot.volume.encryption, as: part, format: volume.format, bytes: snapshot.volume.bytes,
                encryption: snapshot.volume.encryption)
        }
    }
}
