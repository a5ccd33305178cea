import CloudAPI
import CloudCore
import Testing

@testable import Identity

/// Users whose rules ask for several methods.
@Suite struct ReceiptTests {
    static let seed = "JBSWY3DPEHPK3PXP"

    /// A login by methods, each with its own body.
    private static func login(_ methods: [(name: String, body: JSON)], scope: JSON? = nil) -> JSON {
        var identity: JSONObject = ["methods": .array(methods.map { .string($0.name) })]
        for (name, body) in methods { identity[name] = body }
        var auth: JSONObject = ["identity": .object(identity)]
        auth["scope"] = scope
        return ["auth": .object(auth)]
    }

    private static func password(_ user: String) -> (name: String, body: JSON) {
        ("password", ["user": ["id": .string(user), "password": .string(TestCloud.password)]])
    }

    private static func token(_ text: String) -> (name: String, body: JSON) { ("token", ["id": .string(text)]) }

    /// A user whose rules ask for a password and a token.
    private static func run(_ body: (TestCloud, _ user: String, _ earlier: String) async throws -> Void) async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("careful", admin)
            let earlier = try await cloud.token(of: user, scope: "unscoped")
            let rules: JSON = ["user": ["options": [
                "multi_factor_auth_enabled": true, "multi_factor_auth_rules": [["password", "token"], ["mapped", "external"]],
            ]]]
            #expect(await cloud.call(.patch, "/users/\(user)", admin, rules).status == .ok)
            try await body(cloud, user, earlier)
        }
    }

    @Test func aPartOfTheMethodsGivesAReceipt() async throws {
        try await Self.run { cloud, user, _ in
            let answer = await cloud.call(.post, "/auth/tokens", nil, Self.login([Self.password(user)]))
            #expect(answer.status == .unauthorized)
            #expect(answer.headers[.subjectToken] == nil)
            #expect(answer.headers[.authReceipt] != nil)
            let receipt = try #require(answer.json["receipt"])
            #expect(receipt["methods"] == ["password"])
            #expect(receipt["user"] == [
                "id": .string(user), "name": "careful", "domain": ["id": "default", "name": "Default"],
            ])
            let (issued, expires) = (receipt["issued_at"]?.string ?? "", receipt["expires_at"]?.string ?? "")
            let lifetime = try #require(Timestamp(iso8601: expires)) - (try #require(Timestamp(iso8601: issued)))
            #expect(lifetime > .seconds(298) && lifetime <= .seconds(300))
            #expect(answer.json["required_auth_methods"] == [["password", "token"]], "only rules that were begun")
        }
    }

    @Test func aReceiptAndTheRestGiveAToken() async throws {
        try await Self.run { cloud, user, earlier in
            let first = await cloud.call(.post, "/auth/tokens", nil, Self.login([Self.password(user)]))
            let receipt = try #require(first.headers[.authReceipt])
            let second = await cloud.call(
                .post, "/auth/tokens", nil, headers: [.authReceipt: receipt], Self.login([Self.token(earlier)]))
            #expect(second.status == .created, "\(second.text)")
            #expect(second.json["token"]?["methods"] == ["token", "password"])
            let both = await cloud.call(.post, "/auth/tokens", nil, Self.login([Self.password(user), Self.token(earlier)]))
            #expect(both.status == .created)
        }
    }

    @Test func aReceiptIsNoTokenAndForNobodyElse() async throws {
        try await Self.run { cloud, user, earlier in
            let first = await cloud.call(.post, "/auth/tokens", nil, Self.login([Self.password(user)]))
            let receipt = try #require(first.headers[.authReceipt])
            #expect(try await cloud.identity.authenticate(Secret(receipt)) == nil)
            let admin = TestCloud.login(TestCloud.adminUser, TestCloud.adminPassword)
            for wrong in [receipt, earlier, "gAAAA", ""] {
                let answer = await cloud.call(.post, "/auth/tokens", nil, headers: [.authReceipt: wrong], admin)
                #expect(answer.status == (wrong.isEmpty ? .created : .unauthorized), "\(wrong.count)")
                if !wrong.isEmpty { #expect(answer.json["error"]?["message"]?.string?.contains("auth receipt") == true) }
            }
        }
    }

    @Test func receiptsEnd() async throws {
        try await TestCloud.run { cloud in
            let user = try await cloud.user("someone", try await cloud.token())
            let issued = try await cloud.identity.issueReceipt(for: Proven(userID: user, methods: [.password]))
            let text = issued.text.reveal()
            #expect(try cloud.identity.openReceipt(text, of: user) == [.password])
            #expect(throws: IdentityError.self) { try cloud.identity.openReceipt(text, of: user, now: .now + .seconds(301)) }
            #expect(throws: IdentityError.self) { try cloud.identity.openReceipt(text, of: "other") }
        }
    }

    @Test func everyFieldOfAReceiptComesBack() {
        let receipt = Receipt(userID: Identifier.hex(), methods: [.password, .totp], issuedAt: .now, expiresAt: .now + .seconds(3))
        #expect(Receipt(bytes: receipt.bytes) == receipt)
        #expect(Receipt(bytes: receipt.bytes + [0]) == nil)
        for count in 0..<receipt.bytes.count { #expect(Receipt(bytes: Array(receipt.bytes.prefix(count))) == nil) }
        #expect(TokenPayload(bytes: receipt.bytes) == nil)
    }
}
