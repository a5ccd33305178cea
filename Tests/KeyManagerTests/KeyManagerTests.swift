import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import Foundation
import Synchronization
import Testing

@testable import KeyManager

/// Tokens of the form "role:user", all in one project.
private struct UserTokens: TokenAuthenticator {
    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let parts = token.reveal().split(separator: ":").map(String.init)
        guard parts.count == 2 else { return nil }
        let roles = parts[0] == "admin" ? ["admin", "member", "reader"] : parts[0] == "member" ? ["member", "reader"] : [parts[0]]
        return TokenContext(
            userID: parts[1], userName: parts[1], userDomainID: "default", projectID: "demo", projectName: "demo",
            projectDomainID: "default", roles: roles, expiresAt: .now + .seconds(3_600))
    }
}

/// A cipher over one key of the test's own.
private struct TestCipher: PayloadCipher {
    private let fernet = Fernet(keys: [Fernet.Key()])

    func seal(_ payload: [UInt8]) -> String { fernet.seal(payload).reveal() }
    func open(_ sealed: String) -> [UInt8]? { fernet.open(sealed, longest: 1 << 20)?.payload }
}

/// A cipher whose keys can be rotated and dropped.
private final class TurningCipher: PayloadCipher {
    private let keys = Mutex([Fernet.Key()])

    func rotate() { keys.withLock { $0.insert(Fernet.Key(), at: 0) } }
    func dropFormer() { keys.withLock { $0 = Array($0.prefix(1)) } }
    func seal(_ payload: [UInt8]) -> String { keys.withLock { Fernet(keys: $0) }.seal(payload).reveal() }
    func open(_ sealed: String) -> [UInt8]? { keys.withLock { Fernet(keys: $0) }.open(sealed, longest: 1 << 20)?.payload }
}

/// A key manager of its own, behind the whole pipeline.
private struct Site: Sendable {
    let database: SQLiteDatabase
    let keyManager: KeyManager
    let server: CloudServer

    static func with(_ cipher: any PayloadCipher = TestCipher(), _ body: (Site) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        try await database.migrate(KeyManager.migrations)
        let keyManager = KeyManager(database: database, cipher: cipher)
        let server = try CloudServer(services: [keyManager.api], authenticator: UserTokens())
        try await body(Site(database: database, keyManager: keyManager, server: server))
        await database.close()
    }

    @discardableResult
    func expect(
        _ status: HTTPResponse.Status, _ method: HTTPRequest.Method, _ path: String, as token: String = "member:ann", _ json: JSON? = nil,
        headers: HTTPFields = [:], location: SourceLocation = #_sourceLocation
    ) async -> TestResponse {
        let response = await server.respond(method, "/key-manager" + path, token: token, headers: headers, json: json)
        #expect(response.status == status, "\(method) \(path): \(response.text)", sourceLocation: location)
        return response
    }

    /// Stores a text and answers its id.
    func store(_ text: String) async throws -> String {
        let body: JSON = ["name": "s", "payload": .string(text), "payload_content_type": "text/plain"]
        let response = await expect(.created, .post, "/v1/secrets", body)
        return try #require(response.json["secret_ref"]?.string?.split(separator: "/").last.map(String.init))
    }
}

@Suite struct KeyManagerTests {
    @Test func aPayloadComesBackAndIsNowhereInClear() async throws {
        try await Site.with { site in
            let id = try await site.store("swordfish")
            let fetched = await site.expect(.ok, .get, "/v1/secrets/\(id)/payload", headers: [.accept: "text/plain"])
            #expect(fetched.text == "swordfish")
            let sealed = try await site.database.read {
                try $0.scalar("SELECT sealed_payload FROM key_secrets WHERE id = \(id)", as: String.self)
            }
            #expect(try #require(sealed).contains("swordfish") == false)
            let shown = await site.expect(.ok, .get, "/v1/secrets/\(id)")
            #expect(!shown.text.contains("swordfish"))
        }
    }

    @Test func aPrivateSecretIsItsMakersAndWhomTheListNames() async throws {
        try await Site.with { site in
            let id = try await site.store("x")
            let payload = "/v1/secrets/\(id)/payload"
            let text: HTTPFields = [.accept: "text/plain"]
            await site.expect(.ok, .get, payload, as: "member:bob", headers: text)
            await site.expect(.forbidden, .get, payload, as: "reader:bob", headers: text)
            let list: JSON = ["read": ["users": ["carl"], "project-access": false]]
            await site.expect(.ok, .put, "/v1/secrets/\(id)/acl", list)
            await site.expect(.forbidden, .get, payload, as: "member:bob", headers: text)
            await site.expect(.ok, .get, payload, as: "reader:carl", headers: text)
            await site.expect(.ok, .get, payload, headers: text)
            await site.expect(.ok, .delete, "/v1/secrets/\(id)/acl")
            await site.expect(.ok, .get, payload, as: "member:bob", headers: text)
        }
    }

    @Test func aSecretThatHasExpiredIsGone() async throws {
        try await Site.with { site in
            let id = try await site.store("x")
            try await site.database.write { try $0.execute("UPDATE key_secrets SET expires_at = 1 WHERE id = \(id)") }
            await site.expect(.notFound, .get, "/v1/secrets/\(id)")
            let listed = await site.expect(.ok, .get, "/v1/secrets")
            #expect(listed.json["total"]?.int == 0)
        }
    }

    @Test func anOrderedKeyIsThereAndAnUnknownKindIsAnError() async throws {
        try await Site.with { site in
            let made = await site.expect(
                .accepted, .post, "/v1/orders", ["type": "key", "meta": ["algorithm": "aes", "bit_length": 256]])
            let path = try #require(made.json["order_ref"]?.string?.split(separator: "/").last)
            let order = await site.expect(.ok, .get, "/v1/orders/\(path)")
            #expect(order.json["status"]?.string == "ACTIVE")
            let key = try #require(order.json["secret_ref"]?.string?.split(separator: "/").last.map(String.init))
            let passphrase = try await site.keyManager.passphrase(ofKey: key)
            #expect(passphrase?.reveal().count == 64)
            await site.expect(.accepted, .post, "/v1/orders", ["type": "key", "meta": ["algorithm": "rot13", "bit_length": 256]])
            let orders = await site.expect(.ok, .get, "/v1/orders")
            #expect(orders.json["orders"]?.array?.last?["status"]?.string == "ERROR")
        }
    }

    @Test func secretsOutliveTheKeysTheyWereSealedUnder() async throws {
        let cipher = TurningCipher()
        try await Site.with(cipher) { site in
            let first = try await site.store("swordfish")
            cipher.rotate()
            let second = try await site.store("haddock")
            #expect(try await site.keyManager.sealAnew() == (2, 0))
            cipher.dropFormer()
            for (id, text) in [(first, "swordfish"), (second, "haddock")] {
                let fetched = await site.expect(.ok, .get, "/v1/secrets/\(id)/payload", headers: [.accept: "text/plain"])
                #expect(fetched.text == text)
            }
            cipher.rotate()
            cipher.dropFormer()
            #expect(try await site.keyManager.sealAnew() == (0, 2))
        }
    }

    /// The beginning of each: PEM's words, and DER's sequence.
    @Test(arguments: [("rsa", 1024, "-----"), ("dsa", 1024, "0"), ("ec", 256, "-----"), ("EC", 521, "-----")])
    func pairsAreMadeToOrder(algorithm: String, bits: Int, beginning: String) async throws {
        try await Site.with { site in
            for phrase in [nil, "open sesame"] as [String?] {
                var meta: JSONObject = ["algorithm": .string(algorithm), "bit_length": .int(bits)]
                if let phrase { meta["passphrase"] = .string(phrase) }
                let made = await site.expect(.accepted, .post, "/v1/orders", ["type": "asymmetric", "meta": .object(meta)])
                let id = try #require(made.json["order_ref"]?.string?.split(separator: "/").last)
                let order = await site.expect(.ok, .get, "/v1/orders/\(id)")
                let container = try #require(order.json["container_ref"]?.string?.split(separator: "/").last)
                let shown = await site.expect(.ok, .get, "/v1/containers/\(container)")
                #expect(shown.json["type"]?.string == algorithm.lowercased())
                let references = try #require(shown.json["secret_refs"]?.array)
                #expect(references.count == (phrase == nil ? 2 : 3))
                for name in ["private_key", "public_key"] {
                    let reference = try #require(references.first { $0["name"]?.string == name }?["secret_ref"]?.string)
                    let secret = try #require(reference.split(separator: "/").last)
                    let payload = await site.expect(
                        .ok, .get, "/v1/secrets/\(secret)/payload", headers: [.accept: "application/octet-stream"])
                    #expect(payload.bytes.prefix(beginning.utf8.count).elementsEqual(beginning.utf8), "\(algorithm) \(name)")
                }
            }
        }
    }

    @Test func containersOfOrderedKindsAreNotMadeByHand() async throws {
        try await Site.with { site in
            for type in ["dsa", "ec"] {
                await site.expect(.badRequest, .post, "/v1/containers", ["type": .string(type), "secret_refs": []])
            }
        }
    }

    @Test func aQuotaHoldsWhatServicesMakeToo() async throws {
        try await Site.with { site in
            await site.expect(.noContent, .put, "/v1/project-quotas/demo", as: "admin:root", ["project_quotas": ["secrets": 1]])
            // A repeat finds the first.
            for _ in 0..<2 {
                try await site.database.write { transaction in
                    try site.keyManager.makeKey(
                        id: "one", bits: 256, algorithm: "aes", name: "k", projectID: "demo", userID: "ann", in: transaction)
                }
            }
            await #expect(throws: KeyManagerError.quotaReached) {
                try await site.database.write { try site.keyManager.copyKey("one", to: "two", in: $0) }
            }
            // Another project's key is none.
            #expect(try await site.database.write { try site.keyManager.copyKey("one", to: "two", of: "other", in: $0) } == false)
            await site.expect(
                .forbidden, .post, "/v1/secrets", ["payload": "x", "payload_content_type": "text/plain"])
            try await site.keyManager.deleteKey("one")
            _ = try await site.store("x")
        }
    }
}
