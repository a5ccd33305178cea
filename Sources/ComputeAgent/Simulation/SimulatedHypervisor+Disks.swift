import CloudCore
import ComputeMessages
import Foundation
import Synchronization

/// Disks that exist by their names.
extension SimulatedHypervisor {
    /// Remembers that the guest has disks.
    public func prepare(_ guest: GuestSpecification) async throws -> GuestDisks {
        try await perform(.prepareDisks, on: guest.id) {
            if guests.withLock({ $0[guest.id] }) == nil { try change(guest.id, creating: guest) { _ in } }
            if let root = guest.root { images.withLock { _ = $0.insert(root.imageID) } }
            return disks(of: guest)
        }
    }

    /// The disks that the guest was given.
    public func locate(_ guest: GuestSpecification) async throws -> GuestDisks? {
        guests.withLock { $0[guest.id] } == nil ? nil : disks(of: guest)
    }

    /// The names of the disks that a start adds.
    public func complete(_ disks: GuestDisks, of guest: GuestSpecification) async throws -> GuestDisks {
        var disks = disks
        let folder = "/simulated/\(guest.id)/"
        disks.rescue = guest.rescue == nil ? nil : .init(path: folder + "disk.rescue", format: "qcow2")
        disks.configDrive = guest.configDrive == nil ? nil : .init(path: folder + "disk.config", format: "raw")
        return disks
    }

    /// Forgets a guest with its disks.
    public func remove(_ id: String) async throws {
        try forget(id)
        try forget(aside(id))
    }

    /// What the options say.
    public func capacityGiB() async throws -> Int { options.diskGiB }

    /// What the guests' disks would take if they were full.
    public func usedGiB() async throws -> Int {
        guests.withLock { $0.values.reduce(0) { $0 + ($1.specification.root?.sizeGiB ?? 0) + $1.specification.ephemeralDisks.reduce(0) { $0 + $1.sizeGiB } } }
    }

    /// Nothing to tidy.
    public func maintain() async {}

    /// Gives the guest its disks anew.
    public func rebuild(_ guest: GuestSpecification, preserveEphemeral: Bool, token: String) async throws -> GuestDisks {
        try await perform(.rebuild, on: guest.id) {
            try change(guest.id, creating: guest) { existing in
                guard existing.rebuildToken != token else { return }
                (existing.specification, existing.rebuildToken, existing.boots) = (guest, token, 0)
            }
            return disks(of: guest)
        }
    }

    // MARK: Snapshots

    /// The names of files that nobody has.
    public func slowCapture(_ id: String, as name: String) async throws -> SlowCapture? {
        options.copiesSlowly ? SlowCapture(disk: "disk", copy: name) : nil
    }

    /// Remembers the running guest as it is.
    public func copyDisk(
        _ path: String, of id: String, into file: String, begun: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await perform(.copyDisk, on: id) {
            let guest = try existing(id)
            guard guest.power == .running else { throw Self.wrongState }
            captures.withLock { $0[file] = guest }
        }
        try await begun()
    }

    /// Remembers the guest as it is.
    public func capture(_ id: String, as name: String) async throws {
        try await perform(.capture, on: id) {
            guard let guest = guests.withLock({ $0[id] }) else { throw GuestFailure.notFound(id) }
            guard guest.specification.root != nil else {
                throw GuestFailure(.unsupported, "The guest has no root disk of its own; its volumes are what can be copied.")
            }
            captures.withLock { $0[name] = guest }
        }
    }

    /// A small image that is equal for equal guests.
    public func pack(_ id: String, capture name: String, format: String) async throws -> PackedDisk {
        try await perform(.pack, on: id) {
            guard let guest = captures.withLock({ $0[name] }) else { throw GuestFailure.notFound(id) }
            let gibibytes = max(1, guest.specification.root?.sizeGiB ?? 1)
            let image = try SimulatedImage(format: format, virtualSize: gibibytes << 30, content: "guest \(id)")
            return PackedDisk(size: image.bytes.count, virtualSize: image.virtualSize, read: image.reader())
        }
    }

    /// Forgets what was captured.
    public func discard(_ id: String, capture name: String) async { captures.withLock { $0[name] = nil } }

    // MARK: Moves

    /// Every simulated host has disks of its own.
    public var isShared: Bool { false }

    /// Renames the guest, in a manner of speaking.
    public func release(_ id: String) async throws -> [ReleasedGuest.File]? {
        try await perform(.release, on: id) {
            if guests.withLock({ $0[aside(id)] }) == nil {
                guard let guest = guests.withLock({ $0[id] }) else { return nil }
                try change(aside(id), creating: guest.specification) { $0.runs = false }
                try forget(id)
            }
            return files(of: aside(id))
        }
    }

    /// What was put aside.
    public func released(_ id: String) async throws -> [ReleasedGuest.File]? { files(of: aside(id)) }

    /// A simulated disk is its name and nothing else.
    public func readReleased(_ id: String, name: String, offset: Int, length: Int) async throws -> GuestFileChunk {
        guard let files = files(of: aside(id)), files.contains(where: { $0.name == name }) else { throw GuestFailure.notFound(id) }
        let content = Data("\(name) of \(id)\n".utf8)
        return GuestFileChunk(offset: offset, bytes: content.dropFirst(offset).prefix(length))
    }

    /// Reads the disks from where they are and remembers that the guest has them.
    public func receive(
        _ guest: GuestSpecification, _ files: [ReleasedGuest.File], from source: ReleasedFileReader?
    ) async throws -> GuestDisks {
        if let source {
            for file in files { _ = try await source(file.name, 0, ReadGuestFile.maximumLength) }
        } else if self.files(of: aside(guest.id)) == nil {
            throw GuestFailure.notFound(guest.id)
        }
        return try await perform(.receive, on: guest.id) {
            if guests.withLock({ $0[guest.id] }) == nil { try change(guest.id, creating: guest) { _ in } }
            return disks(of: guest)
        }
    }

    /// The guests that were named otherwise.
    public func releasedIDs() async throws -> [String] {
        guests.withLock { $0.keys.filter { $0.hasSuffix(Self.asideSuffix) }.map { String($0.dropLast(Self.asideSuffix.count)) }.sorted() }
    }

    /// Forgets what was put aside.
    public func discardReleased(_ id: String) async throws { try forget(aside(id)) }

    /// Names the guest as it was named.
    public func restoreReleased(_ id: String) async throws {
        try await perform(.restore, on: id) {
            guard let guest = guests.withLock({ $0[aside(id)] }) else { return }
            try forget(id)
            try change(id, creating: guest.specification) { _ in }
            try forget(aside(id))
        }
    }

    /// Remembers that the guest has disks here too.
    public func prepareArrival(_ guest: GuestSpecification, block: Bool) async throws -> [String: Int] {
        _ = try await prepare(guest)
        return block ? ["disk": (guest.root?.sizeGiB ?? 0) << 30] : [:]
    }

    // MARK: What is kept

    /// Keeps whether the guest shall run.
    public func remember(_ record: GuestRecord) async throws {
        guard let known = guests.withLock({ $0[record.guest.id] }), known.runs != record.runs || known.specification != record.guest
        else { return }
        try change(record.guest.id) { guest in (guest.runs, guest.specification) = (record.runs, record.guest) }
    }

    /// A simulated host is rebooted by `reboot`.
    public func noteBoot(_ id: String) async throws -> Bool {
        boot.withLock { boot in
            defer { boot.noted = id }
            return boot.noted.map { $0 != id } ?? false
        }
    }

    /// What was kept.
    public func records() async throws -> [GuestRecord] {
        guests.withLock { guests in
            guests.filter { !$0.key.hasSuffix(Self.asideSuffix) }.values.map { GuestRecord(guest: $0.specification, runs: $0.runs ?? false) }
        }
    }

    /// Remembers the image.
    public func cache(_ image: RootDisk) async throws -> CacheImages.Outcome {
        try await perform(.cacheImage, on: image.imageID) {
            images.withLock { $0.insert(image.imageID).inserted } ? .cached : .existing
        }
    }

    /// The ids of guests of which there are disks, defined or not.
    public var diskIDs: [String] { guests.withLock { $0.keys.sorted() } }

    // MARK: Parts

    private static let asideSuffix = "_resize"
    private func aside(_ id: String) -> String { id + Self.asideSuffix }

    private func files(of key: String) -> [ReleasedGuest.File]? {
        guests.withLock { $0[key] }.map { guest in
            let names = (guest.specification.root == nil ? [] : ["disk"])
                + guest.specification.ephemeralDisks.indices.map(FileDisks.ephemeralName) + (guest.specification.swapMiB > 0 ? ["disk.swap"] : [])
            return names.map { ReleasedGuest.File(name: $0, sizeBytes: 196_616) }
        }
    }

    private func disks(of guest: GuestSpecification) -> GuestDisks {
        func disk(_ name: String) -> GuestDisks.Disk { .init(path: "/simulated/\(guest.id)/\(name)", format: "qcow2") }
        return GuestDisks(
            root: guest.root == nil ? nil : disk("disk"), ephemerals: guest.ephemeralDisks.indices.map { disk(FileDisks.ephemeralName($0)) },
            swap: guest.swapMiB > 0 ? disk("disk.swap") : nil, console: "/simulated/\(guest.id)/console.log")
    }
}
