import CloudAPI
import CloudCore
import Testing

@testable import Images

/// Patches, tags, and taking images out of use.
@Suite(.timeLimit(.minutes(1))) struct ImageChangeTests {
    @Test func theFirstFormOfPatchesHasItsOwnRules() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("x", ["os_distro": "debian"])
            func patch(_ operation: JSON) async -> TestResponse { await gallery.patch(id, [operation], form: "v2.0") }
            #expect(await patch(["replace": "/name", "value": "new"]).json["name"] == "new")
            #expect(await patch(["add": "/speed", "value": "88mph"]).json["speed"] == "88mph")
            #expect(await patch(["add": "/speed", "value": "89mph"]).status == .conflict)
            #expect(await patch(["add": "/name", "value": "y"]).status == .conflict)
            #expect(await patch(["remove": "/speed"]).json["speed"] == nil)
            #expect(await patch(["op": "remove", "path": "/os_distro"]).status == .badRequest)
            #expect(await patch(["add": "/a", "remove": "/b"]).status == .badRequest)
            #expect(await patch(["add": "/a"]).status == .badRequest)
        }
    }

    @Test(arguments: [
        ("name", 400), ("/a~2b", 400), ("/a//b", 400), ("/a/", 400), ("/", 400), ("/status", 403), ("/id", 403), ("/os_glance_x", 403),
        ("/deleted", 403), ("/location", 403), ("/os_hash_algo", 403), ("/a~1b", 200), ("/direct_url", 403),
    ]) func pointers(_ path: String, _ status: Int) async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await gallery.patch(id, [["op": "add", "path": .string(path), "value": "x"]]).status.code == status)
        }
    }

    @Test func aPatchIsAppliedAsAWhole() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("x")
            let answer = await gallery.patch(
                id, [["op": "replace", "path": "/name", "value": "y"], ["op": "remove", "path": "/nothing"]])
            #expect(answer.status == .conflict)
            #expect(await gallery.show(id)["name"] == "x")
            #expect(await gallery.patch(id, [["op": "replace", "path": "/owner", "value": "red"]]).status == .forbidden)
            let given = await gallery.patch(id, [["op": "replace", "path": "/owner", "value": "red"]], token: "admin@blue")
            #expect(given.json["owner"] == "red")
            #expect(await gallery.send(.get, "/images/\(id)").status == .notFound)
        }
    }

    @Test func tagsComeAndGo() async throws {
        try await Gallery.with({ $0.limits.tags = 2 }) { gallery in
            let path = "/images/\(try await gallery.create("x", ["tags": ["one"]]))"
            #expect(await gallery.send(.put, "\(path)/tags/two").status == .noContent)
            #expect(await gallery.send(.put, "\(path)/tags/two").status == .noContent)
            #expect(await gallery.send(.put, "\(path)/tags/three").status == .contentTooLarge)
            #expect(await gallery.send(.put, "\(path)/tags/\(String(repeating: "t", count: 256))").status == .badRequest)
            #expect(await gallery.send(.get, path).json["tags"] == ["one", "two"])
            #expect(await gallery.send(.delete, "\(path)/tags/one").status == .noContent)
            #expect(await gallery.send(.delete, "\(path)/tags/one").status == .notFound)
            #expect(await gallery.send(.put, "\(path)/tags/x", token: "reader@blue").status == .forbidden)
            #expect(await gallery.send(.put, "\(path)/tags/x", token: "member@red").status == .notFound)
            #expect(await gallery.send(.post, "/images", ["tags": ["a", "b", "c"]]).status == .contentTooLarge)
        }
    }

    @Test func propertiesAreLimited() async throws {
        try await Gallery.with({ $0.limits.properties = 1 }) { gallery in
            #expect(await gallery.send(.post, "/images", ["a": "1", "b": "2"]).status == .contentTooLarge)
            let id = try await gallery.create("x", ["a": "1"])
            #expect(await gallery.patch(id, [["op": "add", "path": "/b", "value": "2"]]).status == .contentTooLarge)
            #expect(await gallery.patch(id, [["op": "replace", "path": "/a", "value": "2"]]).status == .ok)
            #expect(await gallery.send(.post, "/images", ["os_glance_x": "1"]).status == .forbidden)
            #expect(await gallery.send(.post, "/images", ["locations": []]).status == .forbidden)
            #expect(await gallery.send(.post, "/images", ["a": 5]).status == .badRequest)
            #expect(await gallery.send(.post, "/images", [String(repeating: "n", count: 256): "1"]).status == .badRequest)
        }
    }

    @Test func deactivatedBytesAreOutOfUse() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            let actions = "/images/\(id)/actions"
            #expect(await gallery.send(.post, "\(actions)/deactivate").status == .forbidden)
            _ = await gallery.upload(id, [1, 2, 3])
            #expect(await gallery.send(.post, "\(actions)/deactivate", token: "reader@blue").status == .forbidden)
            #expect(await gallery.send(.post, "\(actions)/deactivate").status == .noContent)
            #expect(await gallery.send(.post, "\(actions)/deactivate").status == .noContent)
            #expect(await gallery.show(id)["status"] == "deactivated")
            #expect(await gallery.download(id).status == .forbidden)
            #expect(await gallery.send(.post, "\(actions)/reactivate").status == .noContent)
            #expect(await gallery.send(.post, "\(actions)/reactivate").status == .noContent)
            #expect(await gallery.download(id).bytes == [1, 2, 3])
        }
    }

    @Test func theKeyOfAnEncryptedImageGoesWithItWhereItIsItsOwn() async throws {
        try await Gallery.with { gallery in
            for (key, project) in [("own", "blue"), ("kept", "blue"), ("others", "red")] { gallery.keys.add(key, of: project) }
            for (key, policy) in [("own", "on_image_deletion"), ("kept", "do_not_delete"), ("others", "on_image_deletion")] {
                let id = try await gallery.create(
                    "x", ["cinder_encryption_key_id": .string(key), "cinder_encryption_key_deletion_policy": .string(policy)])
                #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
            }
            #expect(gallery.keys.all == ["kept", "others"])
        }
    }

    @Test func thereIsNoImageWithoutID() async throws {
        try await Gallery.with { gallery in
            _ = try await gallery.create()
            #expect(await gallery.send(.get, "/images/").status == .notFound)
            #expect(await gallery.send(.delete, "/images/").status == .notFound)
            #expect(await gallery.send(.delete, "/images").status == .methodNotAllowed)
            #expect(await gallery.server.respond(.get, "/image/").status == .multipleChoices)
        }
    }

    @Test(arguments: ["image", "images", "member", "members"]) func schemas(_ name: String) async throws {
        try await Gallery.with { gallery in
            #expect(await gallery.send(.get, "/schemas/\(name)").json["name"] == .string(name))
        }
    }
}
