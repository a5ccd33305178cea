import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import Testing

@testable import Identity

/// Logging in by the word of an identity provider.
@Suite struct FederatedLoginTests {
    /// A cloud with a provider `acme`, its protocol `openid` and the mapping `m`.
    private struct Site {
        let cloud: TestCloud
        let admin: String
        let domain: String

        static let base = "/OS-FEDERATION/identity_providers/acme"
        static let rules: JSON = [
            ["local": [["user": ["name": "{0}", "email": "{1}"]]], "remote": [["type": "login"], ["type": "mail"]]],
            ["local": [["groups": "{0}", "domain": ["id": "default"]]], "remote": [["type": "groups"]]],
        ]

        static func run(
            rules: JSON = rules, version: String = "1.0", ttl: JSON = nil, _ change: (inout IdentityOptions) -> Void = { _ in },
            _ body: (Site) async throws -> Void
        ) async throws {
            try await TestCloud.run(change) { cloud in
                let admin = try await cloud.token()
                let mapping: JSON = ["mapping": ["rules": rules, "schema_version": .string(version)]]
                #expect(await cloud.call(.put, "/OS-FEDERATION/mappings/m", admin, mapping).status == .created)
                let provider: JSON = ["identity_provider": ["enabled": true, "authorization_ttl": ttl, "remote_ids": ["https://acme"]]]
                let made = await cloud.call(.put, base, admin, provider)
                let domain = try #require(made.json["identity_provider"]?["domain_id"]?.string, "\(made.text)")
                let chosen: JSON = ["protocol": ["mapping_id": "m", "remote_id_attribute": "issuer"]]
                #expect(await cloud.call(.put, base + "/protocols/openid", admin, chosen).status == .created)
                try await body(Site(cloud: cloud, admin: admin, domain: domain))
            }
        }

        func assertion(_ attributes: [String: String] = [:], provider: String = "acme", name: String = "openid") -> FederatedAssertion {
            let all = ["login": "ann", "mail": "ann@acme", "issuer": "https://acme"].merging(attributes) { $1 }
            return FederatedAssertion(
                providerID: provider, protocolID: name, attributes: MappingAssertion(joined: all.filter { !$0.value.isEmpty }))
        }

        func prove(_ attributes: [String: String] = [:]) async throws -> Proven {
            try await cloud.identity.proveFederated(assertion(attributes))
        }

        /// The text of an unscoped token.
        func logIn(_ attributes: [String: String] = [:]) async throws -> String {
            try await cloud.identity.issueToken(for: prove(attributes), scope: .automatic).text.reveal()
        }

        func rescope(_ token: String, _ scope: JSON, method: String = "token") async -> TestResponse {
            await cloud.call(.post, "/auth/tokens", nil, [
                "auth": ["identity": ["methods": [.string(method)], .init(method): ["id": .string(token)]], "scope": scope],
            ])
        }

        func show(_ token: String) async -> JSON? {
            await cloud.call(.get, "/auth/tokens", admin, headers: [.subjectToken: token]).json["token"]
        }

        func group(_ name: String) async throws -> String {
            try await cloud.createID("groups", "group", ["name": .string(name), "domain_id": "default"], admin)
        }

        /// A project in which a group has a role.
        func project(_ name: String, for group: String, role: String = "member") async throws -> String {
            let project = try await cloud.createID("projects", "project", ["name": .string(name)], admin)
            let role = try await cloud.roleID(role, admin)
            #expect(await cloud.call(.put, "/projects/\(project)/groups/\(group)/roles/\(role)", admin).status == .noContent)
            return project
        }
    }

    @Test func aLoginMakesAUserAndAToken() async throws {
        try await Site.run { site in
            let token = try await site.logIn()
            let shown = try #require(await site.show(token))
            #expect(shown["methods"] == ["openid"])
            #expect(shown["user"]?["name"] == "ann")
            #expect(shown["user"]?["domain"]?["id"] == .string(site.domain))
            #expect(shown["user"]?["password_expires_at"] == nil)
            #expect(shown["user"]?["OS-FEDERATION"] == ["groups": [], "identity_provider": ["id": "acme"], "protocol": ["id": "openid"]])
            #expect(shown["project"] == nil && shown["roles"] == nil)
            let id = try #require(shown["user"]?["id"]?.string)
            #expect(id.count == 64)
            let user = await site.cloud.call(.get, "/users/\(id)", site.admin).json["user"]
            #expect(user?["email"] == "ann@acme")
            #expect(user?["federated"] == [["idp_id": "acme", "protocols": [["protocol_id": "openid", "unique_id": "ann"]]]])
            #expect(try await site.prove(["mail": "new@acme"]).userID == id, "the next login is the same user")
            #expect(await site.cloud.call(.get, "/users/\(id)", site.admin).json["user"]?["email"] == "new@acme")
            #expect(try await site.prove(["login": "bob"]).userID != id)
            for query in ["name=ann", "unique_id=ann&idp_id=acme", "name__startswith=an"] {
                #expect(await site.cloud.call(.get, "/users?\(query)", site.admin).json["users"]?.ids == [id], "\(query)")
            }
            #expect(await site.cloud.call(.get, "/users?idp_id=other", site.admin).json["users"] == [])
            #expect(await site.cloud.call(.get, "/users?protocol_id=openid", site.admin).json["users"]?.names == ["ann", "bob"])
        }
    }

    @Test func groupsOfALoginCountThroughRescoping() async throws {
        try await Site.run { site in
            let group = try await site.group("staff")
            let project = try await site.project("p", for: group)
            let token = try await site.logIn(["groups": "staff;unknown"])
            #expect(await site.show(token)?["user"]?["OS-FEDERATION"]?["groups"] == [["id": .string(group)]])
            for path in ["/auth/projects", "/OS-FEDERATION/projects"] {
                #expect(await site.cloud.call(.get, path, token).json["projects"]?.ids == [project])
            }
            #expect(await site.cloud.call(.get, "/OS-FEDERATION/domains", token).json["domains"] == [])
            for method in ["token", "mapped"] {
                let scoped = await site.rescope(token, ["project": ["id": .string(project)]], method: method)
                #expect(scoped.status == .created, "\(scoped.text)")
                #expect(scoped.json["token"]?["roles"]?.names == ["member", "reader"])
                #expect(scoped.json["token"]?["user"]?["OS-FEDERATION"]?["groups"] == [["id": .string(group)]])
            }
            let scoped = try #require(await site.rescope(token, ["project": ["id": .string(project)]]).headers[.subjectToken])
            #expect(await site.show(scoped)?["methods"] == ["token", "openid"])
            let without = try await site.logIn()
            #expect(await site.rescope(without, ["project": ["id": .string(project)]]).status == .unauthorized, "the group belongs to the login")
            #expect(await site.cloud.call(.delete, "/groups/\(group)", site.admin).status == .noContent)
            #expect(await site.show(scoped) == nil, "without the group nothing is left of it")
        }
    }

    @Test func membershipsLastForAWhile() async throws {
        try await Site.run(ttl: 60) { site in
            let group = try await site.group("staff")
            let project = try await site.project("p", for: group)
            let user = try await site.prove(["groups": "staff"]).userID
            let groups = await site.cloud.call(.get, "/users/\(user)/groups", site.admin).json["groups"]
            #expect(groups?.ids == [group])
            #expect(groups?[0]?["membership_expires_at"]?.string != nil)
            #expect(await site.cloud.call(.head, "/groups/\(group)/users/\(user)", site.admin).status == .noContent)
            let other = try await site.cloud.identity.issueToken(for: Proven(userID: user, methods: [.openid]), scope: .project(.id(project)))
            #expect(other.token.isPassing, "a token that depends on a membership's end is not remembered")
            #expect(other.token.roles.map(\.name).contains("member"))
            _ = try await site.prove()
            #expect(await site.cloud.call(.get, "/users/\(user)/groups", site.admin).json["groups"] == [])
            #expect(try await site.cloud.identity.tokens.validate(other.text) == nil)
        }
    }

    @Test func membershipsEnd() async throws {
        try await Site.run(ttl: 0) { site in
            let group = try await site.group("staff")
            let user = try await site.prove(["groups": "staff"]).userID
            #expect(await site.cloud.call(.get, "/users/\(user)/groups", site.admin).json["groups"] == [])
            #expect(await site.cloud.call(.head, "/groups/\(group)/users/\(user)", site.admin).status == .notFound)
            let change: JSON = ["identity_provider": ["authorization_ttl": 60]]
            #expect(await site.cloud.call(.patch, Site.base, site.admin, change).status == .ok)
            #expect(await site.cloud.call(.get, "/users/\(user)/groups", site.admin).json["groups"]?.ids == [group])
        }
    }

    private static let projectRules: JSON = [[
        "local": [["user": ["name": "{0}"]], ["projects": [["name": "for {0}", "roles": [["name": "member"]]], ["name": "all", "roles": []]]]],
        "remote": [["type": "login"]],
    ]]

    @Test func projectsAreMadeWithRoles() async throws {
        try await Site.run(rules: Self.projectRules) { site in
            let token = try await site.logIn()
            let made = await site.cloud.call(.get, "/projects?domain_id=\(site.domain)", site.admin).json["projects"]
            #expect(made?.names == ["all", "for ann"])
            #expect(await site.cloud.call(.get, "/auth/projects", token).json["projects"]?.names == ["for ann"])
            let scope: JSON = ["project": ["name": "for ann", "domain": ["id": .string(site.domain)]]]
            #expect(await site.rescope(token, scope).json["token"]?["roles"]?.names == ["member", "reader"])
            _ = try await site.logIn()
            #expect(await site.cloud.call(.get, "/projects?domain_id=\(site.domain)", site.admin).json["projects"]?.ids.count == 2)
        }
    }

    @Test func nothingIsMadeWhenARoleIsMissing() async throws {
        let rules: JSON = [["local": [["user": ["name": "{0}"], "projects": [["name": "p", "roles": [["name": "nothing"]]]]]], "remote": [["type": "login"]]]]
        try await Site.run(rules: rules) { site in
            await #expect(throws: IdentityError.notFound("role", id: "nothing")) { try await site.prove() }
            #expect(await site.cloud.call(.get, "/users?idp_id=acme", site.admin).json["users"] == [])
            #expect(await site.cloud.call(.get, "/projects?name=p", site.admin).json["projects"] == [])
        }
    }

    @Test(arguments: [("2.0", ["one", "two"]), ("3.0", ["two"])])
    func theThirdVersionTakesRolesAway(version: String, expected: [String]) async throws {
        let rules: JSON = ["one", "two"].map { name in
            [
                "local": [["user": ["name": "ann"], "projects": [["name": .string(name), "roles": [["name": "member"]]]], "domain": ["id": "default"]]],
                "remote": [["type": "team", "any_one_of": [.string(name)]]],
            ]
        }.reduce(into: JSON.array([])) { $0 = .array(($0.array ?? []) + [$1]) }
        try await Site.run(rules: rules, version: version) { site in
            let first = try await site.logIn(["team": "one"])
            #expect(await site.cloud.call(.get, "/auth/projects", first).json["projects"]?.names == ["one"])
            let second = try await site.logIn(["team": "two"])
            #expect(await site.cloud.call(.get, "/auth/projects", second).json["projects"]?.names == expected)
        }
    }

    @Test func localUsersLogInAsThemselves() async throws {
        let rules: JSON = [["local": [["user": ["name": "{0}", "domain": ["id": "default"], "type": "local"]]], "remote": [["type": "login"]]]]
        try await Site.run(rules: rules) { site in
            await #expect(throws: IdentityError.unauthorized) { try await site.prove() }
            let user = try await site.cloud.user("ann", site.admin)
            let proven = try await site.prove()
            #expect(proven.userID == user && proven.federation == nil)
            _ = await site.cloud.call(.patch, "/users/\(user)", site.admin, ["user": ["enabled": false]])
            await #expect(throws: IdentityError.unauthorized) { try await site.prove() }
        }
    }

    @Test func strangersAreRefused() async throws {
        try await Site.run { site in
            await #expect(throws: IdentityError.unauthorized) { try await site.prove(["login": ""]) }
            await #expect(throws: IdentityError.unauthorized) { try await site.prove(["issuer": ""]) }
            await #expect(throws: IdentityError.self) { try await site.prove(["issuer": "https://other"]) }
            await #expect(throws: IdentityError.notFound("Identity Provider", id: "x")) {
                try await site.cloud.identity.proveFederated(site.assertion(provider: "x"))
            }
            await #expect(throws: IdentityError.self) { try await site.cloud.identity.proveFederated(site.assertion(name: "x")) }
            let (proven, token) = (try await site.prove(), try await site.logIn())
            _ = await site.cloud.call(.patch, "/users/\(proven.userID)", site.admin, ["user": ["enabled": false]])
            await #expect(throws: IdentityError.unauthorized) { try await site.prove() }
            _ = await site.cloud.call(.patch, "/users/\(proven.userID)", site.admin, ["user": ["enabled": true]])
            let fresh = try await site.logIn()
            _ = await site.cloud.call(.patch, Site.base, site.admin, ["identity_provider": ["enabled": false]])
            await #expect(throws: IdentityError.refused("Identity Provider acme is disabled")) { try await site.prove() }
            #expect(await site.rescope(fresh, "unscoped").status == .forbidden)
            #expect(await site.cloud.call(.delete, "/OS-FEDERATION/mappings/m", site.admin).status == .noContent)
            #expect(await site.cloud.call(.delete, Site.base, site.admin).status == .noContent)
            for gone in [fresh, token] { #expect(await site.show(gone) == nil) }
            #expect(await site.cloud.call(.get, "/users/\(proven.userID)", site.admin).status == .notFound, "who came by it only is gone")
        }
    }

    @Test func theCloudTakesNoAssertionsByDefault() async throws {
        try await Site.run { site in
            let login = Site.base + "/protocols/openid/auth"
            for method: HTTPRequest.Method in [.get, .post] {
                #expect(await site.cloud.call(method, login).status == .forbidden)
                for path in ["/websso/openid?origin=x", "/identity_providers/acme/protocols/openid/websso?origin=x"] {
                    #expect(await site.cloud.call(method, "/auth/OS-FEDERATION" + path).status == .forbidden)
                }
            }
            #expect(await site.cloud.call(.get, "/auth/OS-FEDERATION/identity_providers/acme/protocols/openid/websso").status == .badRequest)
            let body: JSON = ["auth": ["identity": ["methods": ["mapped"], "mapped": ["identity_provider": "acme", "protocol": "openid"]]]]
            #expect(await site.cloud.call(.post, "/auth/tokens", nil, body).status == .forbidden)
            let lacking: JSON = ["auth": ["identity": ["methods": ["mapped"], "mapped": ["protocol": "openid"]]]]
            #expect(await site.cloud.call(.post, "/auth/tokens", nil, lacking).status == .badRequest)
            #expect(await site.rescope(site.admin, "unscoped", method: "mapped").status == .unauthorized, "not of a federated login")
            #expect(await site.cloud.call(.get, "/OS-FEDERATION/saml2/metadata").status == .notFound)
            #expect(await site.cloud.call(.post, "/auth/OS-FEDERATION/saml2").status == .notFound)
        }
        try await Site.run({ options in
            options.federation.trustedProxies = ["192.0.2.0/24"]
            options.federation.assertionPrefix = "OIDC-"
        }) { site in
            let headers: HTTPFields = [.oidcLogin: "ann"]
            #expect(await site.cloud.call(.post, Site.base + "/protocols/openid/auth", headers: headers).status == .unauthorized)
        }
    }

    @Test func headersOfTrustedProxiesBecomeAttributes() throws {
        var options = FederationOptions()
        options.trustedProxies = ["192.0.2.0/25", "2001:db8::1"]
        let headers: HTTPFields = [.oidcLogin: "ann", .oidcRemoteUser: "Ann", .authToken: "secret"]
        func read(from address: String?) throws -> FederatedAssertion {
            try FederatedAssertion(providerID: "p", protocolID: "q", headers: headers, from: address, options)
        }
        #expect(throws: IdentityError.self) { try read(from: "192.0.2.1") }
        options.assertionPrefix = "oidc-"
        for stranger in [nil, "192.0.2.128", "2001:db8::2", "nonsense", ""] {
            #expect(throws: IdentityError.unauthorized) { try read(from: stranger) }
        }
        for proxy in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let assertion = try read(from: proxy)
            #expect(assertion.attributes["OIDC-Login"] == "ann")
            #expect(assertion.attributes["HTTP_OIDC_LOGIN"] == "ann")
            #expect(assertion.remoteUser == "Ann")
            #expect(assertion.attributes.attributes.count == 4, "nothing but what begins with the prefix")
        }
        options.trustedProxies = []
        #expect(throws: IdentityError.self) { try read(from: "192.0.2.1") }
        #expect(NetworkAddress.network("192.0.2.0/33") == nil)
        #expect(NetworkAddress.network("0.0.0.0/0")?.contains(try #require(NetworkAddress("203.0.113.9"))) == true)
    }

    @Test func administratorsMayNameUsersAtProviders() async throws {
        try await Site.run { site in
            let federated: JSON = [["idp_id": "acme", "protocols": [["protocol_id": "openid", "unique_id": "ann"]]]]
            let made = await site.cloud.call(.post, "/users", site.admin, ["user": ["name": "local", "federated": federated]])
            #expect(made.status == .created, "\(made.text)")
            #expect(made.json["user"]?["federated"] == federated)
            let id = try #require(made.json["user"]?["id"]?.string)
            #expect(try await site.prove().userID == id)
            #expect(await site.cloud.call(.get, "/users/\(id)", site.admin).json["user"]?["name"] == "local")
            let taken = await site.cloud.call(.post, "/users", site.admin, ["user": ["name": "second", "federated": federated]])
            #expect(taken.status == .conflict)
            for bad: JSON in [
                [["idp_id": "x", "protocols": [["protocol_id": "openid", "unique_id": "a"]]]],
                [["idp_id": "acme", "protocols": [["protocol_id": "x", "unique_id": "a"]]]], [["idp_id": "acme", "protocols": []]],
                [["idp_id": "acme"]], "x",
            ] {
                #expect(await site.cloud.call(.post, "/users", site.admin, ["user": ["name": "bad", "federated": bad]]).status == .badRequest)
            }
            let other: JSON = [["idp_id": "acme", "protocols": [["protocol_id": "openid", "unique_id": "bob"]]]]
            let changed = await site.cloud.call(.patch, "/users/\(id)", site.admin, ["user": ["federated": other]])
            #expect(changed.json["user"]?["federated"] == other)
            #expect(await site.cloud.call(.patch, "/users/\(id)", site.admin, ["user": ["federated": []]]).json["user"]?["federated"] == other)
            #expect(try await site.prove(["login": "bob"]).userID == id)
            #expect(await site.cloud.call(.delete, Site.base, site.admin).status == .noContent)
            #expect(await site.cloud.call(.get, "/users/\(id)", site.admin).status == .ok, "who has a name here stays")
        }
    }

    @Test func tokensShowEnabledServiceProviders() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            #expect(await cloud.call(.get, "/auth/tokens", admin, headers: [.subjectToken: admin]).json["token"]?["service_providers"] == nil)
            for (name, enabled) in [("on", true), ("off", false)] {
                let body: JSON = ["service_provider": ["auth_url": "https://a/auth", "sp_url": "https://a/sp", "enabled": .bool(enabled)]]
                #expect(await cloud.call(.put, "/OS-FEDERATION/service_providers/\(name)", admin, body).status == .created)
            }
            let shown = await cloud.call(.get, "/auth/tokens", admin, headers: [.subjectToken: admin]).json["token"]?["service_providers"]
            #expect(shown == [["auth_url": "https://a/auth", "id": "on", "sp_url": "https://a/sp"]])
        }
    }

    @Test func dashboardsGetTokensInAForm() {
        let response = DashboardPage(origin: "https://dash/\"x\"<y>", token: Secret("a&b")).response
        var text = ""
        if case .bytes(let bytes) = response.body { text = String(decoding: bytes, as: UTF8.self) }
        #expect(text.contains(#"action="https://dash/&quot;x&quot;&lt;y&gt;""#))
        #expect(text.contains(#"name="token" value="a&amp;b""#))
        #expect(response.headers[.contentType] == "text/html; charset=utf-8")
    }
}

extension HTTPField.Name {
    fileprivate static let oidcLogin = HTTPField.Name("OIDC-Login") ?? .accept
    fileprivate static let oidcRemoteUser = HTTPField.Name("OIDC-Remote-User") ?? .accept
}
