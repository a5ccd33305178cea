/// Something of a service that there can be too much of: `cores` of compute, everywhere or in one region.
struct LimitedResource: Sendable, Hashable {
    var serviceID: String
    var regionID: String?
    var name: String
}

/// What a resource's limit is for projects and domains that have none of their own. Without it nobody can have one.
struct RegisteredLimit: Sendable, Hashable {
    /// The values a limit can have: -1 for no bound, up to what a signed 32-bit number holds.
    static let values = -1...0x7FFF_FFFF
    /// The most limits one request creates.
    static let largestBatch = 1000

    var id: String
    var resource: LimitedResource
    var defaultLimit: Int
    var description: String?
}

/// A project's or domain's own limit of a resource.
struct Limit: Sendable, Hashable {
    /// Whose limit it is.
    enum Owner: Sendable, Hashable {
        case project(String)
        case domain(String)

        var projectID: String? { if case .project(let id) = self { id } else { nil } }
        var domainID: String? { if case .domain(let id) = self { id } else { nil } }
    }

    var id: String
    var registeredLimitID: String
    var resource: LimitedResource
    var owner: Owner
    var value: Int
    var description: String?

    /// A limit's value as a bound: -1 stands for none.
    static func bound(_ value: Int) -> Int { value < 0 ? Int.max : value }
}

/// How limits in a hierarchy of projects depend on each other (Keystone's `[unified_limit] enforcement_model`).
public enum EnforcementModel: String, Sendable, CaseIterable {
    /// They don't.
    case flat
    /// No project may have more than its domain, and projects nest at most two deep.
    case strictTwoLevel = "strict_two_level"

    /// What `GET /v3/limits/model` says about it.
    var summary: String {
        switch self {
        case .flat: "Limits of projects are checked one by one; the project hierarchy is not taken into account."
        case .strictTwoLevel: "No project's limit exceeds that of its domain, and the project hierarchy never exceeds a depth of two."
        }
    }

    /// How deep projects may nest below a domain; nil where the model doesn't care.
    var maximumProjectDepth: Int? { self == .strictTwoLevel ? 2 : nil }
}
