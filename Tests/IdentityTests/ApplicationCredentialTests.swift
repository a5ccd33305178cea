import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Identity

/// Someone with a role in a project, who makes application credentials for programs.
struct CredentialOwner: Sendable {
    let cloud: TestCloud
    let admin: String
    let project: String
    let user: String
    let token: String

    static func run(_ body: (CredentialOwner) async throws -> Void) async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            let user = try await cloud.user("owner", role: "member", on: "projects/\(project)", admin)
            let token = try await cloud.token(of: user, scope: ["project": ["id": .string(project)]])
            try await body(CredentialOwner(cloud: cloud, admin: admin, project: project, user: user, token: token))
        }
    }

    var collection: String { "/users/\(user)/application_credentials" }
    var rules: String { "/users/\(user)/access_rules" }

    func call(_ body: JSON, _ token: String? = nil) async -> TestResponse {
        await cloud.call(.post, collection, token ?? self.token, ["application_credential": body])
    }

    func create(_ body: JSON) async throws -> JSON {
        let response = await call(body)
        #expect(response.status == .created, "\(response.text)")
        return try #require(response.json["application_credential"])
    }
}

/// Making, showing and deleting application credentials and their access rules.
@Suite struct ApplicationCredentialTests {
    static let ips: JSON = ["service": "compute", "method": "GET", "path": "/v2.1/servers/*/ips"]

    @Test func theSecretIsShownOnce() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            let created = try await owner.create(["name": "robot", "description": "d", "expires_at": "2099-01-31T12:00:00.000123"])
            let (id, secret) = (try #require(created["id"]?.string), try #require(created["secret"]?.string))
            #expect(secret.count == 86)
            #expect(created["expires_at"] == "2099-01-31T12:00:00.000123")
            #expect(created["roles"]?.names == ["member", "reader"])
            #expect(created["project_id"] == .string(owner.project))
            #expect(created["unrestricted"] == false)
            #expect(created["access_rules"] == nil)
            #expect(created["links"]?["self"]?.string?.hasSuffix("\(owner.collection)/\(id)") == true)
            var shown = created.object ?? [:]
            shown["secret"] = JSON?.none
            #expect(await cloud.call(.get, "\(owner.collection)/\(id)", owner.token).json["application_credential"] == .object(shown))
            #expect(await cloud.call(.get, owner.collection, owner.token).json["application_credentials"] == [.object(shown)])
            #expect(try await owner.create(["name": "given", "secret": "mine"])["secret"] == "mine")
            #expect(await cloud.call(.get, owner.collection + "?name=given", owner.token).json["application_credentials"]?.names == ["given"])
            let stored = try await cloud.identity.database.read { try ApplicationCredentialRecords.find(id, $0) }
            #expect(stored?.secretHash.hasPrefix("$2b$") == true)
        }
    }

    @Test func rolesAreThoseOfTheTokenOrLess() async throws {
        try await CredentialOwner.run { owner in
            let readers = try await owner.create(["name": "a", "roles": [["name": "reader"]]])
            #expect(readers["roles"]?.names == ["reader"])
            #expect(try await owner.create(["name": "b", "roles": [["name": "member"]]])["roles"]?.names == ["member", "reader"])
            #expect(await owner.call(["name": "c", "roles": [["name": "admin"]]]).status == .badRequest)
            #expect(await owner.call(["name": "c", "roles": [["id": "unknown"]]]).status == .badRequest)
            #expect(await owner.call(["name": "c", "roles": [["name": "unknown"]]]).status == .notFound)
        }
    }

    @Test func badCredentialsAreRefused() async throws {
        try await CredentialOwner.run { owner in
            _ = try await owner.create(["name": "robot"])
            #expect(await owner.call(["name": "robot"]).status == .conflict)
            #expect(await owner.call([:]).status == .badRequest)
            #expect(await owner.call(["name": "x", "expires_at": "yesterday"]).status == .badRequest)
            #expect(await owner.call(["name": "x", "expires_at": "2001-01-01T00:00:00"]).status == .badRequest)
            #expect(await owner.call(["name": "x", "unrestricted": "yes"]).status == .badRequest)
            #expect(await owner.call(["name": "x", "secret": "a\u{0}b"]).status == .badRequest)
            #expect(await owner.call(["name": "x", "access_rules": [["service": "compute"]]]).status == .badRequest)
            #expect(await owner.call(["name": "x", "access_rules": [["id": "unknown"]]]).status == .notFound)
            #expect(await owner.call(["name": "x", "access_rules": [["service": "compute", "method": "BREW", "path": "/"]]]).status == .badRequest)
            let unscoped = try await owner.cloud.token(of: owner.user, scope: "unscoped")
            #expect(await owner.call(["name": "x"], unscoped).status == .badRequest)
            let system = try await owner.cloud.token(scope: ["system": ["all": true]])
            #expect(await owner.call(["name": "x"], system).status == .forbidden)
            #expect(await owner.call(["name": "x"], owner.admin).status == .forbidden)
        }
    }

    @Test func credentialsBelongToTheirUser() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            let id = try #require(try await owner.create(["name": "robot"])["id"]?.string)
            let other = try await cloud.user("other", role: "member", on: "projects/\(owner.project)", owner.admin)
            let token = try await cloud.token(of: other, scope: ["project": ["id": .string(owner.project)]])
            for path in ["\(owner.collection)/\(id)", "/users/\(other)/application_credentials/\(id)", "\(owner.collection)/nothing"] {
                #expect(await cloud.call(.get, path, token).status == .forbidden, "\(path)")
                #expect(await cloud.call(.delete, path, token).status == .forbidden, "\(path)")
            }
            #expect(await cloud.call(.get, owner.collection, token).status == .forbidden)
            #expect(await cloud.call(.get, "\(owner.collection)/nothing", owner.token).status == .notFound)
            #expect(await cloud.call(.get, "\(owner.collection)/\(id)", owner.admin).status == .ok)
            #expect(await cloud.call(.delete, "\(owner.collection)/\(id)", owner.token).status == .noContent)
            #expect(await cloud.call(.delete, "\(owner.collection)/\(id)", owner.token).status == .notFound)
        }
    }

    @Test func accessRulesAreSharedAndStay() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            let first = try await owner.create(["name": "one", "access_rules": [Self.ips]])
            let rule = try #require(first["access_rules"]?[0]?["id"]?.string)
            #expect(first["access_rules"]?[0]?["path"] == "/v2.1/servers/*/ips")
            #expect(try await owner.create(["name": "two", "access_rules": [Self.ips]])["access_rules"]?.ids == [rule])
            #expect(try await owner.create(["name": "three", "access_rules": [["id": .string(rule)]]])["access_rules"]?.ids == [rule])
            #expect(await cloud.call(.get, owner.rules, owner.token).json["access_rules"]?.ids == [rule])
            #expect(await cloud.call(.get, owner.rules + "?service=image", owner.token).json["access_rules"] == [])
            #expect(await cloud.call(.get, "\(owner.rules)/\(rule)", owner.token).json["access_rule"]?["service"] == "compute")
            #expect(await cloud.call(.get, "\(owner.rules)/\(rule)", owner.admin).status == .forbidden, "project administrators have no say")
            #expect(await cloud.call(.delete, "\(owner.rules)/\(rule)", owner.token).status == .forbidden)
            for id in await cloud.call(.get, owner.collection, owner.token).json["application_credentials"]?.ids ?? [] {
                #expect(await cloud.call(.delete, "\(owner.collection)/\(id)", owner.token).status == .noContent)
            }
            #expect(await cloud.call(.get, owner.rules, owner.token).json["access_rules"]?.ids == [rule])
            let system = try await cloud.token(scope: ["system": ["all": true]])
            #expect(await cloud.call(.get, "\(owner.rules)/nothing", system).status == .notFound)
            #expect(await cloud.call(.delete, "\(owner.rules)/\(rule)", system).status == .noContent)
            #expect(await cloud.call(.delete, "\(owner.rules)/\(rule)", owner.token).status == .notFound)
        }
    }

    @Test func usersTakeTheirCredentialsAlong() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            _ = try await owner.create(["name": "robot", "access_rules": [Self.ips]])
            let off = await cloud.call(.patch, "/users/\(owner.user)", owner.admin, ["user": ["enabled": false]])
            #expect(off.status == .ok)
            #expect(await cloud.call(.get, owner.collection, owner.admin).json["application_credentials"] == [])
            #expect(await cloud.call(.patch, "/users/\(owner.user)", owner.admin, ["user": ["enabled": true]]).status == .ok)
            let token = try await cloud.token(of: owner.user, scope: ["project": ["id": .string(owner.project)]])
            #expect(await owner.call(["name": "robot", "access_rules": [Self.ips]], token).status == .created)
            #expect(await cloud.call(.delete, "/users/\(owner.user)", owner.admin).status == .noContent)
            let left = try await cloud.identity.database.read { try $0.scalar("SELECT COUNT(*) FROM identity_access_rules", as: Int.self) }
            #expect(left == 0)
        }
    }

    @Test func aDeletedRoleTakesCredentialsAlong() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            let role = try await cloud.createID("roles", "role", ["name": "operator"], owner.admin)
            #expect(await cloud.call(.put, "/projects/\(owner.project)/users/\(owner.user)/roles/\(role)", owner.admin).status == .noContent)
            _ = try await owner.create(["name": "robot"])
            #expect(await cloud.call(.delete, "/roles/\(role)", owner.admin).status == .noContent)
            #expect(await cloud.call(.get, owner.collection, owner.admin).json["application_credentials"] == [])
        }
    }
}
