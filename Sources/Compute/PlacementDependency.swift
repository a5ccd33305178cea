import CloudCore
import CloudStore

/// What compute needs of placement. All of it takes part in the caller's reader or transaction.
public protocol ComputePlacement: Sendable {
    /// The hosts that can give what is asked, from a place among them on and round again.
    /// - Parameters:
    ///   - place: where to begin, from 0 to 1.
    ///   - limit: how many hosts at most.
    ///   - reader: a snapshot of the store, not a transaction: what it has not committed must not be remembered.
    func candidates(_ request: ResourceRequest, from place: Double, limit: Int, in reader: any Reader) throws -> HostCandidates

    /// Makes what a consumer has exactly this: amounts by provider and resource class. Repeating it is harmless.
    /// - Throws: `HostFull` when there is no room; nothing may have been changed then.
    func claim(_ resources: [String: [String: Int]], for consumer: ResourceConsumer, in transaction: any Transaction) throws

    /// Gives back what a consumer has: a server, or a migration. Repeating it is harmless.
    func release(server id: String, in transaction: any Transaction) throws

    /// Hands all that a consumer has over to another: a server's claim to the migration that moves it, so that the
    /// server can claim elsewhere, and back when the move is reverted. What the other had is given back.
    /// - Throws: `HostFull` when what it had cannot be had any more.
    func move(from consumer: String, to other: ResourceConsumer, in transaction: any Transaction) throws

    /// What a consumer has, by provider and resource class.
    func claims(of consumer: String, in reader: any Reader) throws -> [String: [String: Int]]

    /// How much of each resource class is given, by provider.
    func usage(providers: [String], in reader: any Reader) throws -> [String: [String: Int]]

    /// Records what a host offers: a provider with its inventories and traits. Traits that somebody else gave it stay.
    func report(
        provider: String, name: String, inventories: [HostResource], traits: Set<String>, in transaction: any Transaction
    ) throws

    /// The traits of providers, together.
    func traits(providers: [String], in reader: any Reader) throws -> Set<String>

    /// Gives a provider a trait or takes it away. An unknown provider is left alone.
    func setTrait(_ trait: String, _ isPresent: Bool, of provider: String, in transaction: any Transaction) throws

    /// Puts a host into an aggregate, by the UUIDs of both, or takes it out. An unknown provider is left alone.
    func setMembership(
        _ isMember: Bool, of provider: String, inAggregate aggregate: String, in transaction: any Transaction
    ) throws

    /// Removes the provider of a host that is no more.
    /// - Throws: `HostInUse` when something of it is given.
    func remove(provider: String, in transaction: any Transaction) throws
}

/// Who has been given resources.
public struct ResourceConsumer: Sendable, Hashable {
    /// The kinds of consumers.
    public enum Kind: String, Sendable {
        case instance = "INSTANCE"
        case migration = "MIGRATION"
    }

    /// The UUID of the server or the migration.
    public var id: String
    /// What it is.
    public var kind: Kind
    /// The server's project.
    public var projectID: String
    /// The server's user.
    public var userID: String

    /// A consumer.
    public init(id: String, kind: Kind = .instance, projectID: String, userID: String) {
        (self.id, self.kind, self.projectID, self.userID) = (id, kind, projectID, userID)
    }
}

/// What is wanted of one host and the providers below it.
public struct ResourceRequest: Sendable, Hashable {
    /// Resources that belong together, with what their provider must be like.
    public struct Group: Sendable, Hashable {
        /// Amounts by resource class.
        public var resources: [String: Int]
        /// Traits that must be there.
        public var requiredTraits: Set<String>
        /// Traits that must not be there.
        public var forbiddenTraits: Set<String>

        /// A group.
        public init(resources: [String: Int] = [:], requiredTraits: Set<String> = [], forbiddenTraits: Set<String> = []) {
            (self.resources, self.requiredTraits, self.forbiddenTraits) = (resources, requiredTraits, forbiddenTraits)
        }
    }

    /// The group without a name, whose resources may come from several providers of the host.
    public var main: Group
    /// Groups that each come from one provider, by name.
    public var named: [String: Group]
    /// Whether groups with a name must each have a provider of their own (`group_policy=isolate`).
    public var isIsolated = false
    /// Traits that the host itself must have.
    public var rootRequired: Set<String> = []
    /// Traits that the host itself must not have.
    public var rootForbidden: Set<String> = []
    /// Of each set, one aggregate that the host must be in.
    public var memberOf: [Set<String>] = []
    /// Aggregates that the host must not be in.
    public var forbiddenAggregates: Set<String> = []
    /// The host it must be, by its provider's UUID; nil for any.
    public var inTree: String?

    /// A request.
    public init(main: Group, named: [String: Group] = [:]) { (self.main, self.named) = (main, named) }

    /// Every trait that is named.
    public var traits: Set<String> {
        named.values.reduce(main.requiredTraits.union(main.forbiddenTraits).union(rootRequired).union(rootForbidden)) {
            $0.union($1.requiredTraits).union($1.forbiddenTraits)
        }
    }
}

/// The hosts that can give what was asked, and how much each has left.
public struct HostCandidates: Sendable {
    /// What is left of a host before the claim.
    public struct Room: Sendable, Hashable {
        /// Processors, shared and dedicated.
        public var vcpus: Int
        /// Memory in MiB.
        public var memoryMiB: Int
        /// Disk in GiB.
        public var diskGiB: Int

        /// Room.
        public init(vcpus: Int, memoryMiB: Int, diskGiB: Int) {
            (self.vcpus, self.memoryMiB, self.diskGiB) = (vcpus, memoryMiB, diskGiB)
        }
    }

    /// The hosts by their providers' UUIDs.
    public let hosts: [String]
    /// What each has left.
    public let rooms: [Room]
    /// Whether these are all that match.
    public let isComplete: Bool
    private let claimsAt: @Sendable (Int) -> [String: [String: Int]]
    private let namedAt: @Sendable (Int) -> [String: [String]]

    /// Candidates.
    /// - Parameters:
    ///   - claims: what is to be claimed at the host of a place, by provider.
    ///   - named: the providers of the groups with names at the host of a place.
    public init(
        hosts: [String], rooms: [Room], isComplete: Bool, claims: @escaping @Sendable (Int) -> [String: [String: Int]],
        named: @escaping @Sendable (Int) -> [String: [String]] = { _ in [:] }
    ) {
        (self.hosts, self.rooms, self.isComplete, claimsAt, namedAt) = (hosts, rooms, isComplete, claims, named)
    }

    /// What is to be claimed at the host of a place, by provider and resource class.
    public func claims(at place: Int) -> [String: [String: Int]] { claimsAt(place) }
    /// The providers of the groups with names at the host of a place.
    public func providers(at place: Int) -> [String: [String]] { namedAt(place) }
}

/// The room on a provider went to somebody else.
public struct HostFull: Error, Sendable, Hashable {
    /// A refusal.
    public init() {}
}

/// Something of the host is still given to somebody.
public struct HostInUse: Error, Sendable, Hashable {
    /// A refusal.
    public init() {}
}

/// An inventory that a host offers.
public struct HostResource: Sendable, Hashable {
    /// The resource class: VCPU, PCPU, MEMORY_MB or DISK_GB.
    public var resourceClass: String
    /// How much there is.
    public var total: Int
    /// How much the host keeps for itself.
    public var reserved: Int
    /// How many times it may be given away.
    public var allocationRatio: Double

    /// An inventory.
    public init(resourceClass: String, total: Int, reserved: Int, allocationRatio: Double) {
        (self.resourceClass, self.total, self.reserved, self.allocationRatio) = (resourceClass, total, reserved, allocationRatio)
    }
}
