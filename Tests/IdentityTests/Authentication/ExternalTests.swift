import CloudAPI
import CloudCore
import Testing

@testable import Identity

/// Users whom a web server in front has authenticated.
@Suite struct ExternalTests {
    private static let login: JSON = ["auth": ["identity": ["methods": ["external"], "external": [:]]]]

    @Test func nobodyIsBelievedByDefault() async throws {
        try await TestCloud.run { cloud in
            let header = try #require(HTTPField.Name("X-Remote-User"))
            let answer = await cloud.call(.post, "/auth/tokens", nil, headers: [header: "admin"], Self.login)
            #expect(answer.status == .unauthorized)
            #expect(answer.json["error"]?["message"] == "Attempted to authenticate with an unsupported method.")
        }
    }

    @Test func theHeaderNamesTheUserWhereTheOperatorSaysSo() async throws {
        try await TestCloud.run({ $0.externalUserHeader = "X-Remote-User" }) { cloud in
            let header = try #require(HTTPField.Name("X-Remote-User"))
            let answer = await cloud.call(.post, "/auth/tokens", nil, headers: [header: "admin"], Self.login)
            #expect(answer.status == .created, "\(answer.text)")
            #expect(answer.json["token"]?["user"]?["name"] == "admin")
            #expect(answer.json["token"]?["methods"] == ["external"])
            #expect(await cloud.call(.post, "/auth/tokens", nil, headers: [header: "nobody"], Self.login).status == .unauthorized)
            #expect(await cloud.call(.post, "/auth/tokens", nil, Self.login).status == .unauthorized)
        }
    }
}
