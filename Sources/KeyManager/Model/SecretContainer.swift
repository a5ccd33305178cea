import CloudCore
import CloudStore

/// A container: named references to secrets.
struct SecretContainer: Sendable, Hashable {
    /// The kinds, of which two say which names there must be.
    enum Kind: String, Sendable, CaseIterable, SQLConvertible {
        case generic, rsa, certificate
        /// What orders alone make.
        case dsa, ec

        /// Whether users make containers of it.
        var isOpen: Bool { self != .dsa && self != .ec }

        /// The names a reference may have; nil for any.
        var names: (required: Set<String>, optional: Set<String>)? {
            switch self {
            case .generic: nil
            case .rsa, .dsa, .ec: (["public_key", "private_key"], ["private_key_passphrase"])
            case .certificate: (["certificate"], ["private_key", "private_key_passphrase", "intermediates"])
            }
        }
    }

    /// A secret in it.
    struct Reference: Sendable, Hashable {
        let name: String?
        let secretID: String
    }

    let id: String
    let projectID: String
    let creatorID: String
    let name: String?
    let type: Kind
    var references: [Reference]
    let createdAt: Timestamp
    let updatedAt: Timestamp

    /// As what access lists and policy rules are about.
    var holder: Holder { Holder(kind: .container, id: id, projectID: projectID, creatorID: creatorID) }
}

/// Who uses a secret or a container.
struct Consumer: Sendable, Hashable {
    let id: String
    /// The secret's or container's id.
    let holderID: String
    let projectID: String
    /// The service that uses a secret; the consumer's name of a container.
    let name: String
    /// What kind of resource uses a secret; empty for containers.
    let resourceType: String
    /// The resource that uses a secret; the consumer's URL of a container.
    let reference: String
    let createdAt: Timestamp
    let updatedAt: Timestamp
}

/// A request to make a key or a pair of keys, and what became of it.
struct KeyOrder: Sendable, Hashable {
    /// What can be ordered.
    enum Kind: String, Sendable, SQLConvertible { case key, asymmetric }

    /// How it ended.
    enum Outcome: Sendable, Hashable {
        /// The key's secret.
        case secret(String)
        /// The pair's container.
        case container(String)
        /// What was ordered can't be made, with a status and words for the user.
        case failure(status: Int, reason: String)
    }

    let id: String
    let projectID: String
    let creatorID: String
    let type: Kind
    /// What was asked for, as the client wrote it.
    let meta: JSON
    let outcome: Outcome
    let createdAt: Timestamp
    let updatedAt: Timestamp
}
