import CloudAPI
import CloudCore
import CloudCrypto
import ImageStores
import Testing

@testable import Images

/// Images that get their bytes by being told where these are (image API 2.17).
@Suite(.timeLimit(.minutes(1))) struct LocationImportTests {
    private static let url = "http://8.8.8.8/disk"

    private func digest(_ gallery: Gallery, _ algorithm: Digest.Algorithm) -> String {
        let digest = Digest(algorithm)
        gallery.elsewhere.bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish().hexadecimal
    }

    private func add(
        _ gallery: Gallery, _ id: String, _ url: String = Self.url, _ algorithm: String? = nil, _ hash: String? = nil,
        token: String = Gallery.member
    ) async -> TestResponse {
        var (body, proof): (JSONObject, JSONObject) = (["url": .string(url)], [:])
        if let algorithm { proof["os_hash_algo"] = .string(algorithm) }
        if let hash { proof["os_hash_value"] = .string(hash) }
        if !proof.isEmpty { body["validation_data"] = .object(proof) }
        return await gallery.send(.post, "/images/\(id)/locations", token: token, .object(body))
    }

    private func task(_ gallery: Gallery, _ id: String) async -> JSON? {
        await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?[0]
    }

    @Test func theBytesAreDigestedWhereTheyAre() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id).status == .accepted)
            #expect(await gallery.show(id)["status"] == "queued")
            try await gallery.finishWorkflows()
            let image = await gallery.show(id)
            #expect(image["status"] == "active")
            #expect(image["size"] == .int(gallery.elsewhere.bytes.count))
            #expect(image["os_hash_algo"] == "sha512")
            #expect(image["os_hash_value"] == .string(digest(gallery, .sha512)))
            #expect(image["checksum"] == .string(digest(gallery, .md5)))
            #expect(image["stores"] == "web")
            #expect(image["os_glance_import_task"] == nil)
            let task = await task(gallery, id)
            #expect(task?["type"] == "location_import")
            #expect(task?["status"] == "success")
            #expect(task?["input"]?["loc_url"] == .string(Self.url))
            #expect(await gallery.download(id).bytes == gallery.elsewhere.bytes)
            let places = await gallery.send(.get, "/images/\(id)/locations", token: Gallery.admin).json
            #expect(places == [["url": .string(Self.url), "metadata": ["store": "web"]]])
        }
    }

    @Test func whatIsSaidOfTheBytesMustBeTrue() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id, Self.url, "sha256", digest(gallery, .sha256).uppercased()).status == .accepted)
            let other = try await gallery.create()
            #expect(await add(gallery, other, Self.url, "sha512", String(repeating: "beefdead", count: 16)).status == .accepted)
            try await gallery.finishWorkflows()
            let image = await gallery.show(id)
            #expect(image["status"] == "active")
            #expect(image["os_hash_algo"] == "sha256")
            #expect(image["os_hash_value"] == .string(digest(gallery, .sha256)))
            let refused = await gallery.show(other)
            #expect(refused["status"] == "queued")
            for name in ["os_hash_algo", "os_hash_value", "checksum", "size"] { #expect(refused[name] == .null, "\(name)") }
            #expect(refused["stores"] == "web")
            #expect(await task(gallery, other)?["message"]?.string?.contains("not matched") == true)
            // The image waits for its bytes, and they may come from anywhere.
            #expect(await add(gallery, other).status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.show(other)["status"] == "active")
        }
    }

    @Test func withoutDigestingClientsAreBelieved() async throws {
        try await Gallery.with({ $0.hashesLocations = false }, isScattered: true) { gallery in
            let (id, silent, hash) = (try await gallery.create(), try await gallery.create(), String(repeating: "beefdead", count: 16))
            #expect(await add(gallery, id, Self.url, "sha512", hash).status == .accepted)
            #expect(await add(gallery, silent).status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.show(id)["os_hash_value"] == .string(hash))
            #expect(await gallery.show(id)["checksum"] == .null)
            #expect(await gallery.show(silent)["status"] == "active")
            #expect(await gallery.show(silent)["size"] == .int(gallery.elsewhere.bytes.count))
            #expect(await gallery.show(silent)["os_hash_algo"] == .null)
        }
    }

    @Test func badRequestsChangeNothing() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            let hash = String(repeating: "beefdead", count: 16)
            #expect(await add(gallery, id, Self.url, "sha512", "dead").status == .badRequest)
            #expect(await add(gallery, id, Self.url, "sha256", hash).status == .badRequest)
            #expect(await add(gallery, id, Self.url, "sha512", String(repeating: "x", count: 128)).status == .badRequest)
            #expect(await add(gallery, id, Self.url, "sha512").status == .badRequest)
            #expect(await add(gallery, id, Self.url, nil, hash).status == .badRequest)
            #expect(await add(gallery, id, Self.url, "sha123", hash).status == .badRequest)
            #expect(await gallery.send(.post, "/images/\(id)/locations", [:]).status == .badRequest)
            for url in ["http://127.0.0.1/disk", "http://169.254.169.254/latest", "http://10.0.0.1:8080/x"] {
                let answer = await add(gallery, id, url)
                #expect(answer.status == .badRequest)
                #expect(answer.text.contains("does not pass filtering"))
            }
            #expect(await add(gallery, id, "file:///etc/passwd").status == .forbidden)
            #expect(await add(gallery, id, token: "member@red").status == .notFound)
            #expect(await add(gallery, id, token: "reader@blue").status == .forbidden)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(await task(gallery, id) == nil)
        }
    }

    @Test func oneTaskAtATime() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id).status == .accepted)
            #expect(await add(gallery, id).status == .conflict)
            // Bytes that come in another way meanwhile are not taken over.
            #expect(await gallery.upload(id, [1, 2, 3]).status == .noContent)
            try await gallery.finishWorkflows()
            #expect(await gallery.download(id).bytes == [1, 2, 3])
            #expect(await task(gallery, id)?["status"] == "failure")
            #expect(await add(gallery, id).status == .conflict)
        }
    }

    @Test func usersNeedAStoreInTheWeb() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id).status == .forbidden)
        }
    }

    @Test func anImageCanBeDeletedMeanwhile() async throws {
        try await Gallery.with(isScattered: true) { gallery in
            let id = try await gallery.create()
            #expect(await add(gallery, id).status == .accepted)
            #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent)
            try await gallery.finishWorkflows()
            #expect(await gallery.send(.get, "/images/\(id)").status == .notFound)
        }
    }
}
