import CloudAPI
import CloudCore
import Testing

@testable import Identity

@Suite struct TokenTests {
    @Test func aPasswordGivesAProjectToken() async throws {
        try await TestCloud.run { cloud in
            let response = await cloud.call(
                .post, "/auth/tokens", nil,
                TestCloud.login(TestCloud.adminUser, TestCloud.adminPassword, scope: TestCloud.adminProject))
            #expect(response.status == .created)
            #expect(response.headers[.vary]?.contains("X-Auth-Token") == true)
            let token = try #require(response.json["token"])
            #expect(token["methods"] == ["password"])
            #expect(token["user"]?["name"] == "admin")
            #expect(token["user"]?["domain"] == ["id": "default", "name": "Default"])
            #expect(token["user"]?["password_expires_at"] == .null)
            #expect(token["project"]?["domain"]?["id"] == "default")
            #expect(token["is_domain"] == false)
            #expect(token["roles"]?.names == ["admin", "manager", "member", "reader"])
            #expect(token["audit_ids"]?.array?.count == 1)
            let (issued, expires) = (try #require(token["issued_at"]?.string), try #require(token["expires_at"]?.string))
            #expect(expires.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z/) != nil)
            let lifetime = try #require(Timestamp(iso8601: expires)) - (try #require(Timestamp(iso8601: issued)))
            #expect(lifetime > .seconds(3598) && lifetime <= .seconds(3600))
        }
    }

    @Test func theCatalogFillsInTheProject() async throws {
        try await TestCloud.run { cloud in
            let login = TestCloud.login(TestCloud.adminUser, TestCloud.adminPassword, scope: TestCloud.adminProject)
            let response = await cloud.call(.post, "/auth/tokens", nil, login)
            let catalog = try #require(response.json["token"]?["catalog"]?.array)
            let project = try #require(response.json["token"]?["project"]?["id"]?.string)
            let store = try #require(catalog.first { $0["type"] == "object-store" })
            #expect(store["name"] == "swift")
            #expect(store["endpoints"]?.array?.count == 3)
            #expect(store["endpoints"]?[0]?["url"] == .string("http://cloud:9000/object-store/v1/AUTH_\(project)"))
            #expect(store["endpoints"]?[0]?["region"] == "RegionOne")
            let bare = await cloud.call(.post, "/auth/tokens?nocatalog", nil, login)
            #expect(bare.json["token"]?["catalog"] == nil)
            // Without a project, an endpoint that needs one has no address.
            let system = await cloud.call(
                .post, "/auth/tokens", nil,
                TestCloud.login(TestCloud.adminUser, TestCloud.adminPassword, scope: ["system": ["all": true]]))
            let bareStore = system.json["token"]?["catalog"]?.array?.first { $0["type"] == "object-store" }
            #expect(bareStore?["endpoints"] == [])
            #expect(system.json["token"]?["system"] == ["all": true])
        }
    }

    @Test func scopesComeAsAskedFor() async throws {
        try await TestCloud.run { cloud in
            func token(_ scope: JSON?) async -> TestResponse {
                await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(TestCloud.adminUser, TestCloud.adminPassword, scope: scope))
            }
            // The administrator has no role on the domain.
            #expect(await token(["domain": ["id": "default"]]).status == .unauthorized)
            #expect(await token(["project": ["id": "nowhere"]]).status == .unauthorized)
            #expect(await token(["project": ["name": "admin"]]).status == .badRequest)
            #expect(await token(["project": ["id": "x"], "system": ["all": true]]).status == .badRequest)
            for scope in [nil, "unscoped", ["unscoped": [:]]] as [JSON?] {
                let response = await token(scope)
                #expect(response.status == .created)
                #expect(response.json["token"]?["roles"] == nil)
                #expect(response.json["token"]?["catalog"] == nil)
                #expect(response.json["token"]?["project"] == nil)
            }
        }
    }

    @Test func theDefaultProjectIsTheScopeOfChoice() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "home"], admin)
            let user = try await cloud.user("someone", role: "member", on: "projects/\(project)", admin)
            func scope() async throws -> JSON? {
                let response = await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(["id": .string(user)], TestCloud.password))
                #expect(response.status == .created)
                return response.json["token"]?["project"]?["id"]
            }
            #expect(try await scope() == nil)
            let change: JSON = ["user": ["default_project_id": .string(project)]]
            #expect(await cloud.call(.patch, "/users/\(user)", admin, change).status == .ok)
            #expect(try await scope() == .string(project))
            #expect(await cloud.call(.patch, "/projects/\(project)", admin, ["project": ["enabled": false]]).status == .ok)
            #expect(try await scope() == nil, "a disabled default project is passed over")
        }
    }

    /// A login that must fail.
    struct BadLogin: Sendable {
        let user: JSON
        var password = TestCloud.adminPassword
    }

    @Test(arguments: [
        BadLogin(user: TestCloud.adminUser, password: "wrong"), BadLogin(user: TestCloud.adminUser, password: ""),
        BadLogin(user: ["name": "nobody", "domain": ["id": "default"]]), BadLogin(user: ["id": "0"]),
        BadLogin(user: ["name": "admin", "domain": ["name": "Nowhere"]]),
    ])
    func badCredentialsAllLookTheSame(login: BadLogin) async throws {
        try await TestCloud.run { cloud in
            let response = await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(login.user, login.password))
            #expect(response.status == .unauthorized)
            #expect(response.json == ["error": [
                "code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized",
            ]])
            #expect(response.headers[.wwwAuthenticate] == "Keystone uri=\"http://127.0.0.1:9000/identity\"")
        }
    }

    @Test(arguments: [
        [:], ["auth": [:]], ["auth": ["identity": [:]]], ["auth": ["identity": ["methods": "password"]]],
        ["auth": ["identity": ["methods": ["password"]]]], ["auth": ["identity": ["methods": ["password"], "password": [:]]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["password": "x"]]]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["name": "x", "password": "x"]]]]],
        ["auth": ["identity": ["methods": ["token"], "token": ["id": 7]]]], ["auth": 1], ["auth": nil], [],
        ["auth": ["identity": ["methods": [7], "password": [:]]]], ["auth": ["identity": ["methods": ["token"], "token": 7]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": "x"]]]],
        ["auth": ["identity": ["methods": ["totp"], "totp": ["user": ["id": "x", "passcode": 123456]]]]],
        ["auth": ["identity": ["methods": ["totp"], "totp": []]]], ["auth": ["identity": ["methods": ["totp"], "totp": [:]]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": 7, "password": "x"]]]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": "x", "password": ["x"]]]]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": "x", "password": "x"]]], "scope": 7]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": "x", "password": "x"]]], "scope": []]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": "x", "password": "x"]]], "scope": ["project": "x"]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": "x", "password": "x"]]], "scope": ["system": ["all": 7]]]],
        ["auth": ["identity": ["methods": ["password"], "password": ["user": ["id": "x", "password": "x"]]], "scope": ["OS-TRUST:trust": [:]]]],
    ] as [JSON])
    func malformedRequestsAreRefused(body: JSON) async throws {
        try await TestCloud.run { cloud in
            let response = await cloud.call(.post, "/auth/tokens", nil, body)
            #expect(response.status == .badRequest)
            #expect(response.json["error"]?["code"] == 400)
            #expect(response.json["error"]?["title"] == "Bad Request")
        }
    }

    @Test func unknownMethodsNameTheKnown() async throws {
        try await TestCloud.run { cloud in
            let response = await cloud.call(.post, "/auth/tokens", nil, ["auth": ["identity": ["methods": ["palm"], "palm": [:]]]])
            #expect(response.status == .unauthorized)
            let offered = response.json["error"]?["identity"]?["methods"]?.array ?? []
            #expect(offered.contains("password") && offered.contains("token"))
            #expect(!offered.contains("external"))
            let none = await cloud.call(.post, "/auth/tokens", nil, ["auth": ["identity": ["methods": []]]])
            #expect(none.status == .unauthorized)
        }
    }

    @Test func aTokenShowsItself() async throws {
        try await TestCloud.run { cloud in
            let text = try await cloud.token()
            let response = await cloud.call(.get, "/auth/tokens", text, headers: [.subjectToken: text])
            #expect(response.status == .ok)
            #expect(response.headers[.subjectToken] == text)
            #expect(response.json["token"]?["user"]?["name"] == "admin")
            #expect(response.json["token"]?["catalog"]?.array?.count == 2)
            let head = await cloud.call(.head, "/auth/tokens", text, headers: [.subjectToken: text])
            #expect(head.status == .ok)
            #expect(head.bytes.isEmpty)
            #expect(await cloud.call(.get, "/auth/tokens", text).status == .notFound)
            #expect(await cloud.call(.get, "/auth/tokens", text, headers: [.subjectToken: "gAAAA"]).status == .notFound)
            #expect(await cloud.call(.get, "/auth/tokens", "gAAAA", headers: [.subjectToken: text]).status == .unauthorized)
            #expect(await cloud.call(.get, "/auth/tokens", nil, headers: [.subjectToken: text]).status == .unauthorized)
        }
    }

    @Test func usersSeeTheirOwnTokensOnly() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.token(of: try await cloud.user("someone", admin))
            #expect(await cloud.call(.get, "/auth/tokens", user, headers: [.subjectToken: user]).status == .ok)
            #expect(await cloud.call(.get, "/auth/tokens", user, headers: [.subjectToken: admin]).status == .forbidden)
            #expect(await cloud.call(.delete, "/auth/tokens", user, headers: [.subjectToken: admin]).status == .forbidden)
            #expect(await cloud.call(.get, "/auth/tokens", user).status == .forbidden)
            #expect(await cloud.call(.get, "/auth/tokens", user, headers: [.subjectToken: "gAAAA"]).status == .notFound)
            #expect(await cloud.call(.get, "/auth/tokens", admin, headers: [.subjectToken: user]).status == .ok)
        }
    }

    @Test func rescopingKeepsTheChainAndTheEnd() async throws {
        try await TestCloud.run { cloud in
            let unscoped = try await cloud.token(scope: "unscoped")
            let first = try #require(await cloud.call(.get, "/auth/tokens", unscoped, headers: [.subjectToken: unscoped]).json["token"])
            let body: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(unscoped)]], "scope": TestCloud.adminProject]]
            let response = await cloud.call(.post, "/auth/tokens", nil, body)
            #expect(response.status == .created)
            #expect(response.json["token"]?["methods"] == ["token", "password"])
            #expect(response.json["token"]?["audit_ids"]?.array?.count == 2)
            #expect(response.json["token"]?["audit_ids"]?[1] == first["audit_ids"]?[0])
            #expect(response.json["token"]?["expires_at"] == first["expires_at"])
            let bad: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": "gAAAA"]]]]
            #expect(await cloud.call(.post, "/auth/tokens", nil, bad).status == .notFound)
        }
    }

    @Test func aSystemTokenDoesNotBecomeAProjectToken() async throws {
        try await TestCloud.run { cloud in
            let system = try await cloud.token(scope: ["system": ["all": true]])
            let body: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(system)]], "scope": TestCloud.adminProject]]
            #expect(await cloud.call(.post, "/auth/tokens", nil, body).status == .forbidden)
        }
    }

    @Test func rescopingCanBeForbidden() async throws {
        try await TestCloud.run({ $0.allowsRescopingScopedTokens = false }) { cloud in
            let scoped = try await cloud.token()
            let body: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(scoped)]]]]
            #expect(await cloud.call(.post, "/auth/tokens", nil, body).status == .forbidden)
        }
    }

    @Test func expiredTokensAreGone() async throws {
        try await TestCloud.run({ $0.tokenLifetime = .seconds(3) }) { cloud in
            let text = Secret(try await cloud.token())
            let later = Timestamp.now + .seconds(4)
            #expect(try await cloud.identity.tokens.validate(text) != nil)
            #expect(try await cloud.identity.tokens.validate(text, now: later) == nil)
            #expect(try await cloud.identity.tokens.validate(text, window: .seconds(60), now: later) != nil)
            #expect(try await cloud.identity.tokens.validate(text, window: .seconds(60), now: later + .seconds(60)) == nil)
        }
    }

    @Test func everyFieldOfAPayloadComesBack() {
        let hex = Identifier.hex()
        for scope in [Scope.unscoped, .system, .project(hex), .domain("default"), .project("not-hex-" + hex)] {
            for parent in [nil, TokenPayload.makeAuditID()] {
                let payload = TokenPayload(
                    userID: hex, methods: [.password, .token], scope: scope, auditID: TokenPayload.makeAuditID(),
                    parentAuditID: parent, issuedAt: .now, expiresAt: .now + .seconds(10))
                #expect(TokenPayload(bytes: payload.bytes) == payload)
                for count in 0..<payload.bytes.count { #expect(TokenPayload(bytes: Array(payload.bytes.prefix(count))) == nil) }
                #expect(TokenPayload(bytes: payload.bytes + [0]) == nil)
            }
        }
    }
}
