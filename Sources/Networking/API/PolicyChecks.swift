import CloudCore
import CloudPolicy

extension PolicyCheckKind {
    /// Neutron's `field:networks:shared=True` and `field:port:device_owner=~^network:`: an attribute of the target,
    /// whatever the resource before it is called, equal to a value or matched by a pattern. A list of projects is true for
    /// those in it, and for everyone when it names everyone.
    static let field = PolicyCheckKind("field") { match in
        guard let separator = match.firstIndex(of: ":"), let equals = match[separator...].firstIndex(of: "=") else {
            throw PolicyError("field:\(match): field:<resource>:<attribute>=<value> is expected")
        }
        let name = String(match[match.index(after: separator)..<equals])
        let value = match[match.index(after: equals)...]
        guard value.hasPrefix("~") else { return equality(name, String(value)) }
        return try pattern(name, String(value.dropFirst()))
    }

    private static func equality(_ name: String, _ value: String) -> Decision {
        let flag = LenientBoolean(value)?.value
        return { credentials, target in
            switch target[name] {
            case .array(let projects):
                let own = credentials.attributes["project_id"]?.string
                return flag == projects.contains { $0.string == SharingPolicy.everyone || own != nil && $0.string == own }
            case .bool(let actual): return actual == flag
            case .string(let actual): return actual == value
            case .int(let actual): return String(actual) == value
            default: return false
            }
        }
    }

    private static func pattern(_ name: String, _ text: String) throws -> Decision {
        // The patterns of the default rules are prefixes; they need no regular expression.
        if text.hasPrefix("^"), text.dropFirst().wholeMatch(of: /[A-Za-z0-9_:-]*/) != nil {
            let prefix = String(text.dropFirst())
            return { _, target in target[name]?.string?.hasPrefix(prefix) ?? false }
        }
        _ = try Regex(text)
        return { _, target in
            // A compiled Regex is not Sendable; patterns of an operator's own are rare enough to compile each time.
            guard let value = target[name]?.string, let regex = try? Regex(text) else { return false }
            return value.prefixMatch(of: regex) != nil
        }
    }
}
