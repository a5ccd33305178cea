import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import Testing

@testable import Identity

@Suite struct DomainConfigTests {
    private static let config: JSON = [
        "identity": ["driver": "ldap"], "ldap": ["url": "ldap://h:389/", "user_tree_dn": "ou=Users,dc=org"],
    ]

    private struct Fixture {
        let cloud: TestCloud
        let admin: String
        let domain: String

        static func run(_ change: (inout IdentityOptions) -> Void = { _ in }, _ body: (Fixture) async throws -> Void) async throws {
            try await TestCloud.run(change) { cloud in
                let admin = try await cloud.token()
                let domain = try await cloud.createID("domains", "domain", ["name": "d"], admin)
                try await body(Fixture(cloud: cloud, admin: admin, domain: domain))
            }
        }

        func call(_ method: HTTPRequest.Method, _ path: String = "", _ config: JSON? = nil, domain: String? = nil) async -> TestResponse {
            await cloud.call(method, "/domains/\(domain ?? self.domain)/config\(path)", admin, config.map { .object(["config": $0]) })
        }
    }

    @Test func optionsAreStoredAndShown() async throws {
        try await Fixture.run { fixture in
            #expect(await fixture.call(.get).status == .notFound)
            #expect(await fixture.call(.delete).status == .noContent)
            let created = await fixture.call(.put, "", Self.config)
            #expect(created.status == .created)
            #expect(created.json == ["config": Self.config])
            #expect(await fixture.call(.get).json == ["config": Self.config])
            #expect(await fixture.call(.head).status == .ok)
            #expect(await fixture.call(.get, "/identity").json == ["config": ["identity": ["driver": "ldap"]]])
            #expect(await fixture.call(.get, "/ldap/url").json == ["config": ["url": "ldap://h:389/"]])
            #expect(await fixture.call(.get, "/ldap/suffix").status == .notFound)
            let replaced = await fixture.call(.put, "", ["identity": ["list_limit": 5]])
            #expect(replaced.status == .ok, "there was one before")
            #expect(await fixture.call(.get).json == ["config": ["identity": ["list_limit": 5]]])
        }
    }

    @Test func partsAreChangedWhereTheyAre() async throws {
        try await Fixture.run { fixture in
            #expect(await fixture.call(.put, "", Self.config).status == .created)
            let merged = await fixture.call(.patch, "", ["ldap": ["suffix": "dc=org"]])
            #expect(merged.json["config"]?["ldap"]?.object?.count == 3)
            #expect(await fixture.call(.patch, "/identity", ["identity": ["driver": "sql", "list_limit": 3]]).json["config"]?["identity"] == [
                "driver": "sql", "list_limit": 3,
            ])
            #expect(await fixture.call(.patch, "/ldap/url", ["url": "ldaps://h/"]).json["config"]?["ldap"]?["url"] == "ldaps://h/")
            #expect(await fixture.call(.patch, "/ldap/user_filter", ["user_filter": "x"]).status == .notFound, "it is not there yet")
            for (path, body) in [
                ("/ldap/url", ["suffix": "x"]), ("/ldap/url", ["url": "x", "suffix": "x"]), ("/ldap", ["identity": ["driver": "sql"]]),
                ("/ldap", Self.config), ("", [:]), ("", ["ldap": [:]]), ("", ["ldap": "x"]), ("", ["ldap": ["secret": "x"]]),
                ("", ["token": ["provider": "x"]]), ("/security_compliance", ["security_compliance": ["password_regex": "x"]]),
                ("/security_compliance/password_regex", ["password_regex": "x"]),
            ] as [(String, JSON)] {
                #expect(await fixture.call(.patch, path, body).status == .forbidden, "\(path) \(body)")
            }
            #expect(await fixture.call(.delete, "/ldap/suffix").status == .noContent)
            #expect(await fixture.call(.delete, "/ldap/suffix").status == .notFound)
            #expect(await fixture.call(.delete, "/ldap").status == .noContent)
            #expect(await fixture.call(.delete, "/ldap").status == .notFound)
            #expect(await fixture.call(.delete, "/token").status == .forbidden)
            #expect(await fixture.call(.get).json["config"]?.object?.names == ["identity"])
        }
    }

    @Test func sensitiveOptionsAreSealedAndNeverShown() async throws {
        try await Fixture.run { fixture in
            let (identity, domain) = (fixture.cloud.identity, fixture.domain)
            let created = await fixture.call(.put, "", ["ldap": ["password": "s3cret", "user": "cn=admin"]])
            #expect(created.json == ["config": ["ldap": ["user": "cn=admin"]]])
            #expect(await fixture.call(.get, "/ldap/password").status == .notFound)
            let stored: String? = try await identity.database.read {
                try $0.scalar("SELECT value FROM identity_domain_options WHERE domain_id = \(domain) AND name = 'password'")
            }
            let sealed = try #require(stored)
            #expect(!sealed.contains("s3cret"))
            #expect(identity.domainConfigKeys.fernet.open(sealed)?.payload == Array(#""s3cret""#.utf8))
            let changed = await fixture.call(.patch, "/ldap/password", ["password": "another"])
            #expect(changed.status == .ok)
            #expect(!changed.text.contains("another"))
            #expect(await fixture.call(.delete, "/ldap/password").status == .noContent)
            #expect(await fixture.call(.delete, "/ldap/password").status == .notFound)
        }
    }

    @Test func domainsMustExist() async throws {
        try await Fixture.run { fixture in
            #expect(await fixture.call(.put, "", Self.config, domain: "x").status == .notFound)
            #expect(await fixture.call(.patch, "", Self.config, domain: "x").status == .notFound)
            for method in [HTTPRequest.Method.get, .delete] { #expect(await fixture.call(method, domain: "x").status == .notFound) }
            let huge = JSON.string(String(repeating: "x", count: 9000))
            #expect(await fixture.call(.put, "", ["ldap": ["url": huge]]).status == .badRequest)
            #expect(await fixture.call(.put, "", ["config"]).status == .badRequest)
        }
    }

    @Test func defaultsAreKeystones() async throws {
        try await Fixture.run { fixture in
            func get(_ path: String) async -> TestResponse { await fixture.cloud.call(.get, "/domains/config\(path)/default", fixture.admin) }
            let all = await get("").json["config"]
            #expect(all?["identity"] == ["driver": "sql", "list_limit": nil])
            #expect(all?["ldap"]?.object?.count == 49)
            #expect(await get("/ldap").json["config"]?.object?.names == ["ldap"])
            #expect(await get("/identity/list_limit").json == ["config": ["list_limit": nil]])
            for option in all?["ldap"]?.object?.names ?? [] { #expect(await get("/ldap/\(option)").status == .ok) }
            for path in ["/token", "/ldap/secret", "/ldap/password", "/security_compliance", "/token/x"] {
                #expect(await get(path).status == .forbidden, "\(path)")
            }
        }
    }

    @Test func everyoneMayReadTheRulesForPasswords() async throws {
        try await Fixture.run({ $0.securityCompliance.passwordRegex = "^.{6,}$" }) { fixture in
            let user = try await fixture.cloud.token(of: try await fixture.cloud.user("u", fixture.admin))
            func get(_ path: String) async -> TestResponse { await fixture.cloud.call(.get, "/domains/\(path)", user) }
            let rules = await get("default/config/security_compliance")
            #expect(rules.json == ["config": ["security_compliance": ["password_regex": "^.{6,}$", "password_regex_description": nil]]])
            #expect(await get("default/config/security_compliance/password_regex").json == ["config": ["password_regex": "^.{6,}$"]])
            #expect(await get("default/config/security_compliance/lockout_duration").status == .forbidden)
            #expect(await get("\(fixture.domain)/config/security_compliance").status == .forbidden)
            #expect(await get("default/config").status == .forbidden)
            #expect(await get("nothing/config/ldap").status == .forbidden, "whether it exists is not told")
            #expect(await get("config/default").status == .forbidden)
        }
    }

    @Test func optionsGoWithTheirDomain() async throws {
        try await Fixture.run { fixture in
            #expect(await fixture.call(.put, "", Self.config).status == .created)
            let path = "/domains/\(fixture.domain)"
            #expect(await fixture.cloud.call(.patch, path, fixture.admin, ["domain": ["enabled": false]]).status == .ok)
            #expect(await fixture.cloud.call(.delete, path, fixture.admin).status == .noContent)
            let left: Int? = try await fixture.cloud.identity.database.read { try $0.scalar("SELECT COUNT(*) FROM identity_domain_options") }
            #expect(left == 0)
        }
    }
}
