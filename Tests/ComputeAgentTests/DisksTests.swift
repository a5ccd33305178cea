import CloudCore
import CloudCrypto
import ComputeMessages
import Foundation
import Glibc
import HostCommands
import Testing

@testable import ComputeAgent

@Suite(.enabled(if: hasDiskTools, "qemu-img is needed"), .timeLimit(.minutes(2))) struct DisksTests {
    private let folder: TemporaryFolder
    private let source = ImageSourceStub()

    init() throws { folder = try TemporaryFolder() }

    private func disks(_ options: FileDisks.Options = .init()) async throws -> FileDisks {
        let disks = FileDisks(directory: folder.path, images: source, options: options)
        try await disks.start()
        return disks
    }

    private func image(_ bytes: [UInt8], format: String, sizeGiB: Int = 0, checksum: String? = nil) -> RootDisk {
        let root = RootDisk(imageID: Identifier.uuid(), format: format, checksum: checksum ?? Self.sha512(bytes), sizeGiB: sizeGiB)
        source.add(root.imageID, bytes)
        return root
    }

    private static func sha512(_ bytes: [UInt8]) -> String {
        Digest.of(bytes, .sha512).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    private func qemuImage(_ arguments: String...) async throws -> String {
        try await Command(program: "qemu-img", arguments: arguments, deadline: .seconds(30)).runSuccessfully().output
    }

    private func qcow2(_ arguments: String..., size: String = "64M") async throws -> [UInt8] {
        let path = folder.path + "/\(UUID().uuidString).qcow2"
        _ = try await Command(program: "qemu-img", arguments: ["create", "-f", "qcow2"] + arguments + [path, size], deadline: .seconds(30))
            .runSuccessfully()
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private func code(_ body: () async throws -> some Sendable) async -> GuestFailure.Code? {
        do {
            _ = try await body()
            return nil
        } catch { return (error as? GuestFailure)?.code }
    }

    private let mebibyte = [UInt8](repeating: 7, count: 1 << 20)

    @Test(arguments: ["raw", "qcow2"]) func aDiskLiesOverItsImage(format: String) async throws {
        let disks = try await disks()
        let root = image(format == "raw" ? mebibyte : try await qcow2(size: "1M"), format: format, sizeGiB: 2)
        let guest = specification(root: root, ephemeralGiB: 1, swapMiB: 8)
        let files = try await disks.prepare(guest)
        let info = try JSON(parsing: try await qemuImage("info", "--output=json", try #require(files.root).path))
        #expect(info["virtual-size"]?.int == 2 << 30)
        #expect(info["backing-filename"]?.string == folder.path + "/images/_base/\(root.checksum ?? "").\(format)")
        #expect(info["backing-filename-format"]?.string == format)
        let base = try #require(info["backing-filename"]?.string)
        #expect(try FileManager.default.attributesOfItem(atPath: base)[.posixPermissions] as? Int == 0o444)
        let ephemeral = try JSON(parsing: try await qemuImage("info", "--output=json", try #require(files.ephemerals.first).path))
        #expect(ephemeral["virtual-size"]?.int == 1 << 30)
        let swap = try #require(files.swap)
        #expect(try FileSystem.size(of: swap.path) == 8 << 20)
        #expect(try FileSystem.prefix(of: swap.path, count: 4096).suffix(10).elementsEqual("SWAPSPACE2".utf8))
        #expect(try await disks.locate(guest) == files)
        #expect(try await disks.prepare(guest) == files)
        for _ in 1...2 { try await disks.remove(guest.id) }
        #expect(try await disks.locate(guest) == nil)
        #expect(try FileSystem.names(in: folder.path + "/instances").isEmpty)
    }

    @Test(.enabled(if: isContinuousIntegration || programExists("mkfs.ext4"), "mkfs.ext4 is needed"))
    func ephemeralDisksHaveFileSystemsOfTheirOwn() async throws {
        let disks = try await disks()
        var guest = specification(root: image(mebibyte, format: "raw"))
        guest.ephemerals = [EphemeralDisk(sizeGiB: 1), EphemeralDisk(sizeGiB: 2, format: "ext2")]
        let files = try await disks.prepare(guest)
        #expect(files.ephemerals.map { $0.path.split(separator: "/").last } == ["disk.eph0", "disk.eph1"])
        for (number, file) in files.ephemerals.enumerated() {
            let info = try JSON(parsing: try await qemuImage("info", "--output=json", file.path))
            #expect(info["format"]?.string == "qcow2")
            #expect(info["virtual-size"]?.int == (number + 1) << 30)
            let plain = folder.path + "/\(number).raw"
            _ = try await qemuImage("convert", "-O", "raw", file.path, plain)
            // The superblock lies at 1024; its magic at 56, its volume's name at 120 (Linux's struct ext4_super_block).
            let superblock = try FileSystem.prefix(of: plain, count: 2048).suffix(1024)
            #expect(superblock.dropFirst(56).prefix(2).elementsEqual([0x53, 0xef]))
            #expect(superblock.dropFirst(120).prefix(11).elementsEqual("ephemeral\(number)\0".utf8))
        }
        let left = try FileSystem.names(in: folder.path + "/instances/" + guest.id)
        #expect(left.allSatisfy { !$0.hasSuffix(".plain") && !$0.hasSuffix(".part") })
        #expect(FileDisks.isEphemeral("disk.eph12") && !FileDisks.isEphemeral("disk.eph") && !FileDisks.isEphemeral("disk.eph/.."))
    }

    @Test(.enabled(if: isContinuousIntegration || programExists("mkfs.ext4"), "mkfs.ext4 is needed"))
    func theOperatorsFileSystemGoesBeforeTheGuestsSystemAndAfterTheRequest() async throws {
        var options = FileDisks.Options()
        options.ephemeralFormat = "ext2"
        let disks = try await disks(options)
        var guest = specification(root: image(mebibyte, format: "raw"))
        guest.properties["os_type"] = "windows"
        guest.ephemerals = [EphemeralDisk(sizeGiB: 1), EphemeralDisk(sizeGiB: 1, format: "ext4")]
        var hasJournal: [Bool] = []
        for file in try await disks.prepare(guest).ephemerals {
            let plain = folder.path + "/plain.raw"
            _ = try await qemuImage("convert", "-O", "raw", file.path, plain)
            // ext4 has a journal, ext2 none: the third bit of what the superblock at 1024 says at 92.
            let superblock = Array(try FileSystem.prefix(of: plain, count: 2048).suffix(1024))
            #expect(superblock[56...57] == [0x53, 0xef])
            hasJournal.append(superblock[92] & 4 != 0)
        }
        #expect(hasJournal == [false, true])
        #expect(FileDisks.defaultEphemeralFormats.isSuperset(of: ["ext4", "xfs", "vfat", "ntfs"]))
    }

    @Test func aFileSystemThatNobodyMakesIsRefusedOrLeftOut() async throws {
        var options = FileDisks.Options()
        options.ephemeralFormat = "none"
        let disks = try await disks(options)
        var guest = specification(root: image(mebibyte, format: "raw"))
        guest.ephemerals = [EphemeralDisk(sizeGiB: 1, format: "reiserfs")]
        #expect(await code { try await disks.prepare(guest) } == .unsupported)
        guest.ephemerals = [EphemeralDisk(sizeGiB: 1)]
        #expect(try await disks.prepare(guest).ephemerals.count == 1)
    }

    @Test func aSlowCopyGoesWherePackingLooks() async throws {
        let disks = try await disks()
        let guest = specification(root: image(mebibyte, format: "raw", sizeGiB: 1))
        _ = try await disks.prepare(guest)
        let (name, place) = (Identifier.uuid(), folder.path + "/instances/" + guest.id)
        let slow = try await disks.slowCapture(guest.id, as: name)
        #expect(try FileSystem.names(in: place).allSatisfy { !$0.hasPrefix(FileDisks.capturePrefix) })
        #expect(try await disks.slowCapture(Identifier.uuid(), as: name) == nil)
        // Where files share blocks there is none.
        guard let slow else { return }
        #expect(slow.disk == place + "/disk")
        _ = try await qemuImage("convert", "-O", "qcow2", slow.disk, slow.copy)
        #expect(try await disks.pack(guest.id, capture: name, format: "qcow2").virtualSize == 1 << 30)
        await disks.discard(guest.id, capture: name)
        #expect(try FileSystem.names(in: place).allSatisfy { !$0.hasPrefix(FileDisks.capturePrefix) })
    }

    @Test func withoutASizeTheImageKeepsItsOwn() async throws {
        let disks = try await disks()
        let files = try await disks.prepare(specification(root: image(mebibyte, format: "raw")))
        let info = try JSON(parsing: try await qemuImage("info", "--output=json", try #require(files.root).path))
        #expect(info["virtual-size"]?.int == 1 << 20)
    }

    @Test func aFlavorSmallerThanTheImageIsRefused() async throws {
        let disks = try await disks()
        let guest = specification(root: image(try await qcow2(size: "3G"), format: "qcow2", sizeGiB: 2))
        #expect(await code { try await disks.prepare(guest) } == .diskTooSmall)
        #expect(try await disks.locate(guest) == nil)
    }

    @Test func imagesThatReferToFilesAreRefused() async throws {
        let disks = try await disks()
        let base = folder.path + "/secret.raw"
        try FileSystem.write("secret", to: base)
        let backed = try await qcow2("-b", base, "-F", "raw")
        let external = try await qcow2("-o", "data_file=\(folder.path)/data.raw,data_file_raw=on")
        for bytes in [backed, external, mebibyte, []] {
            let guest = specification(root: image(bytes, format: "qcow2"))
            #expect(await code { try await disks.prepare(guest) } == .imageUnavailable)
        }
        #expect(try FileSystem.names(in: folder.path + "/images/_base").isEmpty)
    }

    @Test func aRawImageIsNeverReadAsSomethingElse() async throws {
        let disks = try await disks()
        let base = folder.path + "/secret.raw"
        try FileSystem.write(String(repeating: "secret", count: 1000), to: base)
        let bytes = try await qcow2("-b", base, "-F", "raw")
        let files = try await disks.prepare(specification(root: image(bytes, format: "raw")))
        let output = folder.path + "/seen.raw"
        _ = try await qemuImage("convert", "-O", "raw", try #require(files.root).path, output)
        #expect(try FileSystem.prefix(of: output, count: bytes.count) == bytes)
    }

    @Test func aWrongChecksumLeavesNothing() async throws {
        let disks = try await disks()
        let root = image(mebibyte, format: "raw", checksum: Self.sha512([1]))
        #expect(await code { try await disks.prepare(specification(root: root)) } == .imageUnavailable)
        #expect(try FileSystem.names(in: folder.path + "/images/_base").isEmpty)
    }

    @Test func whatCannotBeFetchedIsUnavailable() async throws {
        let disks = try await disks()
        let missing = RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 0)
        #expect(await code { try await disks.prepare(specification(root: missing)) } == .imageUnavailable)
        let foreign = image(mebibyte, format: "vhdx")
        #expect(await code { try await disks.prepare(specification(root: foreign)) } == .imageUnavailable)
        let evil = image(mebibyte, format: "raw", checksum: "../../../../../../../../etc/passwd")
        #expect(await code { try await disks.prepare(specification(root: evil)) } == .imageUnavailable)
    }

    @Test func guestsThatComeTogetherFetchOnce() async throws {
        let disks = try await disks()
        let root = image(mebibyte, format: "raw")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 { group.addTask { _ = try await disks.prepare(specification(root: root)) } }
            try await group.waitForAll()
        }
        #expect(source.reads == 1)
        _ = try await disks.prepare(specification(root: root))
        #expect(source.reads == 1)
    }

    @Test func aFetchEndsWithTheLastWhoWaits() async throws {
        let disks = try await disks()
        let root = image(mebibyte, format: "raw")
        source.hang(true)
        let tasks = (0..<2).map { _ in Task { try await disks.prepare(specification(root: root)) } }
        try await eventually("the fetch has begun") {
            try !FileSystem.names(in: folder.path + "/images/_base").isEmpty
        }
        tasks[0].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[0].value }
        #expect(try FileSystem.names(in: folder.path + "/images/_base").count == 1)
        tasks[1].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[1].value }
        try await eventually("the half-fetched file is gone") {
            try FileSystem.names(in: folder.path + "/images/_base").isEmpty
        }
        source.hang(false)
        _ = try await disks.prepare(specification(root: root))
    }

    @Test func aRestartClearsHalfFetchedImages() async throws {
        try FileSystem.makeDirectory(folder.path + "/images/_base")
        try FileSystem.write("half", to: folder.path + "/images/_base/abc.raw.123.part")
        _ = try await disks()
        #expect(try FileSystem.names(in: folder.path + "/images/_base").isEmpty)
    }

    @Test func unusedImagesAreForgottenAndUsedOnesKept() async throws {
        var options = FileDisks.Options()
        options.imageLifetime = .seconds(3600)
        let disks = try await disks(options)
        let (used, unused) = (image([1] + mebibyte, format: "raw"), image([2] + mebibyte, format: "raw"))
        let guests = [used, unused].map { specification(root: $0) }
        for guest in guests { _ = try await disks.prepare(guest) }
        try await disks.remove(guests[1].id)
        let names = { try FileSystem.names(in: folder.path + "/images/_base") }
        await disks.maintain()
        #expect(try names().count == 2)
        for name in try names() {
            var times = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
            utimes(folder.path + "/images/_base/" + name, &times)
        }
        await disks.maintain()
        #expect(try names() == ["\(used.checksum ?? "").raw"])
    }

    @Test func aConsoleThatGrewTooLongKeepsItsEnd() async throws {
        var options = FileDisks.Options()
        (options.consoleLimit, options.consoleKept) = (1000, 100)
        let disks = try await disks(options)
        let guest = specification(root: image(mebibyte, format: "raw"))
        let console = try await disks.prepare(guest).console
        try FileSystem.write(String(repeating: "x", count: 5000) + "the end", to: console)
        await disks.maintain()
        #expect(try FileSystem.size(of: console) == 100)
        #expect(try FileSystem.suffix(of: console, count: 7).elementsEqual("the end".utf8))
    }

    @Test(.enabled(if: geteuid() == 0, "mounting takes root")) func aFullDiskIsSaidToBeFull() async throws {
        let small = folder.path + "/small"
        try FileSystem.makeDirectory(small)
        let mount = Command(program: "mount", arguments: ["-t", "tmpfs", "-o", "size=512k", "tmpfs", small], deadline: .seconds(10))
        try await mount.runSuccessfully()
        let root = image(mebibyte, format: "raw")
        let disks = FileDisks(directory: small, images: source)
        try await disks.start()
        #expect(await code { try await disks.prepare(specification(root: root)) } == .diskFull)
        #expect(try FileSystem.names(in: small + "/images/_base").isEmpty)
        try await Command(program: "umount", arguments: [small], deadline: .seconds(10)).runSuccessfully()
    }
}

@Suite(.timeLimit(.minutes(2))) struct QCOW2HeaderTests {
    private func header(version: UInt8 = 3, size: UInt64 = 1 << 30, nameOffset: UInt64 = 0, name: String = "", features: UInt8 = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 512)
        bytes.replaceSubrange(0..<8, with: [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, version])
        func put(_ value: UInt64, _ length: Int, at offset: Int) {
            for index in 0..<length { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (length - 1 - index))) }
        }
        put(nameOffset, 8, at: 8)
        put(UInt64(name.utf8.count), 4, at: 16)
        put(16, 4, at: 20)
        put(size, 8, at: 24)
        bytes[79] = features
        bytes.replaceSubrange(256..<256 + name.utf8.count, with: Array(name.utf8))
        return bytes
    }

    @Test func readsWhatIsThere() throws {
        let plain = try #require(QCOW2Header(header()))
        #expect(plain.virtualSize == 1 << 30)
        #expect(plain.backingFile == nil)
        #expect(!plain.hasExternalData)
        #expect(QCOW2Header(header(nameOffset: 256, name: "/etc/passwd"))?.backingFile == "/etc/passwd")
        #expect(QCOW2Header(header(features: 0b100))?.hasExternalData == true)
        #expect(QCOW2Header(header(version: 2, features: 0b100))?.hasExternalData == false)
    }

    @Test func refusesWhatNoToolWrites() {
        #expect(QCOW2Header([]) == nil)
        #expect(QCOW2Header(Array(header().prefix(71))) == nil)
        #expect(QCOW2Header(header(version: 4)) == nil)
        #expect(QCOW2Header(header(size: UInt64.max)) == nil)
        #expect(QCOW2Header(header(nameOffset: UInt64.max, name: "x")) == nil)
        #expect(QCOW2Header(header(nameOffset: 505, name: "too far")) != nil)
        #expect(QCOW2Header(header(nameOffset: 506, name: "too far")) == nil)
    }
}
