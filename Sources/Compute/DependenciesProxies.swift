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
    /// The services whose APIs early microversions pass on.
    public var services: (any ServiceCalls)?
    /// Block storage.
    public var volumes: any ComputeVolumes = AbsentVolumes()
    /// The operator's services that tell guests more; nil for none.
    public var vendorData: (any VendorDataServices)?

    /// The services that there are.
    public init(
        identity: (any ComputeIdentity)? = nil, names: (any StandardNames)? = nil, services: (any ServiceCalls)? = nil
    ) {
        (self.identity, self.names, self.services) = (identity, names, services)
    }
}

extension Compute.Parts {
    var identity: (any ComputeIdentity)? { others.identity }
    var names: (any StandardNames)? { others.names }
    var volumes: any ComputeVolumes { others.volumes }
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

/// Passes requests of compute's callers on to other services' APIs, as upstream does up to microversion 2.35: with the
/// caller's own token, so that those services' rules and quotas hold.
public protocol ServiceCalls: Sendable {
    /// Sends a request and gathers the answer, whatever its status; nil when the cloud does not have the service.
    func send(_ call: ServiceCall) async throws -> ServiceAnswer?
}

/// A request to another service.
public struct ServiceCall: Sendable {
    /// The services that compute passes requests on to.
    public enum Service: String, Sendable { case image, network, volume }

    /// The service.
    public var service: Service
    /// The method.
    public var method: HTTPRequest.Method
    /// The path below the service's own, with its query.
    public var path: String
    /// The caller's token.
    public var token: Secret<String>
    /// The body; nil for none.
    public var body: JSON?
    /// The body's media type.
    public var mediaType: String

    /// A request.
    public init(
        _ service: Service, _ method: HTTPRequest.Method, _ path: String, token: Secret<String>, body: JSON? = nil,
        mediaType: String = "application/json"
    ) {
        (self.service, self.method, self.path, self.token) = (service, method, path, token)
        (self.body, self.mediaType) = (body, mediaType)
    }
}

/// What another service answered.
public struct ServiceAnswer: Sendable {
    /// The status code.
    public var status: Int
    /// The body; null when there is none, or it is no JSON.
    public var body: JSON

    /// An answer.
    public init(status: Int, body: JSON) { (self.status, self.body) = (status, body) }
}
