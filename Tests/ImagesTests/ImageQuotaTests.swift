import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Images

/// Unified limits as a test says.
struct FixedLimits: ImageLimits {
    let limits: [String: Int]
    func limits(ofProject id: String) async throws -> [String: Int] { limits }
}

/// What projects may have.
@Suite(.timeLimit(.minutes(1))) struct ImageQuotaTests {
    @Test func projectsHaveAsManyImagesAsTheyMay() async throws {
        try await Gallery.with(limits: ["image_count_total": 2, "image_size_total": 10]) { gallery in
            _ = try await gallery.create()
            let id = try await gallery.create()
            #expect(await gallery.send(.post, "/images", ["name": "third"]).status == .contentTooLarge)
            #expect(await gallery.send(.post, "/images", token: "member@red", ["name": "theirs"]).status == .created)
            let usage = await gallery.send(.get, "/info/usage").json["usage"]
            #expect(usage?["image_count_total"] == ["usage": 2, "limit": 2])
            #expect(usage?["image_size_total"] == ["usage": 0, "limit": 10])
            #expect(usage?["image_stage_total"] == ["usage": 0, "limit": 0])
            #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
            #expect(await gallery.send(.post, "/images", ["name": "third"]).status == .created)
        }
    }

    @Test func bytesAreCountedInMebibytes() async throws {
        try await Gallery.with(limits: ["image_count_total": -1, "image_size_total": -1, "image_count_uploading": -1]) { gallery in
            let id = try await gallery.create()
            #expect(await gallery.upload(id, Array(repeating: 1, count: 3 << 20)).status == .noContent)
            let usage = await gallery.send(.get, "/info/usage").json["usage"]
            #expect(usage?["image_size_total"]?["usage"] == 3)
        }
    }

    private static func limits(_ changed: [String: Int]) -> [String: Int] {
        ["image_count_total": -1, "image_size_total": -1, "image_stage_total": -1, "image_count_uploading": -1]
            .merging(changed) { $1 }
    }

    /// A limit is held against what is there; what is announced counts too, what isn't can go beyond it once.
    @Test func bytesInStoresAreLimited() async throws {
        try await Gallery.with(limits: Self.limits(["image_size_total": 2])) { gallery in
            let bytes = [UInt8](repeating: 1, count: 2 << 20)
            let (first, second, third) = (try await gallery.create(), try await gallery.create(), try await gallery.create())
            #expect(await gallery.upload(first, bytes + bytes, length: 4 << 20).status == .contentTooLarge)
            #expect(await gallery.show(first)["status"] == "queued")
            #expect(await gallery.upload(first, bytes, length: bytes.count).status == .noContent)
            #expect(await gallery.upload(second, bytes).status == .noContent)
            #expect(await gallery.upload(third, bytes).status == .contentTooLarge)
            #expect(await gallery.importImage(third, "glance-direct").status == .contentTooLarge)
            #expect(await gallery.send(.delete, "/images/\(first)").status == .noContent)
            #expect(await gallery.upload(third, bytes).status == .noContent)
        }
    }

    @Test func stagedBytesAreLimited() async throws {
        try await Gallery.with(limits: Self.limits(["image_stage_total": 1])) { gallery in
            let bytes = [UInt8](repeating: 1, count: 1 << 20)
            let (first, second, third) = (try await gallery.create(), try await gallery.create(), try await gallery.create())
            #expect(await gallery.stage(first, bytes + bytes, length: 2 << 20).status == .contentTooLarge)
            #expect(await gallery.show(first)["status"] == "queued")
            #expect(await gallery.stage(first, bytes).status == .noContent)
            #expect(await gallery.send(.get, "/info/usage").json["usage"]?["image_stage_total"]?["usage"] == 1)
            #expect(await gallery.stage(second, bytes).status == .noContent)
            #expect(await gallery.stage(third, bytes).status == .contentTooLarge)
            #expect(await gallery.importImage(first, "glance-direct").status == .accepted)
            #expect(await gallery.importImage(second, "glance-direct").status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.send(.get, "/info/usage").json["usage"]?["image_stage_total"]?["usage"] == 0)
            #expect(await gallery.stage(third, bytes).status == .noContent)
        }
    }

    @Test func imagesOnTheirWayAreLimited() async throws {
        try await Gallery.with(limits: Self.limits(["image_count_uploading": 1])) { gallery in
            let (first, second) = (try await gallery.create(), try await gallery.create())
            #expect(await gallery.stage(first, [1]).status == .noContent)
            #expect(await gallery.stage(second, [1]).status == .contentTooLarge)
            #expect(await gallery.upload(second, [1]).status == .contentTooLarge)
            #expect(await gallery.show(second)["status"] == "queued")
            #expect(await gallery.importImage(first, "glance-direct").status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.show(first)["status"] == "active")
            #expect(await gallery.upload(second, [1]).status == .noContent)
        }
    }

    /// Imports are accepted first; the task tells that there was no room.
    @Test func importsEndAtTheLimit() async throws {
        try await Gallery.with(limits: Self.limits(["image_size_total": 1, "image_stage_total": 2])) { gallery in
            let (staged, copied) = (try await gallery.create(), try await gallery.create())
            #expect(await gallery.stage(staged, [UInt8](repeating: 1, count: 2 << 20)).status == .noContent)
            #expect(await gallery.importImage(staged, "glance-direct").status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.show(staged)["status"] == "queued")
            let task = await gallery.send(.get, "/images/\(staged)/tasks").json["tasks"]?[0]
            #expect(task?["status"] == "failure")
            #expect(task?["message"]?.string?.contains("image_size_total is over limit of 1") == true)
            #expect(await gallery.upload(copied, [UInt8](repeating: 1, count: 1 << 20)).status == .noContent)
            let answer = await gallery.importImage(copied, "copy-image", ["stores": ["second"]], token: "admin@blue")
            #expect(answer.status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.show(copied)["stores"] == "file,second")
        }
    }

    @Test func withoutLimitsNothingIsCounted() async throws {
        try await Gallery.with { gallery in
            #expect(await gallery.send(.get, "/info/usage").json == ["usage": [:]])
            #expect(await gallery.send(.get, "/info/usage", token: nil).status == .unauthorized)
        }
    }
}
