import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Images

/// What lists find.
@Suite(.timeLimit(.minutes(1))) struct ImageListTests {
    private func names(_ gallery: Gallery, _ query: String, token: String = Gallery.member) async -> [String] {
        let answer = await gallery.send(.get, "/images\(query)", token: token)
        return answer.json["images"]?.array?.compactMap { $0["name"]?.string } ?? ["\(answer.status.code)"]
    }

    @Test(arguments: [
        ("?name=in:red,%22a,b%22", ["a,b", "red"]), ("?name=eq:red", ["red"]), ("?disk_format=in:raw,iso", ["a,b"]),
        ("?min_ram=512", ["red"]), ("?min_ram_min=1", ["red"]), ("?min_ram_max=0", ["a,b", "plain"]), ("?protected=true", ["red"]),
        ("?tag=hot&tag=new", ["red"]), ("?tag=ho", []), ("?os_distro=debian", ["red"]), ("?os_distro=deb", []),
        ("?hw_%25=1", ["plain"]), ("?x%22y=z", []), ("?created_at=gt:2020-01-01T00:00:00Z", ["a,b", "plain", "red"]),
        ("?created_at=lt:2020-01-01T00:00:00Z", []), ("?created_at=1999-01-01T00:00:00Z", []),
        ("?updated_at=neq:1999-01-01T00:00:00Z&name=red", ["red"]), ("?visibility=shared", ["a,b", "plain", "red"]),
        ("?visibility=private", []), ("?owner=blue&limit=9", ["a,b", "plain", "red"]), ("?owner=red", []),
        ("?checksum=00", []), ("?size=3", []), ("?name=red&name=plain", ["plain"]),
    ])
    func filters(_ query: String, _ expected: [String]) async throws {
        try await Gallery.with { gallery in
            let first: JSONObject = ["min_ram": 512, "protected": true, "tags": ["hot", "new"], "os_distro": "debian"]
            _ = try await gallery.create("red", first)
            _ = try await gallery.create("a,b", ["disk_format": "raw", "tags": ["hot"]])
            _ = try await gallery.create("plain", ["hw_%": "1", "x\",\"y": "z"])
            #expect(await names(gallery, query).sorted() == expected)
        }
    }

    @Test(arguments: [
        "name=odd:x", "size_min=few", "created_at=gt:soon", "created_at=around:2020-01-01", "protected=yes", "os_hidden=maybe",
        "changes-since=2020-01-01", "member_status=odd", "name=in:%22a", "name=in:a%22b%22", "sort=name&sort_key=size", "limit=x",
    ]) func filtersThatMakeNoSenseAreRefused(_ query: String) async throws {
        try await Gallery.with { gallery in
            #expect(await gallery.send(.get, "/images?\(query)").status == .badRequest)
        }
    }

    @Test func sizesAndTimesOfBytes() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("sized")
            _ = await gallery.upload(id, Array(repeating: 7, count: 100))
            _ = try await gallery.create("empty")
            #expect(await names(gallery, "?size_min=100&size_max=100") == ["sized"])
            #expect(await names(gallery, "?size_min=101") == [])
            let image = await gallery.show(id)
            #expect(await names(gallery, "?checksum=\(image["checksum"]?.string ?? "")") == ["sized"])
            #expect(await names(gallery, "?os_hash_value=\(image["os_hash_value"]?.string ?? "")") == ["sized"])
            #expect(await names(gallery, "?created_at=eq:\(image["created_at"]?.string ?? "")&name=sized") == ["sized"])
            #expect(await names(gallery, "?created_at=gt:\(image["created_at"]?.string ?? "")&name=sized") == [])
            #expect(await names(gallery, "?created_at=lte:\(image["created_at"]?.string ?? "")&name=sized") == ["sized"])
        }
    }

    @Test func communityImagesAreListedWhereTheyAreAskedFor() async throws {
        try await Gallery.with { gallery in
            _ = try await gallery.create("ours", ["visibility": "community"])
            _ = try await gallery.create("theirs", token: "member@red", ["visibility": "community"])
            _ = try await gallery.create("secret", token: "member@red", ["visibility": "private"])
            #expect(await names(gallery, "") == ["ours"])
            #expect(await names(gallery, "?visibility=community").sorted() == ["ours", "theirs"])
            #expect(await names(gallery, "?visibility=all").sorted() == ["ours", "theirs"])
            #expect(await names(gallery, "?visibility=all", token: Gallery.admin).sorted() == ["ours", "secret", "theirs"])
            #expect(await names(gallery, "", token: Gallery.admin) == ["secret"])
        }
    }

    @Test func pagesFollowOneAnother() async throws {
        try await Gallery.with { gallery in
            for number in 0..<5 { _ = try await gallery.create("same", ["min_disk": .int(number)]) }
            var (path, seen) = ("/v2/images?limit=2&sort=name:asc,size:desc", [String]())
            while true {
                let page = await gallery.server.respond(.get, "/image" + path, token: Gallery.member).json
                seen += page["images"]?.array?.compactMap { $0["id"]?.string } ?? []
                guard let next = page["next"]?.string else { break }
                path = next
            }
            #expect(seen.count == 5)
            #expect(Set(seen).count == 5)
            #expect(await gallery.send(.get, "/images?limit=0").json["images"] == [])
        }
    }

    @Test func anotherProjectsImageIsNoMarker() async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("theirs", token: "member@red")
            #expect(await gallery.send(.get, "/images?marker=\(id)").status == .badRequest)
            #expect(await gallery.send(.get, "/images?marker=\(id)", token: "member@red").status == .ok)
        }
    }
}
