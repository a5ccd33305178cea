import CloudAPI
import CloudCore
import Testing

@testable import Identity

/// What the caller can get a token for, and what upstream keeps of earlier ages.
@Suite struct ScopeTests {
    @Test func headIsAnsweredWhereGetIs() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            for path in ["/auth/projects", "/auth/domains", "/auth/system", "/auth/catalog", "/auth/tokens", "/OS-REVOKE/events"] {
                let (get, head) = (
                    await cloud.call(.get, path, admin, headers: [.subjectToken: admin]),
                    await cloud.call(.head, path, admin, headers: [.subjectToken: admin])
                )
                #expect(get.status == .ok, "\(path): \(get.text)")
                #expect(head.status == .ok, "\(path)")
                #expect(head.bytes.isEmpty)
                #expect(await cloud.call(.get, path).status == .unauthorized, "\(path)")
            }
        }
    }

    @Test func unscopedTokensHaveNoCatalog() async throws {
        try await TestCloud.run { cloud in
            let unscoped = try await cloud.token(scope: "unscoped")
            #expect(await cloud.call(.get, "/auth/catalog", unscoped).status == .forbidden)
            let system = try await cloud.token(scope: ["system": ["all": true]])
            #expect(await cloud.call(.get, "/auth/catalog", system).status == .forbidden)
            #expect(await cloud.call(.get, "/auth/catalog", try await cloud.token()).json["catalog"]?.array?.count == 2)
        }
    }

    @Test func aDomainIsNoProjectToLogInTo() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let role = try await cloud.roleID("admin", admin)
            let user = try #require(try await cloud.identity.authenticate(Secret(admin))?.userID)
            #expect(await cloud.call(.put, "/domains/default/users/\(user)/roles/\(role)", admin).status == .noContent)
            func status(_ scope: JSON) async -> HTTPResponse.Status {
                await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(TestCloud.adminUser, TestCloud.adminPassword, scope: scope)).status
            }
            #expect(await status(["domain": ["id": "default"]]) == .created)
            #expect(await status(["domain": ["name": "Default"]]) == .created)
            #expect(await status(["project": ["id": "default"]]) == .unauthorized)
            #expect(await status(["OS-TRUST:trust": ["id": "nothing"]]) == .unauthorized)
        }
    }

    @Test func expiredTokensShowToThoseWhoAskForThem() async throws {
        try await TestCloud.run({ $0.expiredTokenWindow = .seconds(3600) }) { cloud in
            let admin = try await cloud.token()
            let user = try #require(try await cloud.identity.authenticate(Secret(admin))?.userID)
            let payload = TokenPayload(
                userID: user, methods: [.password], scope: .unscoped, auditID: TokenPayload.makeAuditID(),
                issuedAt: .now + .seconds(-60), expiresAt: .now + .seconds(-30))
            let expired = try cloud.identity.formats.seal(payload)
            func status(_ query: String) async -> HTTPResponse.Status {
                await cloud.call(.get, "/auth/tokens" + query, admin, headers: [.subjectToken: expired]).status
            }
            #expect(await status("") == .notFound)
            #expect(await status("?allow_expired=false") == .notFound)
            #expect(await status("?allow_expired=nonsense") == .notFound)
            #expect(await status("?allow_expired=1") == .ok)
            #expect(await cloud.call(.get, "/users", expired).status == .unauthorized)
        }
    }

    @Test func whatIsShownOfATokenFollowsTheCloud() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            func shown(_ query: String = "") async -> JSON? {
                await cloud.call(.get, "/auth/tokens" + query, admin, headers: [.subjectToken: admin]).json["token"]
            }
            let first = await shown()
            #expect(await shown() == first)
            #expect(await shown("?nocatalog")?["catalog"] == nil)
            #expect(await shown()?["catalog"]?.array?.count == 2)
            _ = try await cloud.create("services", "service", ["type": "dns", "name": "designate"], admin)
            #expect(await shown()?["catalog"]?.array?.count == 3)
        }
    }

    @Test func revocationsAreListed() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let other = try await cloud.token()
            let audit = await cloud.call(.get, "/auth/tokens", other, headers: [.subjectToken: other]).json["token"]?["audit_ids"]?[0]
            #expect(await cloud.call(.delete, "/auth/tokens?cascade=false", other, headers: [.subjectToken: other]).status == .noContent)
            let list = await cloud.call(.get, "/OS-REVOKE/events", admin)
            #expect(list.json["events"]?.array?.count == 1)
            #expect(list.json["events"]?[0]?["audit_id"] == audit)
            #expect(list.json["links"]?["self"] == "http://127.0.0.1:9000/identity/v3/OS-REVOKE/events")
            #expect(await cloud.call(.get, "/OS-REVOKE/events?since=2100-01-01T00:00:00Z", admin).json["events"] == [])
            #expect(await cloud.call(.get, "/OS-REVOKE/events?since=yesterday", admin).status == .badRequest)
            let nobody = try await cloud.token(of: try await cloud.user("nobody", admin))
            #expect(await cloud.call(.get, "/OS-REVOKE/events", nobody).status == .forbidden)
        }
    }

    @Test func whatIsGoneSaysSo() async throws {
        try await TestCloud.run { cloud in
            #expect(await cloud.call(.get, "/auth/tokens/OS-PKI/revoked").status == .forbidden)
            for path in ["/OS-SIMPLE-CERT/ca", "/OS-SIMPLE-CERT/certificates"] {
                let answer = await cloud.call(.get, path)
                #expect(answer.status == .gone)
                #expect(answer.json["error"]?["code"] == 410)
            }
            for path in ["/identity/v2.0", "/identity/v2.0/tokens", "/identity/v2.0/tenants"] {
                let answer = await cloud.server.respond(.get, path)
                #expect(answer.status == .notFound)
                #expect(answer.json["error"]?["code"] == 404)
            }
        }
    }
}
