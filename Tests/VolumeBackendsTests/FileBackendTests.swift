import CloudCore
import Foundation
import Testing
import VolumeMessages

@testable import VolumeBackends

/// What back ends of files do beside what all do.
@Suite(.serialized, .enabled(if: isInstalled("qemu-img")), .timeLimit(.minutes(3))) struct FileBackendTests {
    private let folder: TemporaryFolder
    private let encryption = VolumeEncryption(keyID: Identifier.uuid(), passphrase: Identifier.hex())

    init() throws { folder = try TemporaryFolder() }

    private func backend(wipes: Bool = false) async throws -> FileBackend {
        var options = FileBackend.Options(directory: folder.path + "/volumes")
        options.wipes = wipes
        let backend = FileBackend(name: "local", options: options)
        try await backend.start()
        return backend
    }

    /// The passphrase is in no file, and an image's bytes are not on the disk as they were.
    @Test func encryptedVolumesHoldCiphertext() async throws {
        let backend = try await backend()
        let image = folder.path + "/image.raw"
        try Files.write([UInt8](repeating: 0x41, count: 1 << 20), to: image)
        let one = volume(encryption: encryption)
        try await backend.create(one, .image(ImageFile(path: image, format: "raw", virtualSize: 1 << 20)))
        let file = try backend.existing(one)
        #expect(file.format == "raw")
        let header = try #require(try LUKS.payloadOffset(of: file.path))
        #expect(try Files.sizes(of: file.path).length == header + (1 << 30))
        let bytes = try await backend.open(one, writing: false)
        #expect(try await bytes.read(header..<header + 4096) != [UInt8](repeating: 0x41, count: 4096))
        await bytes.close()
        #expect(try Files.names(in: backend.layout.parts).isEmpty)

        // Without a key of its own, a copy is in the clear, and holds the image again. What of the disk was never written reads as
        // noise, which a copy would keep: the first 8 MiB make a quick test. (Making a second header would take seconds.)
        let (part, plain) = (folder.path + "/part.raw", folder.path + "/plain.raw")
        try await backend.maker.copy(file.path, to: part)
        try #require(truncate(part, off_t(header + (8 << 20))) == 0)
        try await backend.maker.remake(
            DiskFile(path: part, format: "raw"), encryption, as: plain, format: "raw", bytes: 8 << 20, encryption: nil)
        let copy = try FileBytes(path: plain)
        #expect(copy.size == 8 << 20)
        #expect(try await copy.read(0..<1 << 20) == [UInt8](repeating: 0x41, count: 1 << 20))
        await copy.close()
    }

    @Test func whatAKilledProgramLeftIsClearedAway() async throws {
        let first = try await backend(wipes: true)
        try Files.write([1, 2, 3], to: first.layout.parts + "/half")
        try Files.write([1, 2, 3], to: first.layout.wipes + "/deleted")
        let again = try await backend(wipes: true)
        #expect(try Files.names(in: again.layout.parts).isEmpty)
        #expect(try Files.names(in: again.layout.wipes).isEmpty)
        let one = volume()
        try await again.create(one, .blank)
        try await again.delete(one)
        #expect(try Files.names(in: again.layout.wipes).isEmpty)
        #expect(try Files.names(in: again.layout.volumes).isEmpty)
    }

    @Test func namesStayInTheirFolder() async throws {
        let backend = try await backend()
        for name in ["../escaped", "a/b", ".hidden", ""] {
            #expect(await code { try await backend.create(volume(name), .blank) } == .notFound)
        }
        #expect(try Files.names(in: backend.layout.volumes).isEmpty)
    }

    @Test func nothingIsWrittenWithoutRoom() async throws {
        let backend = try await backend()
        let size = Int64(1) << 60
        let refusal = await code {
            try await backend.maker.inRoom(for: size) { () async throws -> Void in Issue.record("there is no such room") }
        }
        #expect(refusal == .full)
    }

    @Test func hypervisorsResizeWhatTheyHold() async throws {
        let backend = try await backend()
        var one = volume()
        try await backend.create(one, .blank)
        one.sizeGiB = 2
        #expect(try await backend.extend(one, isAttached: true))
        #expect(try await backend.bytes(of: one) == 1 << 30)
    }
}
