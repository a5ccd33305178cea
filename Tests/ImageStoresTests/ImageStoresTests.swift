import CloudCore
import Foundation
import Testing

@testable import ImageStores

/// What every store promises, shown on the one over files.
@Suite struct ImageStoresTests {
    private func withStore(_ body: (FileImageStore, URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "images-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(try FileImageStore(folder: folder), folder)
    }

    private func put(_ text: String, in store: FileImageStore) async throws -> StoredImage {
        let upload = try await store.beginUpload(id: Identifier.uuid())
        try await upload.write(Array(text.utf8))
        return try await upload.commit()
    }

    @Test func aCommittedUploadIsThere() async throws {
        try await withStore { store, _ in
            let stored = try await put("abc", in: store)
            #expect(stored.size == 3)
            #expect(stored.md5 == "900150983cd24fb0d6963f7d28e17f72")
            #expect(stored.sha512.hasPrefix("ddaf35a193617abacc417349ae204131"))
            #expect(try await store.locations() == [stored.location])
            let content = try await store.open(stored.location)
            #expect(try await content.read(at: 1, count: 10) == Array("bc".utf8))
            #expect(try await content.read(at: 3, count: 10) == [])
        }
    }

    @Test func anAbortedUploadLeavesNothing() async throws {
        try await withStore { store, folder in
            let upload = try await store.beginUpload(id: Identifier.uuid())
            try await upload.write([1, 2, 3])
            let locations = try await store.locations()
            #expect(locations == [])
            await upload.abort()
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "incoming").path)
            #expect(left == [])
        }
    }

    @Test func aStartRemovesWhatACrashLeft() async throws {
        try await withStore { store, folder in
            let kept = try await put("kept", in: store)
            let upload = try await store.beginUpload(id: Identifier.uuid())
            try await upload.write([1, 2, 3])
            let next = try FileImageStore(folder: folder)
            #expect(try await next.locations() == [kept.location])
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "incoming").path)
            #expect(left == [])
        }
    }

    @Test func readersOutliveARemoval() async throws {
        try await withStore { store, _ in
            let stored = try await put("abc", in: store)
            let content = try await store.open(stored.location)
            try await store.remove(stored.location)
            try await store.remove(stored.location)
            #expect(try await content.read(at: 0, count: 3) == Array("abc".utf8))
            await #expect(throws: ImageStoreError.missing(stored.location)) { try await store.open(stored.location) }
        }
    }

    @Test func aLocationIsNeverAPath() async throws {
        try await withStore { store, _ in
            await #expect(throws: ImageStoreError.missing("../../etc/passwd")) { try await store.open("../../etc/passwd") }
            await #expect(throws: ImageStoreError.missing("../x")) { try await store.remove("../x") }
        }
    }
}
