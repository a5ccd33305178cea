import CloudCore
import Foundation
import NIOCore
import Testing

@testable import ImageStores

/// Copies of images on this host.
@Suite(.timeLimit(.minutes(1))) struct ImageCacheTests {
    /// Bytes in memory.
    private struct Bytes: ImageContent {
        let bytes: [UInt8]
        var size: Int { bytes.count }
        func read(at offset: Int, count: Int) async throws -> ByteBuffer {
            ByteBuffer(bytes: bytes[min(offset, size)..<min(offset + count, size)])
        }
    }

    private static let past = Timestamp(microseconds: 0)

    private func withCache(limit: Int = 100, _ body: (ImageCache, URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cache-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(try ImageCache(folder: folder, limit: limit), folder)
    }

    /// Reads content through, as a download does.
    private func readThrough(_ content: any ImageContent) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < content.size { bytes += try await content.bytes(at: bytes.count, count: 7) }
        return bytes
    }

    @discardableResult private func fill(_ cache: ImageCache, _ size: Int) async throws -> String {
        let id = Identifier.uuid()
        _ = try await readThrough(await cache.copying(Bytes(bytes: [UInt8](repeating: 1, count: size)), of: id, md5: nil))
        return id
    }

    @Test func whatIsReadThroughIsThere() async throws {
        try await withCache { cache, folder in
            let (id, bytes) = (Identifier.uuid(), Array("0123456789".utf8))
            let content = await cache.copying(Bytes(bytes: bytes), of: id, md5: "781e5e245d69b566979b86e28d23f2c7")
            #expect(cache.open(id, since: Self.past) == nil)
            #expect(try await readThrough(content) == bytes)
            let copy = try #require(cache.open(id, size: 10, since: Self.past))
            #expect(try await readThrough(copy) == bytes)
            #expect(cache.entries.first?.hits == 1)
            #expect(cache.open(id, size: 11, since: Self.past) == nil)
            #expect(cache.open(id, since: .now + .seconds(5)) == nil)
            let next = try ImageCache(folder: folder, limit: 100)
            #expect(next.entries.map(\.imageID) == [id])
            #expect(cache.remove(id))
            #expect(cache.open(id, since: Self.past) == nil)
        }
    }

    @Test func otherBytesMakeNoCopy() async throws {
        try await withCache { cache, _ in
            let id = Identifier.uuid()
            let wrong = await cache.copying(Bytes(bytes: [1, 2, 3]), of: id, md5: "781e5e245d69b566979b86e28d23f2c7")
            let whole = try await readThrough(wrong)
            #expect(whole == [1, 2, 3])
            #expect(!cache.holds(id))
            let jumping = await cache.copying(Bytes(bytes: [1, 2, 3]), of: id, md5: nil)
            let end = try await jumping.bytes(at: 1, count: 2)
            #expect(end == [2, 3])
            let again = try await jumping.bytes(at: 0, count: 3)
            #expect(again == [1, 2, 3])
            #expect(!cache.holds(id))
            let large = await cache.copying(Bytes(bytes: [UInt8](repeating: 0, count: 101)), of: id, md5: nil)
            #expect(large is Bytes)
        }
    }

    @Test func theLeastRecentlyUsedGoesFirst() async throws {
        try await withCache(limit: 30) { cache, _ in
            let first = try await fill(cache, 10)
            let second = try await fill(cache, 10)
            let third = try await fill(cache, 10)
            _ = cache.open(first, since: Self.past)
            let fourth = try await fill(cache, 10)
            #expect(Set(cache.entries.map(\.imageID)) == [first, third, fourth])
            #expect(!cache.holds(second))
            let pruned = cache.prune()
            #expect(pruned.files == 0 && pruned.bytes == 0)
            cache.removeAll()
            #expect(cache.entries.isEmpty)
        }
    }

    @Test func anImageRemovedWhileItIsCopiedLeavesNone() async throws {
        try await withCache { cache, folder in
            let id = Identifier.uuid()
            let content = await cache.copying(Bytes(bytes: [1, 2, 3]), of: id, md5: nil)
            cache.remove(id)
            _ = try await readThrough(content)
            #expect(!cache.holds(id))
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "data").path)
            #expect(names == [])
        }
    }

    @Test func cleaningRemovesWhatIsNoCopy() async throws {
        try await withCache { cache, folder in
            let (kept, cut) = (try await fill(cache, 10), try await fill(cache, 10))
            let data = folder.appending(path: "data")
            #expect(truncate(data.appending(path: cut).path, 3) == 0)
            try Data([1]).write(to: data.appending(path: "stray"))
            try cache.clean()
            #expect(cache.entries.map(\.imageID) == [kept])
            let names = try FileManager.default.contentsOfDirectory(atPath: data.path)
            #expect(names == [kept])
        }
    }
}
