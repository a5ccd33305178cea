import CloudCore
import CloudCrypto
import Foundation
import Testing
import VolumeMessages

@testable import VolumeBackends

/// A place of backups that passes or fails the suite.
enum BackupArm: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case folder, objects

    var testDescription: String { rawValue }
}

/// What a test has: a volume, a store on its place, and a way to spoil what is kept there.
private struct BackupSite {
    let backend = SimulatedBackend(name: "one")
    let folder: TemporaryFolder
    let objects = PretendedObjectStorage()
    let arm: BackupArm
    let store: PieceBackupStore

    init(_ arm: BackupArm) throws {
        (self.arm, folder) = (arm, try TemporaryFolder())
        let place: any BackupPlace = switch arm {
        case .folder: FolderBackupPlace(folder: folder.path)
        case .objects: ObjectBackupPlace(options: objects.options(), transport: objects)
        }
        store = PieceBackupStore(in: place, chunk: 1 << 20)
    }

    func volume() async throws -> VolumeSpecification {
        let made = VolumeBackendsTests.volume()
        try await backend.create(made, .blank)
        return made
    }

    func keep(_ volume: VolumeSpecification, as backup: BackupSpecification) async throws -> CreateBackup.Reply {
        try await store.keep(backup, try await backend.open(volume, writing: false))
    }

    func restore(_ backup: BackupSpecification, to volume: VolumeSpecification) async throws {
        try await store.restore(backup, to: try await backend.open(volume, writing: true))
    }

    /// The objects of a container, as `<backup>/<object>`.
    func names(in container: String = "volumebackups") throws -> [String] {
        if arm == .objects { return (objects.objects(in: container) ?? [:]).keys.sorted() }
        return try Files.names(in: "\(folder.path)/\(container)").flatMap { backup in
            try Files.names(in: "\(folder.path)/\(container)/\(backup)").map { "\(backup)/\($0)" }
        }
    }

    /// Puts other bytes, or none, where a backup has an object.
    func spoil(_ name: String, with bytes: [UInt8]?) throws {
        if arm == .objects { return objects.put(bytes, name, in: "volumebackups") }
        let path = "\(folder.path)/volumebackups/\(name)"
        try Files.remove(path)
        if let bytes { try Files.write(bytes, to: path) }
    }
}

private func backup(_ parent: BackupSpecification? = nil, container: String? = nil) -> BackupSpecification {
    BackupSpecification(id: Identifier.uuid(), driver: "any", container: container, parentID: parent?.id)
}

/// What every place of backups has to do.
@Suite(.timeLimit(.minutes(2))) struct BackupStoreConformance {
    @Test(arguments: BackupArm.allCases) func incrementsKeepWhatChanged(arm: BackupArm) async throws {
        let site = try BackupSite(arm)
        let (one, other) = (try await site.volume(), try await site.volume())
        try await site.backend.put(1, in: one)
        let full = backup()
        #expect(try await site.keep(one, as: full) == CreateBackup.Reply(objectCount: 1, bytes: 1 << 20))
        try await site.backend.put(2, at: 100 << 20, in: one)
        let increment = backup(full)
        for _ in 1...2 { #expect(try await site.keep(one, as: increment).objectCount == 1) }
        #expect(try site.names() == [
            "\(full.id)/5", "\(full.id)/manifest.json", "\(increment.id)/100", "\(increment.id)/manifest.json",
        ].sorted())
        try await site.backend.put(9, at: 500 << 20, in: other)
        try await site.restore(increment, to: other)
        #expect(try await site.backend.pattern(in: other) == 1)
        #expect(try await site.backend.pattern(at: 100 << 20, in: other) == 2)
        #expect(try await site.backend.pattern(at: 500 << 20, in: other) == 0)
        try await site.restore(full, to: other)
        #expect(try await site.backend.pattern(at: 100 << 20, in: other) == 0)
    }

    @Test(arguments: BackupArm.allCases) func removedBackupsLeaveNothing(arm: BackupArm) async throws {
        let site = try BackupSite(arm)
        let one = try await site.volume()
        for piece in 0..<5 { try await site.backend.put(UInt8(piece + 1), at: Int64(piece) * 2 << 20, in: one) }
        let (first, second) = (backup(), backup())
        for made in [first, second] { _ = try await site.keep(one, as: made) }
        for _ in 1...2 { try await site.store.remove(first) }
        #expect(try site.names().allSatisfy { $0.hasPrefix(second.id) })
        #expect(try site.names().count == 6)
        #expect(await code { try await site.restore(first, to: one) } == .backupDamaged)
        #expect(await code { _ = try await site.keep(one, as: backup(first)) } == .backupDamaged)
        try await site.store.remove(backup(container: "never-made"))
    }

    @Test(arguments: BackupArm.allCases) func changedBytesAreNoticed(arm: BackupArm) async throws {
        let site = try BackupSite(arm)
        let one = try await site.volume()
        try await site.backend.put(1, in: one)
        let made = backup()
        _ = try await site.keep(one, as: made)
        try site.spoil("\(made.id)/5", with: sample(3, count: 1 << 20))
        #expect(await code { try await site.restore(made, to: one) } == .backupDamaged)
        try site.spoil("\(made.id)/5", with: nil)
        #expect(await code { try await site.restore(made, to: one) } == .backupDamaged)
        try site.spoil("\(made.id)/manifest.json", with: Array("{}".utf8))
        #expect(await code { try await site.restore(made, to: one) } == .backupDamaged)
    }

    @Test(arguments: BackupArm.allCases) func halfABackupIsNone(arm: BackupArm) async throws {
        let site = try BackupSite(arm)
        let made = backup()
        await #expect(throws: BrokenBytes.Broken.self) { _ = try await site.store.keep(made, BrokenBytes()) }
        #expect(try site.names().isEmpty)
        #expect(await code { try await site.restore(made, to: try await site.volume()) } == .backupDamaged)
    }

    @Test(arguments: BackupArm.allCases) func containersAreNamesAndNothingElse(arm: BackupArm) async throws {
        let site = try BackupSite(arm)
        let one = try await site.volume()
        for name in ["../../etc", "..", "a\0b", String(repeating: "x", count: 256)] {
            #expect(await code { _ = try await site.keep(one, as: backup(container: name)) } == .unsupported, "\(name)")
        }
        try await site.backend.put(4, in: one)
        let made = backup(container: "Ünser Ort?&%")
        _ = try await site.keep(one, as: made)
        #expect(try site.names(in: "Ünser Ort?&%").count == 2)
        try await site.restore(made, to: one)
        #expect(try await site.backend.pattern(in: one) == 4)
    }
}

/// What object storage alone can do wrong.
@Suite(.timeLimit(.minutes(1))) struct ObjectBackupTests {
    private func place(_ objects: PretendedObjectStorage, _ login: ObjectStorageOptions.Login? = nil) -> ObjectBackupPlace {
        ObjectBackupPlace(options: objects.options(login), transport: objects)
    }

    private func folder() throws -> BackupFolder { try BackupFolder(Identifier.uuid(), in: nil) }

    @Test func tokensThatRunOutAreRenewed() async throws {
        for login in [nil, ObjectStorageOptions.Login.tempAuth(url: PretendedObjectStorage.tempAuth)] {
            let objects = PretendedObjectStorage()
            let (place, folder) = (place(objects, login), try folder())
            try await place.prepare(folder)
            #expect(objects.logins == 1)
            try await place.write(sample(1), "1", of: folder)
            objects.endTokens()
            #expect(try await place.read("1", of: folder) == sample(1))
            #expect(objects.logins == 2)
        }
    }

    @Test func whatMayGoBetterIsTriedAgain() async throws {
        let objects = PretendedObjectStorage()
        let (place, folder) = (place(objects), try folder())
        try await place.prepare(folder)
        objects.order(.broken, on: "PUT")
        objects.order(.status(503), on: "PUT")
        try await place.write(sample(1), "1", of: folder)
        objects.order(.changedBytes, on: "GET")
        #expect(try await place.read("1", of: folder) == sample(1))
        for _ in 1...3 { objects.order(.status(500), on: "GET") }
        #expect(await code { _ = try await place.read("1", of: folder) } == .backendError)
        #expect(try await place.read("2", of: folder) == nil)
    }

    @Test func fullStorageIsToldAsSuch() async throws {
        let objects = PretendedObjectStorage()
        let (place, folder) = (place(objects), try folder())
        try await place.prepare(folder)
        objects.order(.status(507), on: "PUT")
        #expect(await code { try await place.write(sample(1), "1", of: folder) } == .full)
    }

    @Test func wrongPasswordsAndMissingCataloguesAreErrors() async throws {
        let objects = PretendedObjectStorage()
        var options = objects.options()
        options.password = Secret("wrong")
        let stranger = ObjectBackupPlace(options: options, transport: objects)
        #expect(await code { _ = try await stranger.read("1", of: try folder()) } == .backendError)
        let elsewhere = place(objects, .keystone(
            url: PretendedObjectStorage.keystone, userDomain: "Default", project: "service", projectDomain: "Default", region: "two"))
        #expect(await code { _ = try await elsewhere.read("1", of: try folder()) } == .unsupported)
    }

    @Test func whoMayNotMakeContainersUsesThoseThereAre() async throws {
        let objects = PretendedObjectStorage()
        let place = place(objects)
        try await place.prepare(try folder())
        objects.order(.status(403), on: "PUT")
        try await place.prepare(try folder())
        #expect(objects.methods.filter { $0 == "PUT" }.count == 1)
    }
}
