import CloudCore

/// Amounts by resource class.
public typealias Resources = [String: Int]

/// Who has been given resources: a server, a migration, whatever a service calls so.
struct Consumer: Sendable, Hashable {
    let uuid: String
    var generation: Int
    var projectID: String
    var userID: String
    /// What kind of thing it is, such as INSTANCE; nil where that was never said.
    var type: String?
}

/// One amount given.
struct Allocation: Sendable, Hashable {
    let consumer: String
    let provider: String
    let resourceClass: String
    let amount: Int
    let createdAt: Timestamp
}

/// All that one consumer shall have from now on. No resources at all: what it has is given back.
struct ConsumerClaim: Sendable, Hashable {
    /// What the writer believes of the consumer.
    enum Expectation: Sendable, Hashable {
        case anything
        /// This generation; nil: that there is no such consumer yet.
        case generation(Int?)
    }
    var consumer: String
    var projectID: String
    var userID: String
    /// Nil: as it is.
    var type: String?
    var expectation = Expectation.anything
    /// The resources by provider.
    var resources: [String: Resources]
}

/// A claim does not fit: the room went to somebody else, or was never there.
public struct ClaimRefused: Error, Sendable, Hashable {
    /// What is in the way.
    public enum Reason: Sendable, Hashable {
        /// The provider has nothing of the class.
        case noInventory
        /// The amount is too small, too large, or no multiple of the step.
        case unit
        /// There is not enough left.
        case capacity
    }
    /// What is in the way.
    public let reason: Reason
    /// The resource class.
    public let resourceClass: String
    /// The provider's UUID.
    public let provider: String
}

/// A provider that has room for what was asked.
public struct Candidate: Sendable, Hashable {
    /// The provider's UUID.
    public let provider: String
    /// What is left there of each class it has, before the claim.
    public let free: Resources

    /// A candidate.
    public init(provider: String, free: Resources) { (self.provider, self.free) = (provider, free) }
}
