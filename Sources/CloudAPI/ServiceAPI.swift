import CloudPolicy
import HTTPTypes

/// A service's front: where it lives, how it speaks of errors and versions, and what it offers.
public struct ServiceAPI: Sendable {
    /// The catalog's type, such as "compute".
    public let type: String
    /// The catalog's name, such as "nova".
    public let name: String
    /// The path of the service on the shared port, such as "/compute".
    public let path: String
    /// The form of its errors.
    public let envelope: ErrorEnvelope
    /// Its microversions; nil for services without.
    public let microversions: MicroversionPolicy?
    /// The table of its operations.
    public let endpoints: [Endpoint]
    /// Its default policy rules.
    public let rules: [PolicyRule]
    /// A second header for the request's id, such as Nova's `x-compute-request-id`; nil for services without.
    public let requestIDHeader: HTTPField.Name?
    /// How it reads HTTP.
    public let conventions: HTTPConventions

    /// A service's front.
    public init(
        type: String, name: String, path: String, envelope: ErrorEnvelope,
        microversions: MicroversionPolicy? = nil, endpoints: [Endpoint], rules: [PolicyRule],
        requestIDHeader: HTTPField.Name? = nil, conventions: HTTPConventions = .standard
    ) {
        (self.type, self.name, self.path, self.envelope) = (type, name, path, envelope)
        (self.microversions, self.endpoints, self.rules) = (microversions, endpoints, rules)
        (self.requestIDHeader, self.conventions) = (requestIDHeader, conventions)
    }

    /// The same front with a further module's part of the service: its operations behind the service's own, and its
    /// rules. For services whose API is spread over modules that don't know each other.
    public func adding(_ endpoints: [Endpoint], rules: [PolicyRule]) -> ServiceAPI {
        ServiceAPI(
            type: type, name: name, path: path, envelope: envelope, microversions: microversions,
            endpoints: self.endpoints + endpoints, rules: self.rules + rules, requestIDHeader: requestIDHeader,
            conventions: conventions)
    }
}
