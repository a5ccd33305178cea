import CloudAPI
import CloudCore
import CloudStore

/// What compute asks of other services beside what servers need. Without one of them, the operations that depend on it
/// answer 501, and what it would have checked passes.
public struct ComputeNeighbours: Sendable {
    /// Identity.
    public var identity: (any ComputeIdentity)?
    /// Placement's standard names.
    public var names: (any StandardNames)?

    /// The services that there are.
    public init(identity: (any ComputeIdentity)? = nil, names: (any StandardNames)? = nil) {
        (self.identity, self.names) = (identity, names)
    }
}

extension Compute.Parts {
    var identity: (any ComputeIdentity)? { others.identity }
    var names: (any StandardNames)? { others.names }
}

/// What compute needs of Identity.
public protocol ComputeIdentity: Sendable {
    /// Whether there is such a project.
    func projectExists(_ id: String) async throws -> Bool

    /// A project's unified limits on compute's resources by their names, such as `servers` or `class:VCPU`; -1 for any
    /// number. Resources without a registered limit are absent.
    func limits(ofProject id: String) async throws -> [String: Int]

    /// The unified limits registered for everyone, likewise.
    func registeredLimits() async throws -> [String: Int]
}

/// The names of resource classes and traits that mean the same in every cloud, which placement keeps.
public protocol StandardNames: Sendable {
    /// Whether this is a standard resource class.
    func isResourceClass(_ name: String) -> Bool
    /// Whether this is a standard trait.
    func isTrait(_ name: String) -> Bool
}
