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
    /// The registered rules by name, with their defaults.
    public let rules: [String: PolicyRule]
    /// What is suspicious about the overrides without being wrong, such as a name that no service registered.
    public let warnings: [String]

    let sources: [String: PolicySource]
    let checks: [String: PolicyCheck]

    /// Compiles the rules.
    /// - Parameters:
    ///   - rules: every service's defaults. A rule may be registered twice when both registrations agree.
    ///   - overrides: the operator's checks by rule name, which replace a default's check. They may also add names.
    ///   - kinds: the kinds of check that services add to the language.
    /// - Throws: `PolicyError` naming the rule for a check that does not parse, or refers to an unknown rule, or
    ///   to itself in a circle.
    public init(
        rules: [PolicyRule], overrides: [String: String] = [:], kinds: [PolicyCheckKind] = []
    ) throws(PolicyError) {
        let sources = overrides.mapValues { PolicySource(text: $0, origin: .override) }
        try self.init(rules: rules, overrides: PolicyOverrides(sources: sources), kinds: kinds)
    }

    /// Compiles the rules with the checks of an operator's file, whose lines then stand in errors.
    /// - Parameters:
    ///   - rules: every service's defaults.
    ///   - overrides: what `overrides(fromYAML:file:)` read.
    ///   - kinds: the kinds of check that services add to the language.
    /// - Throws: `PolicyError`, as above.
    public init(
        rules: [PolicyRule], overrides: PolicyOverrides, kinds: [PolicyCheckKind] = []
    ) throws(PolicyError) {
        let registered = try Self.unique(rules)
        var sources = registered.mapValues { PolicySource(text: $0.check, origin: .builtIn) }
        sources.merge(overrides.sources) { $1 }
        var compiler = try PolicyCompiler(sources: sources, kinds: kinds)
        (self.rules, self.sources, checks) = (registered, sources, try compiler.compileAll())
        warnings = Self.warnings(overrides, registered: registered, referenced: compiler.referenced)
    }

    private static func unique(_ rules: [PolicyRule]) throws(PolicyError) -> [String: PolicyRule] {
        var unique: [String: PolicyRule] = [:]
        for rule in rules {
            guard let other = unique[rule.name] else {
                unique[rule.name] = rule
                continue
            }
            guard other.check == rule.check, other.scopes == rule.scopes else {
                throw PolicyError("rule \"\(rule.name)\" is registered twice, as \"\(other.check)\" and as \"\(rule.check)\"")
            }
        }
        return unique
    }

    private static func warnings(
        _ overrides: PolicyOverrides, registered: [String: PolicyRule], referenced: Set<String>
    ) -> [String] {
        let strangers = overrides.sources.filter { name, _ in
            registered[name] == nil && !referenced.contains(name) && name != defaultRule
        }
        return strangers.sorted { $0.key < $1.key }.map { name, source in
            let hint = Suggestion.nearest(to: name, among: registered.keys).map { "; is \"\($0)\" meant?" } ?? ""
            return "\(source.origin.prefix)no service has a rule \"\(name)\", and no other rule refers to it\(hint)"
        }
    }

    /// The rule that stands in for a name nobody knows.
    static let defaultRule = "default"

    /// Whether the rule lets these credentials act on this target. An unknown rule falls back to the rule named
    /// `default` when there is one, and else refuses. A rule with scopes refuses a token of another scope.
    public func allows(_ rule: String, _ credentials: PolicyCredentials, _ target: PolicyTarget) -> Bool {
        guard let check = checks[rule] ?? checks[Self.defaultRule] else { return false }
        return admits(credentials, to: rule) && check.passes(credentials, target)
    }

    /// Whether the token's scope is one the rule is meant for. As upstream, an unscoped token counts as a
    /// project's: what it may do is then up to the check.
    func admits(_ credentials: PolicyCredentials, to rule: String) -> Bool {
        guard let scopes = rules[rule]?.scopes, !scopes.isEmpty else { return true }
        return scopes.contains(credentials.scope ?? .project)
    }
}
