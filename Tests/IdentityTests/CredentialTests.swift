import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import Testing

@testable import Identity

@Suite struct CredentialTests {
    private static func body(_ user: String, type: String = "cert", blob: String = "a secret text", _ more: JSONObject = [:]) -> JSON {
        var credential: JSONObject = ["user_id": .string(user), "type": .string(type), "blob": .string(blob)]
        credential.merge(more)
        return .object(["credential": .object(credential)])
    }

    @Test func credentialsAreKeptShownChangedAndDeleted() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("u", admin)
            let created = await cloud.call(.post, "/credentials", admin, Self.body(user, ["colour": "red"]))
            #expect(created.status == .created)
            let id = try #require(created.json["credential"]?["id"]?.string)
            #expect(created.json["credential"] == [
                "id": .string(id), "user_id": .string(user), "project_id": nil, "type": "cert", "blob": "a secret text", "colour": "red",
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/credentials/\(id)")],
            ])
            #expect(await cloud.call(.get, "/credentials/\(id)", admin).json == created.json)
            let changed = await cloud.call(.patch, "/credentials/\(id)", admin, ["credential": ["blob": "another"]])
            #expect(changed.json["credential"]?["blob"] == "another")
            #expect(await cloud.call(.get, "/credentials/\(id)", admin).json["credential"]?["blob"] == "another")
            for fixed in ["type", "user_id", "project_id", "id", "colour"] {
                let body: JSON = ["credential": .object(["blob": "x", fixed: "y"])]
                #expect(await cloud.call(.patch, "/credentials/\(id)", admin, body).status == .badRequest, "\(fixed)")
            }
            #expect(await cloud.call(.delete, "/credentials/\(id)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/credentials/\(id)", admin).status == .notFound)
            #expect(await cloud.call(.delete, "/credentials/\(id)", admin).status == .notFound)
            #expect(await cloud.call(.patch, "/credentials/\(id)", admin, ["credential": ["blob": "x"]]).status == .notFound)
        }
    }

    @Test func ec2CredentialsGoByTheirAccessKey() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("u", admin)
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            func create(_ blob: String, _ more: JSONObject) async -> TestResponse {
                await cloud.call(.post, "/credentials", admin, Self.body(user, type: "ec2", blob: blob, more))
            }
            let here: JSONObject = ["project_id": .string(project)]
            #expect(await create(#"{"access": "a", "secret": "s"}"#, [:]).status == .badRequest, "EC2 keys need a project")
            for bad in ["not json", "[]", "{}", #"{"secret": "s"}"#, #"{"access": null}"#, #"{"access": 5}"#] {
                #expect(await create(bad, here).status == .badRequest, "\(bad)")
            }
            let created = await create(#"{"access": "a", "secret": "s"}"#, here)
            #expect(created.status == .created)
            // The SHA-256 of "a".
            let id = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
            #expect(created.json["credential"]?["id"]?.string == id)
            #expect(await create(#"{"access": "a", "secret": "other"}"#, here).status == .conflict)
            let bound = #"{"access": "a", "secret": "s", "trust_id": "t"}"#
            #expect(await cloud.call(.patch, "/credentials/\(id)", admin, ["credential": ["blob": .string(bound)]]).status == .badRequest)
            let renewed = #"{"access": "b", "secret": "z"}"#
            #expect(await cloud.call(.patch, "/credentials/\(id)", admin, ["credential": ["blob": .string(renewed)]]).status == .ok)
            #expect(await cloud.call(.delete, "/projects/\(project)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/credentials/\(id)", admin).status == .notFound, "it went with its project")
        }
    }

    @Test func impossibleCredentialsAreRefused() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            #expect(await cloud.call(.post, "/credentials", admin, Self.body("nobody")).status == .notFound)
            let user = try await cloud.user("u", admin)
            #expect(await cloud.call(.post, "/credentials", admin, Self.body(user, ["project_id": "nowhere"])).status == .notFound)
            for missing in ["blob", "type", "user_id"] {
                var credential = Self.body(user)["credential"]?.object ?? [:]
                credential[missing] = nil
                #expect(await cloud.call(.post, "/credentials", admin, ["credential": .object(credential)]).status == .badRequest)
            }
        }
    }

    @Test func listsHoldWhatTheCallerMaySee() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let (one, two) = (try await cloud.user("one", admin), try await cloud.user("two", admin))
            for (user, type) in [(one, "cert"), (one, "totp"), (two, "cert")] {
                #expect(await cloud.call(.post, "/credentials", admin, Self.body(user, type: type)).status == .created)
            }
            func count(_ query: String, _ token: String) async -> Int? {
                await cloud.call(.get, "/credentials" + query, token).json["credentials"]?.array?.count
            }
            #expect(await count("", admin) == 3)
            #expect(await count("?type=cert", admin) == 2)
            #expect(await count("?user_id=\(one)", admin) == 2)
            #expect(await count("?user_id=\(one)&type=totp", admin) == 1)
            #expect(await count("?limit=2", admin) == 2)
            let own = try await cloud.token(of: one)
            #expect(await count("", own) == 2)
            #expect(await count("?user_id=\(two)", own) == 0)
            let system = try await cloud.user("s", role: "reader", on: "system", admin)
            #expect(await count("", try await cloud.token(of: system, scope: ["system": ["all": true]])) == 3)
        }
    }

    @Test func usersManageTheirOwnAndLearnNothingOfOthers() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let (one, two) = (try await cloud.user("one", admin), try await cloud.user("two", admin))
            let token = try await cloud.token(of: one)
            let own = await cloud.call(.post, "/credentials", token, Self.body(one))
            #expect(own.status == .created)
            #expect(await cloud.call(.post, "/credentials", token, Self.body(two)).status == .forbidden)
            let other = try #require(await cloud.call(.post, "/credentials", admin, Self.body(two)).json["credential"]?["id"]?.string)
            for id in [other, "nothing"] {
                #expect(await cloud.call(.get, "/credentials/\(id)", token).status == .forbidden)
                #expect(await cloud.call(.patch, "/credentials/\(id)", token, ["credential": ["blob": "x"]]).status == .forbidden)
                #expect(await cloud.call(.delete, "/credentials/\(id)", token).status == .forbidden)
            }
            let id = try #require(own.json["credential"]?["id"]?.string)
            #expect(await cloud.call(.get, "/credentials/\(id)", token).status == .ok)
            #expect(await cloud.call(.delete, "/credentials/\(id)", token).status == .noContent)
            #expect(await cloud.call(.delete, "/users/\(two)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/credentials/\(other)", admin).status == .notFound, "it went with its user")
        }
    }

    @Test func contentsAreEncryptedAndFollowTheKeys() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("u", admin)
            let long = String(repeating: "certificate ", count: 5000)
            #expect(await cloud.call(.post, "/credentials", admin, Self.body(user, type: "totp", blob: "GEZDGNBVGY3TQOJQ")).status == .created)
            #expect(await cloud.call(.post, "/credentials", admin, Self.body(user, blob: long)).status == .created)
            let database = cloud.identity.database
            func stored() async throws -> [String] {
                try await database.read { try CredentialRecords.list(.everything, $0).map(\.sealedBlob) }
            }
            let before = try await stored()
            #expect(!before.contains { $0.contains("GEZDGNBVGY3TQOJQ") || $0.contains("certificate") })
            // Three keys are kept, so after three rotations none of the first is left.
            for _ in 0..<3 { try await cloud.identity.rotateCredentialKeys() }
            let after = try await stored()
            #expect(Set(before).isDisjoint(with: after))
            #expect(before.allSatisfy { cloud.identity.credentialKeys.fernet.open($0, longest: .max) == nil })
            #expect(try await cloud.identity.secrets(ofUser: user, type: "totp").map { $0.reveal() } == ["GEZDGNBVGY3TQOJQ"])
            #expect(try await cloud.identity.secrets(ofUser: user, type: "cert").map { $0.reveal() } == [long])
        }
    }

    @Test func keysRotatedByAnotherProcessAreFound() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("u", admin)
            #expect(await cloud.call(.post, "/credentials", admin, Self.body(user, type: "totp", blob: "seed")).status == .created)
            let other = try Identity(database: cloud.identity.database, options: cloud.identity.options)
            for _ in 0..<3 { try await other.rotateCredentialKeys() }
            #expect(try await cloud.identity.secrets(ofUser: user, type: "totp").map { $0.reveal() } == ["seed"])
            for _ in 0..<3 { try await other.rotateCredentialKeys() }
            #expect(await cloud.call(.post, "/credentials", admin, Self.body(user, type: "totp", blob: "later")).status == .created)
            try await other.rotateCredentialKeys()
            #expect(try await Set(cloud.identity.secrets(ofUser: user, type: "totp").map { $0.reveal() }) == ["seed", "later"])
        }
    }
}
