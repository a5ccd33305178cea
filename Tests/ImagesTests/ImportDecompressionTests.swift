import CZlib
import CloudAPI
import CloudCore
import Foundation
import ImageInspection
import ImageStores
import Testing

@testable import Images

/// What image_decompression does with imports.
@Suite(.timeLimit(.minutes(1))) struct ImportDecompressionTests {
    private static let bytes = (0..<2_500_608).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    private func decompressing(maximumSize: Int = 1 << 40, _ body: (Gallery) async throws -> Void) async throws {
        let adjust = { (options: inout ImageOptions) in
            options.imports.plugins = ["image_decompression"]
            options.inspection.requiresMatch = true
            options.maximumSize = maximumSize
        }
        try await Gallery.with(adjust, body)
    }

    /// What becomes of staged bytes, and what the task says.
    private func imported(_ bytes: [UInt8], _ more: JSONObject = [:], into gallery: Gallery) async throws -> (JSON, String?) {
        var described: JSONObject = ["disk_format": "raw"]
        for member in more { described[member.name] = member.value }
        let id = try await gallery.create("x", described)
        #expect(await gallery.stage(id, bytes).status == .noContent)
        #expect(await gallery.importImage(id, "glance-direct").status == .accepted)
        try await gallery.finishWorkflows()
        #expect(try gallery.staging.names().isEmpty)
        let task = await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?[0]
        return (await gallery.show(id), task?["message"]?.string)
    }

    /// Bytes in gzip's form, made by zlib itself.
    private static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        var (stream, input) = (z_stream(), bytes)
        try #require(deflateInit2_(&stream, 6, Z_DEFLATED, 31, 8, 0, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { deflateEnd(&stream) }
        let room = Int(deflateBound(&stream, UInt(bytes.count)))
        return [UInt8](unsafeUninitializedCapacity: room) { output, count in
            input.withUnsafeMutableBufferPointer { input in
                (stream.next_in, stream.avail_in) = (input.baseAddress, UInt32(input.count))
                (stream.next_out, stream.avail_out) = (output.baseAddress, UInt32(room))
                deflate(&stream, Z_FINISH)
            }
            count = Int(stream.total_out)
        }
    }

    @Test func gzipIsUnpackedMemberByMember() async throws {
        try await decompressing { gallery in
            let packed = try Self.gzip(Array(Self.bytes.prefix(1_000_000))) + [0, 0, 0]
                + (try Self.gzip(Array(Self.bytes.dropFirst(1_000_000)))) + Array(repeating: 0, count: 512)
            let (image, message) = try await imported(packed, into: gallery)
            #expect(image["status"] == "active", "\(message ?? "")")
            #expect(image["size"] == .int(Self.bytes.count))
            #expect(image["virtual_size"] == .int(Self.bytes.count))
            let id = try #require(image["id"]?.string)
            #expect(await gallery.download(id).bytes == Self.bytes)
        }
    }

    @Test(arguments: [Archive.deflated, Archive.streamed, Archive.long, Archive.stored])
    func anArchiveOfOneFileIsUnpacked(archive: String) async throws {
        try await decompressing { gallery in
            let (image, message) = try await imported(Archive.bytes(archive), into: gallery)
            #expect(image["status"] == "active", "\(message ?? "")")
            let id = try #require(image["id"]?.string)
            let disk = Array(String(repeating: "disk", count: archive == Archive.stored ? 8 : 64).utf8)
            #expect(await gallery.download(id).bytes == disk)
        }
    }

    @Test func whatIsNotPackedOrDeclaredCompressedStays() async throws {
        try await decompressing { gallery in
            let packed = try Self.gzip(Self.bytes)
            let (compressed, _) = try await imported(packed, ["container_format": "compressed"], into: gallery)
            #expect(compressed["status"] == "active")
            #expect(compressed["size"] == .int(packed.count))
            let (plain, _) = try await imported([1], into: gallery)
            #expect(plain["status"] == "active")
            #expect(plain["size"] == 1)
        }
    }

    @Test(arguments: [
        (Archive.pair, "the archive does not hold exactly one file"),
        (Archive.encrypted, "it is packed in a way that is not supported"),
        (Archive.otherwise, "it is packed in a way that is not supported"),
        (Archive.changed, "the data is damaged"),
    ])
    func anArchiveThatCannotBeUnpackedLeavesNothing(archive: String, reason: String) async throws {
        try await decompressing { gallery in
            let (image, message) = try await imported(Archive.bytes(archive), into: gallery)
            #expect(image["status"] == "queued")
            #expect(message == "The image could not be decompressed: \(reason).")
            #expect(try gallery.files() == 0)
        }
    }

    /// Whatever is missing, the import ends with a word on it.
    @Test func damagedBytesLeaveNothing() async throws {
        try await decompressing { gallery in
            let whole = try Archive.bytes(Archive.long), packed = try Self.gzip(Array(Self.bytes.prefix(1000)))
            for length in [4, 30, whole.count - 60, whole.count - 1] {
                let (image, message) = try await imported(Array(whole.prefix(length)), into: gallery)
                #expect(image["status"] == "queued")
                #expect(message == "The image could not be decompressed: the data is damaged.")
            }
            for bytes in [Array(packed.dropLast()), packed + [7], Array(packed.prefix(5))] {
                let (image, message) = try await imported(bytes, into: gallery)
                #expect(image["status"] == "queued")
                #expect(message == "The image could not be decompressed: the data is damaged.")
            }
            let (_, message) = try await imported([0x20, 0] + Array("-lh5-".utf8), into: gallery)
            #expect(message == "LHA archives can't be unpacked.")
        }
    }

    @Test func whatComesOutIsBounded() async throws {
        try await decompressing(maximumSize: 1_000_000) { gallery in
            let (image, message) = try await imported(try Self.gzip(Self.bytes), into: gallery)
            #expect(image["status"] == "queued")
            #expect(message == "The image could not be decompressed: it would be larger than images may be.")
        }
    }
}

/// Archives that Python's zipfile reads: of one file unless they are a pair.
private enum Archive {
    static let deflated =
        "UEsDBBQAAAAIAAAAIVx1pLD7CQAAAAABAAAIAAAAZGlzay5yYXdLySzOThnBGABQSwECFAMUAAAACAAAACFcdaSw+wkAAAAAAQAACAAAAAAAAA"
            + "AAAAAAgAEAAAAAZGlzay5yYXdQSwUGAAAAAAEAAQA2AAAALwAAAAAA"
    static let streamed =
        "UEsDBBQACAAIAAAAIVwAAAAAAAAAAAAAAAAIAAAAZGlzay5yYXdLySzOThnBGABQSwcIdaSw+wkAAAAAAQAAUEsBAhQDFAAIAAgAAAAhXHWksP"
            + "sJAAAAAAEAAAgAAAAAAAAAAAAAAIABAAAAAGRpc2sucmF3UEsFBgAAAAABAAEANgAAAD8AAAAAAA=="
    static let stored =
        "UEsDBBQAAAAAAAAAIVxIrsVMIAAAACAAAAABAAAAZGRpc2tkaXNrZGlza2Rpc2tkaXNrZGlza2Rpc2tkaXNrUEsBAhQDFAAAAAAAAAAhXEiuxU"
            + "wgAAAAIAAAAAEAAAAAAAAAAAAAAIABAAAAAGRQSwUGAAAAAAEAAQAvAAAAPwAAAAAA"
    static let long =
        "UEsDBC0AAAAIAAAAAAB1pLD7//////////8BABQAZAEAEAAAAQAAAAAAAAkAAAAAAAAAS8kszk4ZwRgAUEsBAi0ALQAAAAgAAAAAAHWksPv///"
            + "///////wEAHAAAAAAAAAAAAAAA/////2QBABgAAAEAAAAAAAAJAAAAAAAAAAAAAAAAAAAAUEsGBiwAAAAAAAAALQAtAAAAAAAAAAAAAQAAAAAA"
            + "AAABAAAAAAAAAEsAAAAAAAAAPAAAAAAAAABQSwYHAAAAAIcAAAAAAAAAAQAAAFBLBQYAAAAA////////////////AAA="
    static let pair =
        "UEsDBBQAAAAIAAAAIVzCQSQ1BQAAAAMAAAABAAAAYUtMSgYAUEsDBBQAAAAIAAAAIVzMSt2YAwAAAAEAAAABAAAAYksBAFBLAQIUAxQAAAAIAA"
            + "AAIVzCQSQ1BQAAAAMAAAABAAAAAAAAAAAAAACAAQAAAABhUEsBAhQDFAAAAAgAAAAhXMxK3ZgDAAAAAQAAAAEAAAAAAAAAAAAAAIABJAAAAGJQ"
            + "SwUGAAAAAAIAAgBeAAAARgAAAAAA"
    static let encrypted =
        "UEsDBBQAAAAIAAAAIVx1pLD7CQAAAAABAAABAAAAZEvJLM5OGcEYAFBLAQIUAxQAAQAIAAAAIVx1pLD7CQAAAAABAAABAAAAAAAAAAAAAACAAQ"
            + "AAAABkUEsFBgAAAAABAAEALwAAACgAAAAAAA=="
    static let changed =
        "UEsDBBQAAAAIAAAAIVx1pLD7CQAAAAABAAABAAAAZEvJLM5OGcEYAFBLAQIUAxQAAAAIAAAAIVx0pLD7CQAAAAABAAABAAAAAAAAAAAAAACAAQ"
            + "AAAABkUEsFBgAAAAABAAEALwAAACgAAAAAAA=="
    static let otherwise =
        "UEsDBC4AAAAMAAAAIVx1pLD7LgAAAAABAAABAAAAZEJaaDkxQVkmU1n++0h9AAAfgYAEKAgAIAAwzTQKkyUDgMBgPF3JFOFCQ/vtIfRQSwECLg"
            + "MuAAAADAAAACFcdaSw+y4AAAAAAQAAAQAAAAAAAAAAAAAAgAEAAAAAZFBLBQYAAAAAAQABAC8AAABNAAAAAAA="

    static func bytes(_ text: String) throws -> [UInt8] { Array(try #require(Data(base64Encoded: text))) }
}
