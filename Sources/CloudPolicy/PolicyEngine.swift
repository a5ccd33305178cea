import CloudCore

/// What an operator's file or a service's rule got wrong.
public struct PolicyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The message with file, rule and position.
    public let description: String

    /// An error.
    public init(_ description: String) { self.description = description }
}

/// Every rule of the cloud, compiled once. Immutable: a changed policy file makes a new engine.
public struct PolicyEngine: Sendable {
    /// The registered rules by name, for listing.
    public let rules: [String: PolicyRule]

    /// Compiles the rules.
    /// - Parameters:
    ///   - rules: every service's defaults.
    ///   - overrides: the operator's checks by rule name, which replace a default's check. They may also add names.
    /// - Throws: `PolicyError` naming the rule for a check that does not parse, or refers to an unknown rule, or
    ///   to itself in a circle.
    public init(rules: [PolicyRule], overrides: [String: String] = [:]) throws(PolicyError) {
        self.rules = Dictionary(uniqueKeysWithValues: rules.map { ($0.name, $0) })
        throw PolicyError("the policy compiler is being written")
    }

    /// Whether the rule lets these credentials act on this target. An unknown rule falls back to the rule named
    /// `default` when there is one, and else refuses.
    public func allows(_ rule: String, _ credentials: PolicyCredentials, _ target: PolicyTarget) -> Bool {
        false
    }
}
