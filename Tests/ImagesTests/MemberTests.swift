import CloudAPI
import CloudCore
import Testing

@testable import Images

/// Images that are shared with projects.
@Suite(.timeLimit(.minutes(1))) struct MemberTests {
    private static let other = "member@red"

    private func listed(_ gallery: Gallery, _ query: String = "") async -> Int {
        await gallery.send(.get, "/images\(query)", token: Self.other).json["images"]?.array?.count ?? -1
    }

    @Test func sharingTakesBothSides() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            let members = "/images/\(id)/members"
            let added = await gallery.send(.post, members, ["member": "red"])
            #expect(added.status == .ok)
            #expect(added.json["status"] == "pending")
            #expect(added.json["schema"] == "/v2/schemas/member")
            #expect(await gallery.send(.get, "/images/\(id)", token: Self.other).status == .ok)
            #expect(await gallery.send(.delete, "/images/\(id)", token: Self.other).status == .forbidden)
            #expect(await listed(gallery) == 0)
            #expect(await listed(gallery, "?member_status=pending") == 1)
            #expect(await gallery.send(.put, "\(members)/red", ["status": "accepted"]).status == .forbidden)
            #expect(await gallery.send(.put, "\(members)/red", token: Self.other, ["status": "perhaps"]).status == .badRequest)
            #expect(await gallery.send(.put, "\(members)/red", token: Self.other, ["state": "accepted"]).status == .badRequest)
            let accepted = await gallery.send(.put, "\(members)/red", token: Self.other, ["status": "accepted"])
            #expect(accepted.json["status"] == "accepted")
            #expect(await listed(gallery) == 1)
            #expect(await listed(gallery, "?member_status=rejected") == 0)
            #expect(await listed(gallery, "?member_status=all&visibility=shared") == 1)
            #expect(await gallery.send(.delete, "\(members)/red", token: Self.other).status == .forbidden)
            #expect(await gallery.send(.delete, "\(members)/red").status == .noContent)
            #expect(await gallery.send(.delete, "\(members)/red").status == .notFound)
            #expect(await listed(gallery, "?member_status=all") == 0)
            #expect(await gallery.send(.get, "/images/\(id)", token: Self.other).status == .notFound)
        }
    }

    @Test func membersSeeThemselvesOnly() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            let members = "/images/\(id)/members"
            for member in ["red", "green"] { _ = await gallery.send(.post, members, ["member": .string(member)]) }
            func seen(_ token: String) async -> [String] {
                await gallery.send(.get, members, token: token).json["members"]?.array?.compactMap { $0["member_id"]?.string } ?? []
            }
            #expect(await seen(Gallery.member) == ["red", "green"])
            #expect(await seen(Gallery.admin) == ["red", "green"])
            #expect(await seen("reader@red") == ["red"])
            #expect(await gallery.send(.get, members, token: "member@grey").status == .notFound)
            #expect(await gallery.send(.get, "\(members)/green", token: Self.other).status == .notFound)
            #expect(await gallery.send(.get, "\(members)/red", token: Self.other).json["image_id"] == .string(id))
            #expect(await gallery.send(.put, "\(members)/green", token: Self.other, ["status": "accepted"]).status == .notFound)
            #expect(await gallery.send(.post, members, token: Self.other, ["member": "grey"]).status == .forbidden)
        }
    }

    @Test func whatCannotBeShared() async throws {
        try await Gallery.with({ $0.limits.members = 1 }) { gallery in
            let (shared, own) = (try await gallery.create(), try await gallery.create("x", ["visibility": "private"]))
            #expect(await gallery.send(.post, "/images/\(own)/members", ["member": "red"]).status == .forbidden)
            #expect(await gallery.send(.get, "/images/\(own)/members").status == .forbidden)
            #expect(await gallery.send(.get, "/images/\(own)/members/red").status == .notFound)
            #expect(await gallery.send(.post, "/images/\(shared)/members", ["member": ""]).status == .badRequest)
            #expect(await gallery.send(.post, "/images/\(shared)/members", [:]).status == .badRequest)
            #expect(await gallery.send(.post, "/images/\(shared)/members", ["member": "red"]).status == .ok)
            #expect(await gallery.send(.post, "/images/\(shared)/members", ["member": "green"]).status == .contentTooLarge)
            #expect(await gallery.send(.delete, "/images/\(shared)").status == .noContent)
        }
    }

    @Test func aMemberIsNotAddedTwice() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await gallery.send(.post, "/images/\(id)/members", ["member": "red"]).status == .ok)
            #expect(await gallery.send(.post, "/images/\(id)/members", ["member": "red"]).status == .conflict)
        }
    }

    @Test func otherServicesSeeWhatIsShared() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            let token = try #require(try await RoleTokens().authenticate(Secret(Self.other)))
            #expect(try await gallery.images.summary(id, for: token) == nil)
            _ = await gallery.send(.post, "/images/\(id)/members", ["member": "red"])
            #expect(try await gallery.images.summary(id, for: token)?.id == id)
        }
    }
}
