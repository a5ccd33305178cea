import CloudAPI
import CloudCore
import Foundation
import ImageStores
import Testing

@testable import Images

/// What image_conversion does with imports. qemu-img is there where the program's packages are installed.
@Suite(.timeLimit(.minutes(1)), .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-img")))
struct ImportConversionTests {
    private static let bytes = (0..<2_500_608).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    /// A gallery whose imports are converted.
    private func converting(
        to format: ConversionFormat, maximumSize: Int = 1 << 40, _ body: (Gallery) async throws -> Void
    ) async throws {
        let adjust = { (options: inout ImageOptions) in
            options.imports.plugins = ["no_op", "image_conversion"]
            options.imports.conversionFormat = format
            options.maximumSize = maximumSize
        }
        try await Gallery.with(adjust, body)
    }

    /// Stages bytes and imports them.
    private func imported(
        _ bytes: [UInt8], _ more: JSONObject, into gallery: Gallery
    ) async throws -> (id: String, image: JSON, task: JSON?) {
        let id = try await gallery.create("x", more)
        #expect(await gallery.stage(id, bytes).status == .noContent)
        #expect(await gallery.importImage(id, "glance-direct").status == .accepted)
        try await gallery.finishWorkflows()
        #expect(try gallery.staging.names().isEmpty)
        let task = await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?[0]
        return (id, await gallery.show(id), task)
    }

    @Test(arguments: [ConversionFormat.qcow2, .vmdk]) func aDiskComesThroughThereAndBack(format: ConversionFormat) async throws {
        var converted: [UInt8] = []
        try await converting(to: format) { gallery in
            let (id, image, task) = try await imported(Self.bytes, ["disk_format": "raw"], into: gallery)
            #expect(image["status"] == "active", "\(task?["message"]?.string ?? "")")
            #expect(image["disk_format"] == .string(format.rawValue))
            #expect(image["container_format"] == "bare")
            #expect(image["virtual_size"] == .int(Self.bytes.count))
            converted = await gallery.download(id).bytes
            #expect(image["size"] == .int(converted.count))
            #expect(converted != Self.bytes)
        }
        try await converting(to: .raw) { gallery in
            let (id, image, task) = try await imported(converted, ["disk_format": .string(format.rawValue)], into: gallery)
            #expect(image["status"] == "active", "\(task?["message"]?.string ?? "")")
            #expect(image["disk_format"] == "raw")
            #expect(image["size"] == .int(Self.bytes.count))
            #expect(image["virtual_size"] == .int(Self.bytes.count))
            #expect(await gallery.download(id).bytes == Self.bytes)
        }
    }

    /// An ISO 9660 volume with nothing on it.
    private static var disc: [UInt8] {
        var disc = [UInt8](repeating: 0, count: 40960)
        disc.replaceSubrange(32768..<32775, with: [1] + Array("CD001".utf8) + [1])
        return disc
    }

    @Test func discsStayDiscs() async throws {
        try await converting(to: .qcow2) { gallery in
            let (id, image, _) = try await imported(Self.disc, ["disk_format": "iso"], into: gallery)
            #expect(image["status"] == "active")
            #expect(image["disk_format"] == "iso")
            #expect(await gallery.download(id).bytes == Self.disc)
        }
    }

    @Test(arguments: [
        ("qcow2", InspectionTests.qcow2(backing: 2), "The image failed the safety checks of qcow2: it has a backing file."),
        ("qcow2", [1, 2, 3], "The image is declared as qcow2, but its content is raw."),
        ("raw", InspectionTests.qcow2(), "The image is declared as raw, but its content is qcow2."),
        ("raw", disc, "The image is taken for raw, but its content is iso."),
        ("ami", [1, 2, 3], "The image is taken for ami, but its content is raw."),
        // The header is sound, and the rest is not there.
        ("qcow2", Array(InspectionTests.qcow2().prefix(600)), "The image could not be converted to raw."),
        ("qcow2", InspectionTests.qcow2(size: 1 << 41), "The image's disk has \(1 << 41) bytes, and \(1 << 40) are allowed."),
    ])
    func whatCannotBeConvertedLeavesNothing(format: String, bytes: [UInt8], reason: String) async throws {
        try await converting(to: .raw) { gallery in
            let (_, image, task) = try await imported(bytes, ["disk_format": .string(format)], into: gallery)
            #expect(image["status"] == "queued")
            #expect(image["disk_format"] == .string(format))
            #expect(image["size"] == .null && image["virtual_size"] == .null && image["checksum"] == .null)
            #expect(image["os_glance_failed_import"] == "file")
            #expect(task?["status"] == "failure")
            #expect(task?["message"] == .string(reason))
            #expect(try gallery.files() == 0)
        }
    }

    @Test func theResultIsBounded() async throws {
        // The disk is small enough; what it becomes, with its tables, is not.
        try await converting(to: .qcow2, maximumSize: Self.bytes.count) { gallery in
            let (_, image, task) = try await imported(Self.bytes, ["disk_format": "raw"], into: gallery)
            #expect(image["status"] == "queued")
            #expect(task?["message"] == "The image could not be converted to qcow2.")
        }
    }

    @Test func copiesAreNotConverted() async throws {
        try await converting(to: .qcow2) { gallery in
            let id = try await gallery.create("x", ["disk_format": "raw"])
            #expect(await gallery.upload(id, Self.bytes).status == .noContent)
            let answer = await gallery.importImage(id, "copy-image", ["stores": ["second"]], token: Gallery.admin)
            #expect(answer.status == .accepted)
            try await gallery.finishWorkflows()
            let image = await gallery.show(id)
            #expect(image["stores"] == "file,second")
            #expect(image["disk_format"] == "raw")
        }
    }
}
