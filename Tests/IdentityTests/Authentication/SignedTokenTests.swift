import CloudAPI
import CloudCore
import CloudCrypto
import Foundation
import Testing

@testable import Identity

/// Tokens as JSON Web Signatures.
@Suite struct SignedTokenTests {
    @Test func signedTokensAreTokens() async throws {
        try await TestCloud.run({ $0.tokenFormat = .jws }) { cloud in
            let text = try await cloud.token()
            let parts = text.split(separator: ".")
            #expect(parts.count == 3)
            let claims = try JSON(parsing: Base64URL.decode(String(parts[1])) ?? [])
            let context = try #require(try await cloud.identity.authenticate(Secret(text)))
            #expect(claims["sub"] == .string(context.userID))
            #expect(claims["openstack_methods"] == ["password"])
            #expect(claims["openstack_project_id"]?.string == context.projectID)
            #expect(await cloud.call(.get, "/auth/tokens", text, headers: [.subjectToken: text]).status == .ok)
            let cold = TokenProvider(database: cloud.identity.database, formats: cloud.identity.formats, cacheSize: 4)
            #expect(try await cold.validate(Secret(text)) != nil)
            for number in 0..<3 {
                var altered = parts.map(String.init)
                altered[number] = (altered[number].hasPrefix("A") ? "B" : "A") + altered[number].dropFirst()
                #expect(try await cold.validate(Secret(altered.joined(separator: "."))) == nil)
            }
            for other in ["a.b.c", "..", text + ".", parts[0] + "." + parts[1] + "."] {
                #expect(try await cold.validate(Secret(other)) == nil)
            }
        }
    }

    @Test func bothKindsHoldWhicheverIsMade() async throws {
        try await TestCloud.run { cloud in
            let encrypted = Secret(try await cloud.token())
            var options = cloud.identity.options
            options.tokenFormat = .jws
            let signing = try Identity(database: cloud.identity.database, options: options)
            #expect(try await signing.authenticate(encrypted) != nil)
            let login = AuthenticationRequest(
                proofs: [PasswordMethod(user: .name("admin", domain: .id("default")), password: Secret(TestCloud.adminPassword))],
                scope: .unscoped)
            guard case .token(let signed, _) = try await signing.logIn(login) else {
                Issue.record("a password is enough")
                return
            }
            #expect(signed.reveal().contains("."))
            options.tokenFormat = .fernet
            let back = try Identity(database: cloud.identity.database, options: options)
            #expect(try await back.authenticate(signed) != nil)
            #expect(try await cloud.identity.authenticate(signed) == nil, "this one has never heard of signing keys")
        }
    }

    @Test func rotatedKeysKeepSignedTokensForAWhile() async throws {
        try await TestCloud.run({
            $0.tokenFormat = .jws
            $0.maximumActiveKeys = 2
        }) { cloud in
            let text = Secret(try await cloud.token())
            func holds() async throws -> Bool {
                let cold = TokenProvider(database: cloud.identity.database, formats: cloud.identity.formats, cacheSize: 4)
                return try await cold.validate(text) != nil
            }
            try cloud.identity.rotateTokenKeys()
            #expect(try await holds())
            _ = try await cloud.token()
            try cloud.identity.rotateTokenKeys()
            #expect(try await !holds())
        }
    }

    @Test func everyClaimComesBack() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "jws-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let keys = try SigningKeyRepository(directory: directory.path, maximumActiveKeys: 2)
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.appending(path: "private/private.pem").path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let login = FederatedLogin(identityProviderID: "idp", protocolID: "mapped", groupIDs: ["a", "b"])
        let delegations: [Delegation?] = [nil, .trust("t"), .applicationCredential("c"), .accessToken("a")]
        for scope in [Scope.unscoped, .system, .project("p"), .domain("d")] {
            for (delegation, federation) in zip(delegations, [nil, login, nil, login]) {
                let payload = TokenPayload(
                    userID: "u", methods: [.password, .token], scope: scope, delegation: delegation, federation: federation,
                    auditID: "x", parentAuditID: federation.map { _ in "y" }, issuedAt: .now, expiresAt: .now + .seconds(9))
                let text = try SignedToken.text(payload, keys.signing)
                #expect(SignedToken.payload(text, keys) == payload)
            }
        }
    }

    @Test func anotherProcessMayRotate() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "jws-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let (mine, theirs) = try (
            SigningKeyRepository(directory: directory.path, maximumActiveKeys: 3),
            SigningKeyRepository(directory: directory.path, maximumActiveKeys: 3)
        )
        try theirs.rotate()
        let signature = try #require(theirs.signing.sign([1, 2, 3]))
        #expect(mine.isValid(signature, of: [1, 2, 3]), "an unknown key has the files read again")
        #expect(!mine.isValid(signature, of: [1, 2, 4]))
    }
}
