import CloudCore

/// How a decision came about, for `altostack policy check`.
public struct PolicyExplanation: Sendable, Hashable, CustomStringConvertible {
    /// One part of the check with its own outcome.
    public struct Part: Sendable, Hashable {
        /// The part as it is written, or `and`, `or`, `not` for what joins others.
        public let check: String
        /// Its outcome.
        public let passed: Bool
        /// Whether the decision rests on it: the first alternative that passed, the first condition that failed,
        /// or every one of them where all had to agree.
        public let isDecisive: Bool
        /// What was compared; nil for parts that only join others.
        public let detail: String?
        /// What it is made of.
        public let parts: [Part]
    }

    /// The rule that was asked for.
    public let rule: String
    /// Whether the request is allowed.
    public let isAllowed: Bool
    /// Why the check was not even looked at (scope, unknown rule), or that `default` stood in; nil otherwise.
    public let note: String?
    /// The check's parts; nil when there is no check to look at.
    public let root: Part?

    /// The parts on which the decision rests, from the rule inwards, only the innermost ones.
    public var decisive: [String] {
        func leaves(_ part: Part) -> [String] {
            guard part.isDecisive else { return [] }
            return part.parts.isEmpty ? [part.check] : part.parts.flatMap(leaves)
        }
        return root.map(leaves) ?? []
    }

    /// The whole decision as an indented tree; decisive parts are marked with an arrow.
    public var description: String {
        var lines = ["\(rule): \(isAllowed ? "allowed" : "refused")"]
        if let note { lines.append("  \(note)") }
        func append(_ part: Part, _ indent: String) {
            let detail = part.detail.map { " (\($0))" } ?? ""
            lines.append("\(indent)\(part.isDecisive ? "->" : "  ") \(part.check): \(part.passed ? "yes" : "no")\(detail)")
            for inner in part.parts { append(inner, indent + "  ") }
        }
        if let root { append(root, "  ") }
        return lines.joined(separator: "\n")
    }
}

extension PolicyEngine {
    /// Decides as `allows` does, and says which part of the rule decided.
    public func explain(_ rule: String, _ credentials: PolicyCredentials, _ target: PolicyTarget) -> PolicyExplanation {
        guard let check = checks[rule] ?? checks[Self.defaultRule] else {
            let hint = Suggestion.nearest(to: rule, among: checks.keys).map { "; is \"\($0)\" meant?" } ?? ""
            return PolicyExplanation(rule: rule, isAllowed: false, note: "there is no such rule\(hint)", root: nil)
        }
        guard admits(credentials, to: rule) else {
            let scopes = (rules[rule]?.scopes ?? []).map(\.rawValue).sorted().joined(separator: " or ")
            let note = "the rule is for a token of scope \(scopes), this one's is \(credentials.scope?.rawValue ?? "none")"
            return PolicyExplanation(rule: rule, isAllowed: false, note: note, root: nil)
        }
        let root = check.explained(credentials, target, isDecisive: true)
        let note = checks[rule] == nil ? "there is no such rule; \"\(Self.defaultRule)\" stands in" : nil
        return PolicyExplanation(rule: rule, isAllowed: root.passed, note: note, root: root)
    }
}

extension PolicyCheck {
    fileprivate func explained(
        _ credentials: PolicyCredentials, _ target: PolicyTarget, isDecisive: Bool
    ) -> PolicyExplanation.Part {
        let passed = passes(credentials, target)
        let inner = deciding(credentials, target)
        return PolicyExplanation.Part(
            check: label, passed: passed, isDecisive: isDecisive, detail: detail(credentials, target),
            parts: inner.map { $0.check.explained(credentials, target, isDecisive: isDecisive && $0.isDecisive) })
    }

    /// The inner checks, and whether this one's outcome rests on them.
    private func deciding(
        _ credentials: PolicyCredentials, _ target: PolicyTarget
    ) -> [(check: PolicyCheck, isDecisive: Bool)] {
        switch self {
        case .not(let inner), .rule(_, let inner): return [(inner, true)]
        case .all(let parts), .any(let parts):
            // One part settles the matter when it is the kind of outcome that short-circuits.
            let settling = if case .any = self { true } else { false }
            let first = parts.firstIndex { $0.passes(credentials, target) == settling }
            return parts.enumerated().map { ($1, first == nil || first == $0) }
        default: return []
        }
    }

    private var label: String {
        switch self {
        case .always: "@"
        case .never: "!"
        case .not: "not"
        case .all: "and"
        case .any: "or"
        case .rule(let name, _): "rule:\(name)"
        case .role(let source, _), .literal(let source, _, _), .attribute(let source, _, _), .custom(let source, _): source
        }
    }

    private func detail(_ credentials: PolicyCredentials, _ target: PolicyTarget) -> String? {
        switch self {
        case .role(_, let template):
            return "\(Self.wanted(template, target)); the token has \(credentials.roles.sorted().joined(separator: ", "))"
        case .literal(_, _, let template): return Self.wanted(template, target)
        case .attribute(_, let path, let template):
            let value = path.first.flatMap { credentials.attributes[$0] }
            return "\(Self.wanted(template, target)); the token's \(path.first ?? "") is \(value?.policyText ?? "absent")"
        default: return nil
        }
    }

    private static func wanted(_ template: PolicyTemplate, _ target: PolicyTarget) -> String {
        if let text = template.text(in: target) { return "the target says \(text)" }
        let missing = template.attributes.filter { target[$0] == nil }
        return "the target has no \(missing.joined(separator: ", "))"
    }
}
