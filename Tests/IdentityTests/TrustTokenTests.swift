import CloudAPI
import CloudCore
import Testing

@testable import Identity

extension TrustParties {
    /// The answer to the trustee's request for a token by a trust.
    func login(_ trust: String, as user: String? = nil, method: JSONObject? = nil) async -> TestResponse {
        await cloud.call(
            .post, "/auth/tokens", nil,
            TestCloud.login(["id": .string(user ?? trustee)], TestCloud.password, scope: ["OS-TRUST:trust": ["id": .string(trust)]]))
    }

    func trusted(_ trust: String) async throws -> String {
        let response = await login(trust)
        #expect(response.status == .created, "\(response.text)")
        return try #require(response.headers[.subjectToken])
    }

    func isValid(_ token: String) async -> Bool {
        let context = try? await cloud.identity.authenticate(Secret(token))
        return context != nil
    }
}

/// Tokens by trusts: whom they speak for, what they may do, and what ends them.
@Suite struct TrustTokenTests {
    @Test func theTrusteeActsWithTheLentRoles() async throws {
        try await TrustParties.run { parties in
            let (reader, id) = (try await parties.cloud.roleID("reader", parties.admin), try await parties.createID())
            let token = try #require(await parties.login(id).json["token"])
            #expect(token["user"]?["id"] == .string(parties.trustee))
            #expect(token["project"]?["id"] == .string(parties.project))
            #expect(token["roles"]?.ids == [reader])
            #expect(token["OS-TRUST:trust"]?["id"] == .string(id))
            #expect(token["OS-TRUST:trust"]?["trustor_user"]?["id"] == .string(parties.trustor))
            #expect(token["OS-TRUST:trust"]?["trustee_user"]?["id"] == .string(parties.trustee))
            #expect(token["OS-TRUST:trust"]?["impersonation"] == false)
            #expect(await parties.login(id, as: parties.stranger).status == .forbidden)
            #expect(await parties.login("nothing").status == .unauthorized)
        }
    }

    @Test func impersonationSpeaksForTheTrustor() async throws {
        try await TrustParties.run { parties in
            let id = try await parties.createID(["impersonation": true, "roles": [["name": "member"]]])
            let response = await parties.login(id)
            #expect(response.json["token"]?["user"]?["name"] == "trustor")
            #expect(response.json["token"]?["roles"]?.names == ["member", "reader"])
            let token = try #require(response.headers[.subjectToken])
            #expect(try await parties.cloud.identity.authenticate(Secret(token))?.userID == parties.trustor)
        }
    }

    @Test func theTokenEndsWithTheTrust() async throws {
        try await TrustParties.run { parties in
            let soon = Timestamp(seconds: (Timestamp.now + .seconds(600)).seconds)
            let id = try await parties.createID(["expires_at": .string(soon.iso8601)])
            #expect(await parties.login(id).json["token"]?["expires_at"] == .string(soon.iso8601Microseconds))
            let token = try await parties.trusted(id)
            #expect(await parties.isValid(token))
            #expect(await parties.cloud.call(.delete, parties.path(id), parties.token).status == .noContent)
            #expect(await !parties.isValid(token))
            #expect(await parties.login(id).status == .unauthorized)
        }
    }

    @Test func usesAreCountedWhenTokensAreMade() async throws {
        try await TrustParties.run { parties in
            let id = try await parties.createID(["remaining_uses": 2])
            #expect(await parties.login(id, as: parties.stranger).status == .forbidden)
            let token = try await parties.trusted(id)
            #expect(await parties.cloud.call(.get, parties.path(id), parties.token).json["trust"]?["remaining_uses"] == 1)
            let statuses = await withTaskGroup { group in
                for _ in 0..<3 { group.addTask { await parties.login(id).status } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == .created }.count == 1)
            #expect(statuses.filter { $0 == .unauthorized }.count == 2)
            #expect(await parties.isValid(token), "the last use does not end the tokens of the others")
            #expect(await parties.cloud.call(.get, parties.path(id), parties.token).status == .notFound)
        }
    }

    @Test func whatEndsTheTrustorEndsTheToken() async throws {
        let changes: [@Sendable (TrustParties) async throws -> TestResponse] = [
            { await $0.cloud.call(.patch, "/users/\($0.trustor)", $0.admin, ["user": ["enabled": false]]) },
            { await $0.cloud.call(.patch, "/users/\($0.trustor)", $0.admin, ["user": ["password": "new"]]) },
            { await $0.cloud.call(.patch, "/users/\($0.trustee)", $0.admin, ["user": ["enabled": false]]) },
            { await $0.cloud.call(.patch, "/projects/\($0.project)", $0.admin, ["project": ["enabled": false]]) },
            { await $0.cloud.call(.delete, "/users/\($0.trustor)", $0.admin) },
            { parties in
                let member = try await parties.cloud.roleID("member", parties.admin)
                return await parties.cloud.call(
                    .delete, "/projects/\(parties.project)/users/\(parties.trustor)/roles/\(member)", parties.admin)
            },
        ]
        for change in changes {
            try await TrustParties.run { parties in
                let token = try await parties.trusted(try await parties.createID())
                #expect(await parties.isValid(token))
                let response = try await change(parties)
                #expect(response.status.kind == .successful, "\(response.text)")
                #expect(await !parties.isValid(token))
            }
        }
    }

    @Test func aDeletedRoleEndsTheTrust() async throws {
        try await TrustParties.run { parties in
            let cloud = parties.cloud
            let role = try await cloud.createID("roles", "role", ["name": "operator"], parties.admin)
            let path = "/projects/\(parties.project)/users/\(parties.trustor)/roles/\(role)"
            #expect(await cloud.call(.put, path, parties.admin).status == .noContent)
            let id = try await parties.createID(["roles": [["name": "operator"], ["name": "reader"]]])
            let token = try await parties.trusted(id)
            #expect(await cloud.call(.delete, "/roles/\(role)", parties.admin).status == .noContent)
            #expect(await !parties.isValid(token))
            #expect(await parties.login(id).status == .forbidden)
        }
    }

    @Test func trustTokensAreNotExchanged() async throws {
        try await TrustParties.run { parties in
            let token = try await parties.trusted(try await parties.createID(["impersonation": true]))
            let body: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(token)]]]]
            #expect(await parties.cloud.call(.post, "/auth/tokens", nil, body).status == .forbidden)
            let credentials = "/users/\(parties.trustor)/application_credentials"
            #expect(await parties.cloud.call(.get, credentials, token).status == .forbidden)
            let credential: JSON = ["application_credential": ["name": "back door"]]
            #expect(await parties.cloud.call(.post, credentials, token, credential).status == .forbidden)
        }
    }

    @Test func trustsAreHandedOn() async throws {
        try await TrustParties.run { parties in
            let cloud = parties.cloud
            let first = try await parties.createID(["impersonation": true, "allow_redelegation": true, "redelegation_count": 1])
            let token = try await parties.trusted(first)
            func handOn(_ more: JSONObject) async -> TestResponse {
                var more = more
                (more["trustee_user_id"], more["impersonation"]) = (.string(parties.stranger), true)
                return await cloud.call(.post, "/OS-TRUST/trusts", token, parties.body(more))
            }
            #expect(await handOn(["roles": [["name": "member"]]]).status == .forbidden)
            let answer = await handOn([:])
            #expect(answer.status == .created, "\(answer.text)")
            let second = try #require(answer.json["trust"]?["id"]?.string)
            #expect(answer.json["trust"]?["redelegated_trust_id"] == .string(first))
            #expect(answer.json["trust"]?["redelegation_count"] == 0)
            let response = await parties.login(second, as: parties.stranger)
            #expect(response.json["token"]?["user"]?["id"] == .string(parties.trustor))
            let last = try #require(response.headers[.subjectToken])
            #expect(await cloud.call(.post, "/OS-TRUST/trusts", last, parties.body(["impersonation": true])).status == .forbidden)
            #expect(await parties.isValid(last))
            #expect(await cloud.call(.patch, "/users/\(parties.trustee)", parties.admin, ["user": ["enabled": false]]).status == .ok)
            #expect(await !parties.isValid(last))
            #expect(await parties.login(second, as: parties.stranger).status == .forbidden)
            #expect(await cloud.call(.delete, parties.path(first), parties.token).status == .noContent)
            #expect(await cloud.call(.get, parties.path(second), parties.token).status == .notFound)
            #expect(await parties.login(second, as: parties.stranger).status == .unauthorized)
        }
    }

    @Test func aTrustWithoutProjectLendsNothing() async throws {
        try await TrustParties.run { parties in
            let id = try await parties.createID(["project_id": .null, "roles": []])
            let token = try #require(await parties.login(id).json["token"])
            #expect(token["OS-TRUST:trust"]?["id"] == .string(id))
            #expect(token["roles"] == nil)
            #expect(token["project"] == nil)
        }
    }
}
