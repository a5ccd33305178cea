import CloudCore

/// A compiled check: every rule reference resolved, every template parsed.
indirect enum PolicyCheck: Sendable {
    case always
    case never
    case not(PolicyCheck)
    case all([PolicyCheck])
    case any([PolicyCheck])
    case rule(String, PolicyCheck)
    case role(String, PolicyTemplate)
    /// A literal on the left, against the target.
    case literal(source: String, text: String, PolicyTemplate)
    /// An attribute of the credentials on the left.
    case attribute(source: String, path: [String], PolicyTemplate)
    /// A service's own kind.
    case custom(source: String, PolicyCheckKind.Decision)

    func passes(_ credentials: PolicyCredentials, _ target: PolicyTarget) -> Bool {
        switch self {
        case .always: return true
        case .never: return false
        case .not(let inner): return !inner.passes(credentials, target)
        case .all(let parts): return parts.allSatisfy { $0.passes(credentials, target) }
        case .any(let parts): return parts.contains { $0.passes(credentials, target) }
        case .rule(_, let inner): return inner.passes(credentials, target)
        case .role(_, let template):
            guard let role = template.text(in: target) else { return false }
            return credentials.roles.contains(role.lowercased())
        case .literal(_, let text, let template): return template.text(in: target) == text
        case .attribute(_, let path, let template):
            guard let text = template.text(in: target) else { return false }
            return credentials.has(text, at: path)
        case .custom(_, let decide): return decide(credentials, target)
        }
    }
}

extension PolicyCredentials {
    /// Whether the attribute at a path has this text. A list on the way, or at its end, matches when one of its
    /// elements does. An attribute that is null matches nothing: unlike upstream, where Python's None equals the
    /// target's None, a token without a project is not the owner of what has no project.
    func has(_ text: String, at path: [String]) -> Bool {
        guard let name = path.first else { return false }
        guard let value = attributes[name] else {
            return name == "roles" && path.count == 1 && roles.contains(text.lowercased())
        }
        return Self.matches(value, path.dropFirst(), text)
    }

    private static func matches(_ value: JSON, _ path: ArraySlice<String>, _ text: String) -> Bool {
        switch value {
        case .array(let elements): return elements.contains { matches($0, path, text) }
        case .object(let object):
            guard let name = path.first, let member = object[name] else { return false }
            return matches(member, path.dropFirst(), text)
        case .null: return false
        default: return path.isEmpty && value.policyText == text
        }
    }
}
