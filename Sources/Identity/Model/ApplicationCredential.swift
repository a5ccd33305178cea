import CloudAPI
import CloudCore

/// A secret with which a program gets tokens of a user on one project, with some of the user's roles.
struct ApplicationCredential: Sendable, Hashable {
    var id: String
    var name: String
    /// bcrypt.
    var secretHash: String
    var description: String?
    var userID: String
    var projectID: String
    var expiresAt: Timestamp?
    /// Whether its tokens may make and delete other application credentials.
    var isUnrestricted = false
    var roleIDs: [String] = []
    /// What its tokens may be used for; none for everything.
    var accessRules: [StoredAccessRule] = []

    func isExpired(at moment: Timestamp) -> Bool { expiresAt.map { moment >= $0 } ?? false }
}

/// An access rule of a user's, which several application credentials may share.
struct StoredAccessRule: Sendable, Hashable {
    var id: String
    var rule: AccessRule
}
