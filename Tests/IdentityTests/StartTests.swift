import CloudAPI
import CloudCore
import CloudCrypto
import Foundation
import Testing

@testable import Identity

/// The first start, later ones, and discovery.
@Suite struct StartTests {
    @Test func versionsLeadToVersion3() async throws {
        try await TestCloud.run { cloud in
            let version: JSON = [
                "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
                "links": [["rel": "self", "href": "http://127.0.0.1:9000/identity/v3/"]],
                "media-types": [["base": "application/json", "type": "application/vnd.openstack.identity-v3+json"]],
            ]
            for path in ["/identity", "/identity/"] {
                let root = await cloud.server.respond(.get, path)
                #expect(root.status == .multipleChoices)
                #expect(root.headers[.location] == "http://127.0.0.1:9000/identity/v3/")
                #expect(root.json == ["versions": ["values": [version]]])
            }
            for path in ["/identity/v3", "/identity/v3/"] {
                let document = await cloud.server.respond(.get, path)
                #expect(document.status == .ok)
                #expect(document.json["version"]?["id"] == "v3.14")
            }
            #expect(await cloud.server.respond(.get, "/identity/v3/nothing").json["error"]?["code"] == 404)
        }
    }

    @Test func laterStartsChangeNothing() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let store = try #require(await cloud.call(.get, "/services?type=object-store", admin).json["services"]?[0]?["id"]?.string)
            #expect(await cloud.call(.delete, "/services/\(store)", admin).status == .noContent)
            let more = TestCloud.services + [Identity.BootstrapService(type: "compute", name: "nova", publicURL: "http://c")]
            #expect(try await !cloud.identity.bootstrap(adminPassword: Secret("another"), services: more))
            #expect(await cloud.call(.get, "/services", admin).json["services"]?.names == ["keystone", "nova"], "only what is new is added")
            #expect(await cloud.call(.get, "/roles", admin).json["roles"]?.names == ["admin", "manager", "member", "reader", "service"])
            _ = try await cloud.token()
            let login = TestCloud.login(TestCloud.adminUser, "another")
            #expect(await cloud.call(.post, "/auth/tokens", nil, login).status == .unauthorized)
        }
    }

    @Test func theAdministratorRulesTheSystemToo() async throws {
        try await TestCloud.run { cloud in
            let system = try await cloud.token(scope: ["system": ["all": true]])
            let context = try #require(try await cloud.identity.authenticate(Secret(system)))
            #expect(context.isSystemScoped && context.isAdmin && context.projectID == nil)
            #expect(await cloud.call(.get, "/services", system).status == .ok)
        }
    }

    @Test func othersLearnNames() async throws {
        try await TestCloud.run { cloud in
            let admin = try #require(try await cloud.identity.authenticate(Secret(try await cloud.token())))
            let project = try #require(admin.projectID)
            #expect(try await cloud.identity.project(project)?.name == "admin")
            #expect(try await cloud.identity.projects([project, "nowhere"]).count == 1)
            #expect(try await cloud.identity.userNames([admin.userID, "nobody"]) == [admin.userID: "admin"])
        }
    }

    @Test func keysAreKeptAsKeystoneKeepsThem() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let keys = try KeyRepository(directory: directory.path, maximumActiveKeys: 3)
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() }
        func text(_ name: String) throws -> String { try String(contentsOf: directory.appending(path: name), encoding: .utf8) }
        #expect(try files() == ["0", "1"])
        let staged = try text("0")
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.appending(path: "0").path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.attributesOfItem(atPath: directory.path)[.posixPermissions] as? Int == 0o700)
        let token = keys.fernet.seal([1]).reveal()
        try keys.rotate()
        #expect(try files() == ["0", "1", "2"])
        #expect(try text("2") == staged, "what was staged seals now")
        #expect(keys.fernet.open(token)?.payload == [1])
        let again = try KeyRepository(directory: directory.path, maximumActiveKeys: 3)
        #expect(again.fernet.open(keys.fernet.seal([2]).reveal())?.payload == [2])
        try keys.rotate()
        #expect(try files() == ["0", "2", "3"])
        try again.reload()
        #expect(again.fernet.open(token) == nil)
        try Data("nonsense".utf8).write(to: directory.appending(path: "9"))
        #expect(throws: KeyRepositoryError.self) { try again.reload() }
        #expect(again.fernet.open(keys.fernet.seal([3]).reveal()) != nil, "the keys in use stay")
    }

    @Test func cachesForgetTheOldest() {
        let cache = BoundedCache<Int>(capacity: 4)
        for number in 0..<10 {
            cache.insert(number, for: String(number))
            #expect(cache["0"] == 0, "what is used stays")
        }
        #expect((0..<10).filter { cache[String($0)] != nil }.count <= 4)
        cache.remove("0")
        #expect(cache["0"] == nil)
    }

    @Test func generationsNoticeEveryChange() {
        let generations = Generations()
        let (ann, bob) = (generations.mark(for: "ann"), generations.mark(for: "bob"))
        generations.advance(user: "ann")
        #expect(generations.mark(for: "ann") != ann)
        #expect(generations.mark(for: "bob") == bob)
        generations.advanceEveryone()
        #expect(generations.mark(for: "bob") != bob)
        let before = generations.mark(for: "carol")
        for number in 0..<10_001 { generations.advance(user: "user \(number)") }
        #expect(generations.mark(for: "carol") != before, "a full table counts for everyone")
    }
}
