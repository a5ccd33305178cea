import CloudCore
import NIOCore
import Testing

@testable import ImageStores

/// What every writable store promises, whatever it keeps its bytes in. Each store's tests run all of it on a store of
/// their own that nobody else uses and that is empty at first.
enum StoreConformance {
    static func verify(_ store: any ImageStore) async throws {
        try await aCommittedUploadIsThere(store)
        try await anUploadIsInvisibleUntilItIsCommitted(store)
        try await partsAreRead(store)
        try await readersOutliveARemoval(store)
        try await locationsAreNeverReused(store)
        try await urlsNameLocations(store)
        try await strangeLocationsAreNothing(store)
        try await usageFollowsTheBytes(store)
        #expect(try await store.locations() == [])
    }

    /// Uploads bytes in pieces and answers their location.
    static func put(_ bytes: [UInt8], pieces: Int = 1, in store: any ImageStore, expectedSize: Int? = nil) async throws -> String {
        let upload = try await store.beginUpload(id: Identifier.uuid(), expectedSize: expectedSize)
        let length = max(1, (bytes.count + pieces - 1) / pieces)
        for start in stride(from: 0, to: bytes.count, by: length) {
            try await upload.append(ByteBuffer(bytes: bytes[start..<min(start + length, bytes.count)]))
        }
        return try await upload.commit()
    }

    static func read(_ location: String, in store: any ImageStore) async throws -> [UInt8] {
        let content = try await store.open(location)
        var bytes: [UInt8] = []
        while true {
            let next = try await content.read(at: bytes.count, count: 1000)
            guard next.readableBytes > 0 else { return bytes }
            bytes += next.readableBytesView
        }
    }

    private static let sample = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    private static func aCommittedUploadIsThere(_ store: any ImageStore) async throws {
        let expectations: [Int?] = [nil, sample.count, sample.count * 2]
        for expected in expectations {
            let location = try await put(sample, pieces: 7, in: store, expectedSize: expected)
            #expect(try await store.locations() == [location])
            #expect(try await store.open(location).size == sample.count)
            #expect(try await read(location, in: store) == sample)
            try await store.remove(location)
        }
        let empty = try await put([], in: store)
        #expect(try await store.open(empty).size == 0)
        #expect(try await read(empty, in: store) == [])
        try await store.remove(empty)
    }

    private static func anUploadIsInvisibleUntilItIsCommitted(_ store: any ImageStore) async throws {
        let upload = try await store.beginUpload(id: Identifier.uuid(), expectedSize: 5)
        try await upload.append(ByteBuffer(bytes: [1, 2, 3]))
        #expect(try await store.locations() == [])
        await upload.abort()
        #expect(try await store.locations() == [])
        #expect(try await store.usage().used == 0)
    }

    private static func partsAreRead(_ store: any ImageStore) async throws {
        let location = try await put(sample, in: store)
        let content = try await store.open(location)
        #expect(try await content.bytes(at: 100, count: 3) == Array(sample[100..<103]))
        #expect(try await content.bytes(at: sample.count - 2, count: 50) == Array(sample.suffix(2)))
        #expect(try await content.bytes(at: sample.count, count: 1) == [])
        #expect(try await content.bytes(at: sample.count + 1000, count: 1) == [])
        try await store.remove(location)
    }

    private static func readersOutliveARemoval(_ store: any ImageStore) async throws {
        let location = try await put(sample, in: store)
        let content = try await store.open(location)
        try await store.remove(location)
        try await store.remove(location)
        #expect(try await content.bytes(at: 0, count: 10) == Array(sample.prefix(10)))
        await #expect(throws: ImageStoreError.missing(location)) { try await store.open(location) }
    }

    private static func locationsAreNeverReused(_ store: any ImageStore) async throws {
        let id = Identifier.uuid()
        var seen: Set<String> = []
        for number in 0..<3 {
            let upload = try await store.beginUpload(id: id, expectedSize: nil)
            try await upload.append(ByteBuffer(bytes: [UInt8(number)]))
            seen.insert(try await upload.commit())
        }
        #expect(seen.count == 3)
        #expect(Set(try await store.locations()) == seen)
        for location in seen { try await store.remove(location) }
    }

    private static func urlsNameLocations(_ store: any ImageStore) async throws {
        let location = try await put(sample, in: store)
        let url = store.url(of: location)
        #expect(url.contains("://"))
        #expect(store.location(of: url) == location)
        #expect(store.location(of: "other://" + location) == nil)
        try await store.remove(location)
    }

    private static func strangeLocationsAreNothing(_ store: any ImageStore) async throws {
        for location in ["../../etc/passwd", "", "/", "a\u{0}b", Identifier.uuid()] {
            await #expect(throws: ImageStoreError.missing(location)) { try await store.open(location) }
        }
    }

    private static func usageFollowsTheBytes(_ store: any ImageStore) async throws {
        #expect(try await store.usage().used == 0)
        let location = try await put(sample, in: store)
        let usage = try await store.usage()
        #expect(usage.used == sample.count)
        #expect(usage.capacity.map { $0 >= usage.used } ?? true)
        try await store.remove(location)
        #expect(try await store.usage().used == 0)
    }
}
