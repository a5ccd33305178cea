import CloudCore
import CloudCrypto

/// A program that may ask users to lend it roles.
struct OAuthConsumer: Sendable, Hashable {
    var id: String
    var description: String?
    /// The secret it signs with, under the credential keys.
    var sealedSecret: String
    var extra: JSONObject = [:]
}

/// A consumer's request for roles in a project, waiting for a user.
struct OAuthRequestToken: Sendable, Hashable {
    var id: String
    var consumerID: String
    var projectID: String
    var sealedSecret: String
    /// Who lends the roles; nil before anybody has agreed.
    var userID: String?
    /// The roles lent.
    var roleIDs: [String] = []
    /// What the user tells the consumer, so that nobody else can use the request.
    var sealedVerifier: String?
    var expiresAt: Timestamp?

    func isExpired(at moment: Timestamp) -> Bool { expiresAt.map { moment > $0 } ?? false }

    /// Letters and digits that nobody mistakes for another.
    private static let verifierCharacters = Array("abcdefghkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    /// A new verifier: eight characters.
    static func makeVerifier() -> Secret<String> {
        var generator = SystemRandomNumberGenerator()
        return Secret(String((0..<8).compactMap { _ in verifierCharacters.randomElement(using: &generator) }))
    }
}

/// Roles in a project that a user lent a consumer.
struct OAuthAccessToken: Sendable, Hashable {
    var id: String
    var consumerID: String
    var projectID: String
    var userID: String
    var sealedSecret: String
    var roleIDs: [String]
    var expiresAt: Timestamp?

    func isExpired(at moment: Timestamp) -> Bool { expiresAt.map { moment > $0 } ?? false }
}

/// An access token as the tokens made with it show it.
struct AccessTokenDelegation: DelegationView {
    let accessTokenID: String
    let consumerID: String

    func writeMembers(to json: inout JSONWriter) {
        json.member("OS-OAUTH1") {
            $0.object {
                $0.member("access_token_id", accessTokenID)
                $0.member("consumer_id", consumerID)
            }
        }
    }
}
