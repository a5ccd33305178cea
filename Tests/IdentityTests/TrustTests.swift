import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Identity

/// A trustor with roles in a project, a trustee without any, and somebody who has nothing to do with them.
struct TrustParties: Sendable {
    let cloud: TestCloud
    let admin: String
    let project: String
    let trustor: String
    let trustee: String
    let stranger: String
    /// The trustor's token in the project.
    let token: String

    static func run(_ body: (TrustParties) async throws -> Void) async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "lent"], admin)
            let trustor = try await cloud.user("trustor", role: "member", on: "projects/\(project)", admin)
            let (trustee, stranger) = (try await cloud.user("trustee", admin), try await cloud.user("stranger", admin))
            let token = try await cloud.token(of: trustor, scope: ["project": ["id": .string(project)]])
            try await body(
                TrustParties(
                    cloud: cloud, admin: admin, project: project, trustor: trustor, trustee: trustee, stranger: stranger, token: token))
        }
    }

    func body(_ more: JSONObject = [:]) -> JSON {
        var trust: JSONObject = [
            "trustor_user_id": .string(trustor), "trustee_user_id": .string(trustee), "project_id": .string(project),
            "impersonation": false, "roles": [["name": "reader"]],
        ]
        for member in more { trust[member.name] = member.value }
        return ["trust": .object(trust)]
    }

    func create(_ more: JSONObject = [:]) async throws -> JSON {
        let response = await cloud.call(.post, "/OS-TRUST/trusts", token, body(more))
        #expect(response.status == .created, "\(response.text)")
        return try #require(response.json["trust"])
    }

    func createID(_ more: JSONObject = [:]) async throws -> String { try #require(try await create(more)["id"]?.string) }

    func path(_ id: String) -> String { "/OS-TRUST/trusts/\(id)" }
}

/// Making, showing and deleting trusts.
@Suite struct TrustTests {
    @Test func aTrustShowsWhatItLends() async throws {
        try await TrustParties.run { parties in
            let cloud = parties.cloud
            let trust = try await parties.create(["expires_at": "2099-01-31T12:00:00Z", "remaining_uses": 3, "purpose": "backup"])
            let id = try #require(trust["id"]?.string)
            #expect(trust["expires_at"] == "2099-01-31T12:00:00.000000Z")
            #expect(trust["remaining_uses"] == 3)
            #expect(trust["redelegation_count"] == 0)
            #expect(trust["deleted_at"] == .null)
            #expect(trust["purpose"] == "backup")
            #expect(trust["roles"]?.names == ["reader"])
            #expect(trust["links"]?["self"]?.string?.hasSuffix("/v3/OS-TRUST/trusts/\(id)") == true)
            #expect(trust["roles"]?[0]?["links"]?["self"]?.string?.contains("/v3/roles/") == true)
            #expect(await cloud.call(.get, parties.path(id), parties.token).json["trust"] == trust)
            #expect(await cloud.call(.head, parties.path(id), parties.token).status == .ok)
        }
    }

    @Test func trustsThatEndedLongAgoAreForgotten() async throws {
        try await TrustParties.run { parties in
            let (old, recent) = (try await parties.createID(), try await parties.createID(["impersonation": true]))
            let kept = try await parties.createID(["roles": [["name": "member"]], "expires_at": "2099-01-31T12:00:00Z"])
            let database = parties.cloud.identity.database
            let longAgo = Timestamp.now + .seconds(-30 * 86400)
            try await database.write { transaction in
                try TrustRecords.delete(old, at: longAgo, transaction)
                try TrustRecords.delete(recent, at: .now, transaction)
            }
            let new = try await parties.createID()
            let left: [String] = try await database.read { reader in try reader.all("SELECT id FROM identity_trusts") { try $0[0] } }
            #expect(Set(left) == [recent, kept, new])
        }
    }

    @Test func rolesAreASubResource() async throws {
        try await TrustParties.run { parties in
            let cloud = parties.cloud
            let id = try await parties.createID()
            let (reader, member) = (try await cloud.roleID("reader", parties.admin), try await cloud.roleID("member", parties.admin))
            #expect(await cloud.call(.get, parties.path(id) + "/roles", parties.token).json["roles"]?.ids == [reader])
            #expect(await cloud.call(.get, parties.path(id) + "/roles/\(reader)", parties.token).json["role"]?["name"] == "reader")
            #expect(await cloud.call(.head, parties.path(id) + "/roles/\(reader)", parties.token).status == .ok)
            #expect(await cloud.call(.get, parties.path(id) + "/roles/\(member)", parties.token).status == .notFound)
        }
    }

    @Test func onlyThoseConcernedSeeATrust() async throws {
        try await TrustParties.run { parties in
            let (cloud, id) = (parties.cloud, try await parties.createID())
            let (trustee, stranger) = (try await cloud.token(of: parties.trustee), try await cloud.token(of: parties.stranger))
            #expect(await cloud.call(.get, parties.path(id), trustee).status == .ok)
            #expect(await cloud.call(.get, parties.path(id), stranger).status == .forbidden)
            #expect(await cloud.call(.get, parties.path("nothing"), stranger).status == .notFound)
            #expect(await cloud.call(.get, "/OS-TRUST/trusts", trustee).status == .forbidden)
            #expect(await cloud.call(.get, "/OS-TRUST/trusts", parties.admin).json["trusts"]?.ids == [id])
            let ofTrustee = await cloud.call(.get, "/OS-TRUST/trusts?trustee_user_id=\(parties.trustee)", trustee)
            #expect(ofTrustee.json["trusts"]?.ids == [id])
            #expect(ofTrustee.json["trusts"]?[0]?["roles"] == nil)
            #expect(await cloud.call(.get, "/OS-TRUST/trusts?trustor_user_id=\(parties.trustor)", trustee).status == .forbidden)
            #expect(await cloud.call(.get, "/OS-TRUST/trusts?trustor_user_id=\(parties.trustor)", parties.token).json["trusts"]?.ids == [id])
            #expect(await cloud.call(.delete, parties.path(id), trustee).status == .forbidden)
            #expect(await cloud.call(.delete, parties.path(id), parties.token).status == .noContent)
            #expect(await cloud.call(.get, parties.path(id), parties.token).status == .notFound)
            #expect(await cloud.call(.get, "/OS-TRUST/trusts", parties.admin).json["trusts"] == [])
        }
    }

    @Test func trustsThatMakeNoSenseAreRefused() async throws {
        try await TrustParties.run { parties in
            func status(_ more: JSONObject) async -> HTTPResponse.Status {
                await parties.cloud.call(.post, "/OS-TRUST/trusts", parties.token, parties.body(more)).status
            }
            #expect(await status(["trustor_user_id": .string(parties.stranger)]) == .forbidden)
            #expect(await status(["trustee_user_id": "nobody"]) == .notFound)
            #expect(await status(["project_id": "nowhere"]) == .notFound)
            #expect(await status(["roles": []]) == .forbidden)
            #expect(await status(["roles": [["name": "admin"]]]) == .notFound)
            #expect(await status(["roles": [["name": "no such role"]]]) == .notFound)
            #expect(await status(["roles": [["id": "x", "name": "y"]]]) == .badRequest)
            #expect(await status(["expires_at": "bad.123Z"]) == .badRequest)
            #expect(await status(["expires_at": "2001-01-01T00:00:00Z"]) == .badRequest)
            #expect(await status(["remaining_uses": 0]) == .badRequest)
            #expect(await status(["remaining_uses": "many"]) == .badRequest)
            #expect(await status(["impersonation": "yes"]) == .badRequest)
            #expect(await status(["allow_redelegation": true, "redelegation_count": 4]) == .forbidden)
            #expect(await status(["allow_redelegation": true, "remaining_uses": 1]) == .badRequest)
            #expect(await parties.cloud.call(.get, "/OS-TRUST/trusts", parties.admin).json["trusts"] == [])
        }
    }

    @Test func theSameTrustTwiceIsAConflict() async throws {
        try await TrustParties.run { parties in
            let body = parties.body(["expires_at": "2099-01-31T12:00:00Z"])
            let first = await parties.cloud.call(.post, "/OS-TRUST/trusts", parties.token, body)
            #expect(first.status == .created)
            #expect(await parties.cloud.call(.post, "/OS-TRUST/trusts", parties.token, body).status == .conflict)
            let id = try #require(first.json["trust"]?["id"]?.string)
            #expect(await parties.cloud.call(.delete, parties.path(id), parties.token).status == .noContent)
            #expect(await parties.cloud.call(.post, "/OS-TRUST/trusts", parties.token, body).status == .created)
        }
    }

    @Test func trustsGoWithTheirPeopleAndProject() async throws {
        try await TrustParties.run { parties in
            let (cloud, id) = (parties.cloud, try await parties.createID())
            #expect(await cloud.call(.delete, "/users/\(parties.trustee)", parties.admin).status == .noContent)
            #expect(await cloud.call(.get, parties.path(id), parties.admin).status == .notFound)
        }
        try await TrustParties.run { parties in
            let (cloud, id) = (parties.cloud, try await parties.createID())
            #expect(await cloud.call(.delete, "/projects/\(parties.project)", parties.admin).status == .noContent)
            #expect(await cloud.call(.get, parties.path(id), parties.admin).status == .notFound)
        }
    }
}

/// The rules about handing trusts on.
@Suite struct TrustRuleTests {
    private static func trust(_ change: (inout Trust) -> Void = { _ in }) -> Trust {
        var trust = Trust(
            id: "t", trustorID: "a", trusteeID: "b", projectID: "p", impersonates: true, redelegationCount: 3, roleIDs: ["r", "s"])
        change(&trust)
        return trust
    }

    private static let again = TrustRules.Wish(allowsRedelegation: true)

    @Test func theCountFallsWithEveryStep() throws {
        #expect(try TrustRules.settle(Self.trust(), Self.again, from: []).redelegationCount == 3)
        #expect(try TrustRules.settle(Self.trust(), .init(allowsRedelegation: true, redelegationCount: 2), from: []).redelegationCount == 2)
        #expect(try TrustRules.settle(Self.trust(), .init(allowsRedelegation: true, redelegationCount: 0), from: []).redelegationCount == 0)
        #expect(try TrustRules.settle(Self.trust(), .init(allowsRedelegation: false), from: []).redelegationCount == 0)
        let second = try TrustRules.settle(Self.trust { $0.id = "u" }, Self.again, from: [Self.trust()])
        #expect(second.redelegationCount == 2)
        #expect(second.redelegatedTrustID == "t")
        #expect(throws: IdentityError.self) {
            try TrustRules.settle(Self.trust(), .init(allowsRedelegation: true, redelegationCount: 3), from: [Self.trust()])
        }
        #expect(throws: IdentityError.self) { try TrustRules.settle(Self.trust(), Self.again, from: [Self.trust { $0.redelegationCount = 0 }]) }
    }

    @Test func nobodyHandsOnMoreThanTheyHave() throws {
        let parent = Self.trust { ($0.expiresAt, $0.impersonates) = (Timestamp(seconds: 1000), false) }
        func settle(_ change: (inout Trust) -> Void) throws -> Trust {
            try TrustRules.settle(
                Self.trust { trust in
                    trust.impersonates = false
                    change(&trust)
                }, Self.again, from: [parent])
        }
        #expect(try settle { _ in }.expiresAt == Timestamp(seconds: 1000))
        #expect(try settle { $0.expiresAt = Timestamp(seconds: 999) }.expiresAt == Timestamp(seconds: 999))
        #expect(throws: IdentityError.self) { try settle { $0.expiresAt = Timestamp(seconds: 1001) } }
        #expect(throws: IdentityError.self) { try settle { $0.roleIDs = ["r", "admin"] } }
        #expect(throws: IdentityError.self) { try settle { $0.impersonates = true } }
        #expect(throws: IdentityError.self) { try settle { $0.projectID = "another" } }
        #expect(throws: IdentityError.self) { try settle { $0.remainingUses = 1 } }
    }
}
