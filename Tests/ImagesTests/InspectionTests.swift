import CloudAPI
import CloudCore
import ImageInspection
import Testing

@testable import Images

/// Content that may not become an image leaves the image waiting for its bytes, and no file.
@Suite struct InspectionTests {
    /// A QCOW2's header and a few bytes of nothing.
    static func qcow2(size: UInt64 = 1 << 30, backing: UInt8 = 0) -> [UInt8] {
        var image: [UInt8] = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3] + Array(repeating: 0, count: 65528)
        image[14] = backing
        withUnsafeBytes(of: size.bigEndian) { image.replaceSubrange(24..<32, with: $0) }
        return image
    }

    @Test func theDiskInsideIsMeasured() async throws {
        try await Gallery.with({ $0.inspection.requiresMatch = true }) { gallery in
            let id = try await gallery.create()
            #expect(await gallery.upload(id, Self.qcow2()).status == .noContent)
            #expect(await gallery.show(id)["virtual_size"] == .int(1 << 30))
            let raw = try await gallery.create("raw", ["disk_format": "raw"])
            #expect(await gallery.upload(raw, [1, 2, 3]).status == .noContent)
            #expect(await gallery.show(raw)["virtual_size"] == .int(3))
        }
    }

    @Test(arguments: [
        ("qcow2", qcow2(backing: 2), "The image failed the safety checks of qcow2: it has a backing file."),
        ("qcow2", [1, 2, 3], "The image is declared as qcow2, but its content is raw."),
        ("raw", qcow2(), "The image is declared as raw, but its content is qcow2."),
        ("vmdk", Array("createType=\"monolithicFlat\"\nRW 1 FLAT \"/etc/passwd\" 0".utf8),
         "The image failed the safety checks of vmdk: its data are in other files."),
    ])
    func isRefused(format: String, bytes: [UInt8], reason: String) async throws {
        try await Gallery.with({ $0.inspection.requiresMatch = true }) { gallery in
            let id = try await gallery.create("bad", ["disk_format": .string(format)])
            let answer = await gallery.upload(id, bytes)
            #expect(answer.status == .unsupportedMediaType)
            #expect(answer.json["message"] == .string(reason))
            let image = await gallery.show(id)
            #expect(image["status"] == "queued")
            #expect(image["size"] == .null && image["virtual_size"] == .null && image["checksum"] == .null)
            #expect(try gallery.files() == 0)
            // The image takes better bytes.
            let good = format == "qcow2" ? Self.qcow2() : [7]
            #expect(await gallery.upload(id, good).status == (format == "vmdk" ? .unsupportedMediaType : .noContent))
        }
    }

    @Test func matchingIsTheOperatorsChoice() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await gallery.upload(id, [1, 2, 3]).status == .noContent)
            #expect(await gallery.show(id)["virtual_size"] == .null)
            let unsafe = try await gallery.create("unsafe", ["disk_format": "raw"])
            #expect(await gallery.upload(unsafe, Self.qcow2(backing: 1)).status == .unsupportedMediaType)
        }
    }
}
