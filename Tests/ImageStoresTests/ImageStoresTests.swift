import CloudCore
import CloudCrypto
import Foundation
import NIOCore
import Testing

@testable import ImageStores

/// The store over files.
@Suite(.timeLimit(.minutes(1))) struct FileImageStoreTests {
    private func withStore(_ body: (FileImageStore, URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "images-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(try FileImageStore(folder: folder), folder)
    }

    private func files(_ part: String, of folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: part).path)
    }

    @Test func itKeepsWhatEveryStorePromises() async throws {
        try await withStore { store, _ in try await StoreConformance.verify(store) }
    }

    @Test func anAbortedUploadLeavesNothing() async throws {
        try await withStore { store, folder in
            let upload = try await store.beginUpload(id: Identifier.uuid(), expectedSize: 1 << 20)
            try await upload.append(ByteBuffer(bytes: [1, 2, 3]))
            let held = try files("incoming", of: folder)
            #expect(held.count == 1)
            await upload.abort()
            let left = try files("incoming", of: folder)
            #expect(left == [])
        }
    }

    @Test func aDiskThatIsTooSmallIsFullAtOnce() async throws {
        try await withStore { store, folder in
            await #expect(throws: ImageStoreError.full) { try await store.beginUpload(id: Identifier.uuid(), expectedSize: 1 << 60) }
            let left = try files("incoming", of: folder)
            #expect(left == [])
        }
    }

    @Test func whatWasReservedIsGivenBack() async throws {
        try await withStore { store, _ in
            let location = try await StoreConformance.put([1, 2, 3], in: store, expectedSize: 64 << 20)
            let values = try URL(filePath: try store.path(of: location)).resourceValues(forKeys: [.totalFileAllocatedSizeKey])
            let allocated = try #require(values.totalFileAllocatedSize)
            #expect(allocated <= 1 << 16)
        }
    }

    @Test func aStartRemovesWhatACrashLeft() async throws {
        try await withStore { store, folder in
            let kept = try await StoreConformance.put([1], in: store)
            try Data([1, 2, 3]).write(to: folder.appending(path: "incoming/\(Identifier.uuid())"))
            let next = try FileImageStore(folder: folder)
            #expect(try await next.locations() == [kept])
            let left = try files("incoming", of: folder)
            #expect(left == [])
        }
    }

    /// Several processes may have one folder: an upload goes on when another of them starts.
    @Test func aStartLeavesOthersUploadsAlone() async throws {
        try await withStore { store, folder in
            let upload = try await store.beginUpload(id: Identifier.uuid(), expectedSize: nil)
            try await upload.append(ByteBuffer(bytes: [1, 2, 3]))
            let next = try FileImageStore(folder: folder)
            let location = try await upload.commit()
            #expect(try await StoreConformance.read(location, in: next) == [1, 2, 3])
            let old = try await next.locations(olderThan: .seconds(3600))
            #expect(old == [])
        }
    }
}

/// One upload through store, digests and inspection at once.
@Suite(.timeLimit(.minutes(1))) struct ImageWriterTests {
    /// Takes bytes, at once or when it is let.
    private actor Sink: ImageUpload {
        private(set) var bytes: [UInt8] = []
        private(set) var isAborted = false
        private let failsAt: Int
        private var gate: AsyncStream<Void>.Iterator?

        init(failsAt: Int = .max, gate: AsyncStream<Void>? = nil) {
            (self.failsAt, self.gate) = (failsAt, gate?.makeAsyncIterator())
        }

        func append(_ more: ByteBuffer) async throws {
            if var waiting = gate {
                _ = await waiting.next(isolation: self)
                gate = waiting
            }
            if bytes.count + more.readableBytes > failsAt { throw ImageStoreError.full }
            bytes += more.readableBytesView
        }
        func commit() async throws -> String { "there" }
        func abort() async { isAborted = true }
    }

    /// Counts what it sees; refuses at a byte or at the end.
    private final class Watcher: UploadInspector {
        enum Mood { case content, refusesAtTheEnd, refuses(UInt8) }
        let mood: Mood
        let seen = Counter()

        init(_ mood: Mood) { self.mood = mood }

        func inspect(_ bytes: ByteBuffer) throws {
            seen.add(bytes.readableBytes)
            if case .refuses(let byte) = mood, bytes.readableBytesView.contains(byte) { throw UploadRefusal("bad byte") }
        }
        func finish() throws -> UploadVerdict {
            if case .refusesAtTheEnd = mood { throw UploadRefusal("bad end") }
            return UploadVerdict(virtualSize: seen.value * 2, format: "raw")
        }
    }

    @Test func everythingSeesTheSameBytes() async throws {
        let (sink, watcher) = (Sink(), Watcher(.content))
        let writer = ImageWriter(upload: sink, algorithm: .sha256, inspector: watcher)
        for piece in ["a", "b", "c"] { try await writer.append(ByteBuffer(string: piece)) }
        let stored = try await writer.finish()
        #expect(stored.location == "there")
        #expect(stored.size == 3)
        #expect(stored.md5 == "900150983cd24fb0d6963f7d28e17f72")
        #expect(stored.hash == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(stored.verdict == UploadVerdict(virtualSize: 6, format: "raw"))
        #expect(await sink.bytes == Array("abc".utf8))
    }

    @Test func aRefusalEndsTheUpload() async throws {
        let sink = Sink()
        let writer = ImageWriter(upload: sink, algorithm: .sha512, inspector: Watcher(.refuses(9)), depth: 1)
        await #expect(throws: UploadRefusal("bad byte")) {
            for byte in 0..<100 as Range<UInt8> { try await writer.append(ByteBuffer(bytes: [byte])) }
            _ = try await writer.finish()
        }
        await writer.abort()
        #expect(await sink.isAborted)
        #expect(await sink.bytes.count < 100)
        let end = ImageWriter(upload: Sink(), algorithm: .sha512, inspector: Watcher(.refusesAtTheEnd))
        try await end.append(ByteBuffer(bytes: [1]))
        await #expect(throws: UploadRefusal("bad end")) { _ = try await end.finish() }
        await end.abort()
    }

    @Test func aFullStoreIsHeardOf() async throws {
        let writer = ImageWriter(upload: Sink(failsAt: 10), algorithm: .sha512, inspector: nil)
        await #expect(throws: ImageStoreError.full) {
            for _ in 0..<10 { try await writer.append(ByteBuffer(bytes: [1, 2, 3])) }
            _ = try await writer.finish()
        }
        await writer.abort()
    }

    /// The sender never gets further ahead of a slow store than the depth says, so memory stays bounded.
    @Test func aSlowStoreHoldsTheSender() async throws {
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let sent = Counter()
        let writer = ImageWriter(upload: Sink(gate: gate), algorithm: .sha512, inspector: nil, depth: 3)
        let sender = Task {
            for _ in 0..<10 {
                try await writer.append(ByteBuffer(bytes: [1]))
                sent.add(1)
            }
            return try await writer.finish().size
        }
        for allowed in 1...10 {
            opener.yield()
            // The chunk that is let through makes room for one more at most.
            while sent.value < min(allowed, 10) { await Task.yield() }
            #expect(sent.value <= allowed + 3)
        }
        opener.finish()
        #expect(try await sender.value == 10)
    }
}
