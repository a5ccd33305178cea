import CloudCore
import CloudStore

/// A secret as the store keeps it: what it is, and its payload encrypted.
struct StoredSecret: Sendable, Hashable {
    /// What a secret is, which decides nothing here but tells those who fetch it.
    enum Kind: String, Sendable, CaseIterable, SQLConvertible {
        case symmetric, passphrase, `private`, `public`, certificate, opaque
    }

    let id: String
    let projectID: String
    let creatorID: String
    var name: String?
    var type = Kind.opaque
    var algorithm: String?
    var bitLength: Int?
    var mode: String?
    /// When it ceases to exist; nil for never.
    var expiration: Timestamp?
    /// What the payload is; nil while there is none.
    var contentType: PayloadType?
    /// The payload as the cipher sealed it; nil while there is none.
    var sealedPayload: String?
    let createdAt: Timestamp
    var updatedAt: Timestamp

    /// A secret about which nothing is known yet.
    init(id: String, projectID: String, creatorID: String, at moment: Timestamp) {
        (self.id, self.projectID, self.creatorID) = (id, projectID, creatorID)
        (createdAt, updatedAt) = (moment, moment)
    }

    /// The same secret with its creation's time, as a row tells it.
    init(id: String, projectID: String, creatorID: String, createdAt: Timestamp, updatedAt: Timestamp) {
        (self.id, self.projectID, self.creatorID) = (id, projectID, creatorID)
        (self.createdAt, self.updatedAt) = (createdAt, updatedAt)
    }

    /// As what access lists and policy rules are about.
    var holder: Holder { Holder(kind: .secret, id: id, projectID: projectID, creatorID: creatorID) }
}

/// What a payload is, in the form that is stored (barbican/plugin/util/mime_types.py).
enum PayloadType: String, Sendable, SQLConvertible {
    case text = "text/plain"
    case octetStream = "application/octet-stream"
    case pkcs8 = "application/pkcs8"

    /// A media type as clients write it; nil for one that is not kept.
    init?(mediaType: String) {
        let parts = mediaType.split(separator: ";", maxSplits: 1).map { $0.trimmed.lowercased() }
        guard let essence = parts.first, let type = PayloadType(rawValue: essence) else { return nil }
        if parts.count > 1 {
            let value = parts[1].split(separator: "=", maxSplits: 1).map(\.trimmed)
            guard value.count == 2, value[1] == "utf-8" else { return nil }
        }
        self = type
    }
}

/// What has consumers, an access list and rules about it: a secret or a container.
struct Holder: Sendable, Hashable {
    /// The two kinds, in the words of the policy's targets.
    enum Kind: String, Sendable, SQLConvertible {
        case secret, container

        /// The collection's part of the path.
        var collection: String { rawValue + "s" }
        /// The error that there is none.
        var notFound: KeyManagerError { self == .secret ? .secretNotFound : .containerNotFound }
    }

    let kind: Kind
    let id: String
    let projectID: String
    let creatorID: String
}

/// Who else may read a secret or container, and whether its own project may (Barbican's ACL of the operation "read", the
/// only one it admits).
struct AccessList: Sendable, Hashable {
    /// Whether the project's members may read it; nil as true.
    var projectAccess: Bool?
    /// Further users.
    var users: Set<String>
    let createdAt: Timestamp
    var updatedAt: Timestamp
}

extension StringProtocol {
    /// The text without whitespace at its ends.
    var trimmed: String {
        var rest = self[...].drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
