/// A rule as it is in force, for `altostack policy list`.
public struct EffectivePolicyRule: Sendable, Hashable, CustomStringConvertible {
    /// The rule's name.
    public let name: String
    /// The check in force.
    public let check: String
    /// The service's default; nil for a rule that only the operator's file has.
    public let defaultCheck: String?
    /// The token scopes that may use it, sorted; empty when any may.
    public let scopes: [PolicyScope]
    /// What it governs.
    public let about: String
    /// Where the check in force was written.
    public let origin: PolicyOrigin

    /// One line of a policy file, which can be pasted into one.
    public var description: String { "\(Self.quoted(name)): \(Self.quoted(check))" }

    private static func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
        return "\"\(escaped)\""
    }
}

extension PolicyEngine {
    /// Every rule in force, sorted by name.
    public var effectiveRules: [EffectivePolicyRule] {
        sources.sorted { $0.key < $1.key }.map { name, source in
            let rule = rules[name]
            return EffectivePolicyRule(
                name: name, check: source.text, defaultCheck: rule?.check,
                scopes: (rule?.scopes ?? []).sorted { $0.rawValue < $1.rawValue },
                about: rule?.description ?? "", origin: source.origin)
        }
    }

    /// The rules in force as a policy file, each with what it governs, its scopes and where it was written.
    public var policyFile: String {
        effectiveRules.map { rule in
            var lines = rule.about.isEmpty ? [] : rule.about.split(separator: "\n").map { "# \($0)" }
            if !rule.scopes.isEmpty { lines.append("# scopes: \(rule.scopes.map(\.rawValue).joined(separator: ", "))") }
            lines.append("# from: \(rule.origin)")
            lines.append(rule.description)
            return lines.joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }
}
