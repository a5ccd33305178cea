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

    @Test func withoutLimitsNothingIsCounted() async throws {
        try await Gallery.with { gallery in
            #expect(await gallery.send(.get, "/info/usage").json == ["usage": [:]])
            #expect(await gallery.send(.get, "/info/usage", token: nil).status == .unauthorized)
        }
    }
}
