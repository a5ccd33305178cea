import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Identity

extension CredentialOwner {
    func login(_ credential: JSONObject, scope: JSON? = nil) async -> TestResponse {
        var auth: JSONObject = ["identity": ["methods": ["application_credential"], "application_credential": .object(credential)]]
        if let scope { auth["scope"] = scope }
        return await cloud.call(.post, "/auth/tokens", nil, ["auth": .object(auth)])
    }

    /// Makes a credential and a token of it.
    func robot(_ more: JSONObject = [:]) async throws -> (id: String, token: String, body: JSON) {
        var body: JSONObject = ["name": "robot", "secret": "beep"]
        for member in more { body[member.name] = member.value }
        let id = try #require(try await create(.object(body))["id"])
        let response = await login(["id": id, "secret": "beep"])
        #expect(response.status == .created, "\(response.text)")
        return (id.string ?? "", try #require(response.headers[.subjectToken]), response.json["token"] ?? .null)
    }

    func isValid(_ token: String) async -> Bool {
        let context = try? await cloud.identity.authenticate(Secret(token))
        return context != nil
    }
}

/// Tokens of application credentials: what they may do, and what ends them.
@Suite struct ApplicationCredentialTokenTests {
    @Test func theTokenIsForTheProjectOfTheCredential() async throws {
        try await CredentialOwner.run { owner in
            let (id, _, token) = try await owner.robot(["roles": [["name": "reader"]]])
            #expect(token["methods"] == ["application_credential"])
            #expect(token["user"]?["id"] == .string(owner.user))
            #expect(token["project"]?["id"] == .string(owner.project))
            #expect(token["roles"]?.names == ["reader"])
            #expect(token["application_credential"] == ["id": .string(id), "name": "robot", "restricted": true])
            #expect(token["catalog"]?.array?.isEmpty == false)
        }
    }

    @Test func namesNeedTheirUser() async throws {
        try await CredentialOwner.run { owner in
            _ = try await owner.robot()
            let byName: JSONObject = ["name": "robot", "secret": "beep", "user": ["name": "owner", "domain": ["id": "default"]]]
            #expect(await owner.login(byName).status == .created)
            #expect(await owner.login(["name": "robot", "secret": "beep", "user": ["id": .string(owner.user)]]).status == .created)
            #expect(await owner.login(["name": "robot", "secret": "beep"]).status == .badRequest)
            #expect(await owner.login(["secret": "beep"]).status == .badRequest)
            #expect(await owner.login(["name": "other", "secret": "beep", "user": ["id": .string(owner.user)]]).status == .unauthorized)
            #expect(await owner.login(["name": "robot", "secret": "beep", "user": ["id": "nobody"]]).status == .unauthorized)
        }
    }

    @Test func onlyTheSecretOpensAndNoScopeIsChosen() async throws {
        try await CredentialOwner.run { owner in
            let (id, _, _) = try await owner.robot()
            #expect(await owner.login(["id": .string(id), "secret": "boop"]).status == .unauthorized)
            #expect(await owner.login(["id": .string(id)]).status == .unauthorized)
            #expect(await owner.login(["id": "nothing", "secret": "beep"]).status == .notFound)
            for scope: JSON in ["unscoped", ["project": ["id": .string(owner.project)]], ["system": ["all": true]]] {
                #expect(await owner.login(["id": .string(id), "secret": "beep"], scope: scope).status == .unauthorized)
            }
        }
    }

    @Test func theTokenEndsWithTheCredential() async throws {
        try await CredentialOwner.run { owner in
            let soon = Timestamp(seconds: (Timestamp.now + .seconds(600)).seconds)
            let (id, token, body) = try await owner.robot(["expires_at": .string(soon.iso8601)])
            #expect(body["expires_at"] == .string(soon.iso8601Microseconds))
            #expect(await owner.isValid(token))
            #expect(await owner.cloud.call(.delete, "\(owner.collection)/\(id)", owner.token).status == .noContent)
            #expect(await !owner.isValid(token))
        }
    }

    @Test func anExpiredCredentialOpensNothing() async throws {
        try await CredentialOwner.run { owner in
            let (id, token, _) = try await owner.robot()
            try await owner.cloud.identity.database.write { transaction in
                try transaction.execute("UPDATE identity_application_credentials SET expires_at = \(Timestamp(seconds: 1)) WHERE id = \(id)")
            }
            #expect(await owner.login(["id": .string(id), "secret": "beep"]).status == .unauthorized)
            let cold = TokenProvider(database: owner.cloud.identity.database, formats: owner.cloud.identity.formats, cacheSize: 4)
            #expect(try await cold.validate(Secret(token)) == nil)
        }
    }

    @Test func theTokenHasOnlyWhatItsUserStillHas() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            let (_, token, _) = try await owner.robot()
            let path = "/projects/\(owner.project)/users/\(owner.user)/roles/"
            let (member, reader) = (try await cloud.roleID("member", owner.admin), try await cloud.roleID("reader", owner.admin))
            #expect(await cloud.call(.put, path + reader, owner.admin).status == .noContent)
            #expect(await cloud.call(.delete, path + member, owner.admin).status == .noContent)
            #expect(try await cloud.identity.authenticate(Secret(token))?.roles == ["reader"])
            #expect(await cloud.call(.delete, path + reader, owner.admin).status == .noContent)
            #expect(await !owner.isValid(token))
        }
    }

    @Test func whatEndsTheUserEndsTheToken() async throws {
        let changes: [@Sendable (CredentialOwner) async -> TestResponse] = [
            { await $0.cloud.call(.patch, "/users/\($0.user)", $0.admin, ["user": ["enabled": false]]) },
            { await $0.cloud.call(.patch, "/users/\($0.user)", $0.admin, ["user": ["password": "new"]]) },
            { await $0.cloud.call(.delete, "/users/\($0.user)", $0.admin) },
            { await $0.cloud.call(.patch, "/projects/\($0.project)", $0.admin, ["project": ["enabled": false]]) },
            { await $0.cloud.call(.delete, "/projects/\($0.project)", $0.admin) },
        ]
        for change in changes {
            try await CredentialOwner.run { owner in
                let (_, token, _) = try await owner.robot()
                #expect(await owner.isValid(token))
                #expect(await change(owner).status.kind == .successful)
                #expect(await !owner.isValid(token))
            }
        }
    }

    @Test func restrictedTokensMakeNoOthers() async throws {
        try await CredentialOwner.run { owner in
            let (id, token, _) = try await owner.robot()
            #expect(await owner.call(["name": "another"], token).status == .forbidden)
            #expect(await owner.cloud.call(.delete, "\(owner.collection)/\(id)", token).status == .forbidden)
            #expect(await owner.cloud.call(.get, owner.collection, token).json["application_credentials"]?.ids == [id])
            let exchange: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(token)]]]]
            #expect(await owner.cloud.call(.post, "/auth/tokens", nil, exchange).status == .forbidden)
        }
    }

    @Test func unrestrictedTokensMakeOthersWithNoMoreRoles() async throws {
        try await CredentialOwner.run { owner in
            let (id, token, body) = try await owner.robot(["unrestricted": true, "roles": [["name": "reader"]]])
            #expect(body["application_credential"]?["restricted"] == false)
            #expect(await owner.call(["name": "more", "roles": [["name": "member"]]], token).status == .badRequest)
            #expect(await owner.call(["name": "same"], token).json["application_credential"]?["roles"]?.names == ["reader"])
            let trust: JSON = [
                "trust": [
                    "trustor_user_id": .string(owner.user), "trustee_user_id": .string(owner.user), "impersonation": true,
                    "project_id": .string(owner.project), "roles": [["name": "member"]],
                ],
            ]
            #expect(await owner.cloud.call(.post, "/OS-TRUST/trusts", token, trust).status == .forbidden, "no way to more roles")
            #expect(await owner.cloud.call(.delete, "\(owner.collection)/\(id)", token).status == .noContent)
        }
    }

    @Test func accessRulesLimitTheToken() async throws {
        try await CredentialOwner.run { owner in
            let cloud = owner.cloud
            let rules: JSON = [
                ["service": "identity", "method": "GET", "path": "/v3/users/*/projects"],
                ["service": "compute", "method": "GET", "path": "/**"],
            ]
            let (_, token, body) = try await owner.robot(["access_rules": rules])
            #expect(body["application_credential"]?["access_rules"]?.array?.count == 2)
            #expect(await cloud.call(.get, "/users/\(owner.user)/projects", token).status == .ok)
            #expect(await cloud.call(.get, "/users/\(owner.user)/projects?name=p", token).status == .ok)
            #expect(await cloud.call(.head, "/users/\(owner.user)/projects", token).status == .unauthorized)
            #expect(await cloud.call(.get, "/users/\(owner.user)", token).status == .unauthorized)
            #expect(await cloud.call(.get, "/users/\(owner.user)/groups", token).status == .unauthorized)
            #expect(await cloud.call(.get, "/auth/tokens", token, headers: [.subjectToken: token]).status == .notFound)
            let version = try #require(HTTPField.Name("OpenStack-Identity-Access-Rules"))
            let seen = await cloud.call(.get, "/auth/tokens", token, headers: [.subjectToken: token, version: "1.0"])
            #expect(seen.status == .ok, "\(seen.text)")
            #expect(await cloud.call(.delete, "/auth/tokens", owner.admin, headers: [.subjectToken: token]).status == .noContent)
        }
    }
}
