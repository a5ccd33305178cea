import CloudCore
import Yams

/// Where an effective check was written.
public enum PolicyOrigin: Sendable, Hashable, CustomStringConvertible {
    /// The service's default.
    case builtIn
    /// An operator's override without a file.
    case override
    /// A line of the operator's file, counted from one.
    case file(String, line: Int)

    public var description: String {
        switch self {
        case .builtIn: "default"
        case .override: "override"
        case .file(let file, let line): "\(file):\(line)"
        }
    }

    /// What an error message begins with.
    var prefix: String { if case .file = self { "\(self): " } else { "" } }
}

/// The operator's checks, each with the line that holds it.
public struct PolicyOverrides: Sendable {
    let sources: [String: PolicySource]

    /// The checks by rule name.
    public var checks: [String: String] { sources.mapValues(\.text) }
}

extension PolicyEngine {
    /// The largest policy file that is read, in bytes.
    public static let maximumFileSize = 1 << 20

    /// Reads a policy file: a YAML (or JSON) mapping of rule names to checks, each a text in the rule language or
    /// the older list of lists, whose outer list means `or` and whose inner lists mean `and`.
    /// - Parameters:
    ///   - text: the file's content.
    ///   - file: its name, for error messages.
    /// - Throws: `PolicyError` with file and line for text that is not YAML, names a rule twice, or gives a rule
    ///   something else than a check. What a check says is examined only when the engine is made.
    public static func overrides(fromYAML text: String, file: String) throws(PolicyError) -> PolicyOverrides {
        guard text.utf8.count <= maximumFileSize else { throw PolicyError("\(file): larger than \(maximumFileSize) bytes") }
        guard let root = try compose(text, file: file), !root.isPlainNull else { return PolicyOverrides(sources: [:]) }
        guard let mapping = root.mapping else { throw PolicyError("\(file):1: a mapping of rule names to checks expected") }
        var sources: [String: PolicySource] = [:]
        for (key, value) in mapping {
            let line = key.mark?.line ?? 1
            guard let name = key.scalar?.string, !name.isEmpty else { throw PolicyError("\(file):\(line): a rule's name expected") }
            do {
                sources[name] = PolicySource(text: try check(value), origin: .file(file, line: line))
            } catch {
                throw PolicyError("\(file):\(value.mark?.line ?? line): rule \"\(name)\": \(error)")
            }
        }
        return PolicyOverrides(sources: sources)
    }

    private static func compose(_ text: String, file: String) throws(PolicyError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw PolicyError(message(error, file: file))
        } catch {
            throw PolicyError("\(file): \(error)")
        }
    }

    private static func message(_ error: YamlError, file: String) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            "\(file):\(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let names, let context):
            "\(file):\(context.mark.line): named twice: \(names.sorted().joined(separator: ", "))"
        case .reader(let problem, _, _, _): "\(file): \(problem)"
        default: "\(file): \(error)"
        }
    }

    private static func check(_ node: Node) throws(PolicyError) -> String {
        if let scalar = node.scalar {
            // `!` alone is a YAML tag and `null` a missing value; upstream takes both for "everyone".
            guard !node.isPlainNull else { throw PolicyError("no check; write \"\" or \"@\" to admit everyone, \"!\" to refuse, in quotes") }
            return scalar.string
        }
        guard let list = node.sequence else { throw PolicyError("a text or a list of lists expected") }
        guard !list.isEmpty else { return "@" }
        var alternatives: [String] = []
        for element in list {
            let all = try conjunction(element)
            if !all.isEmpty { alternatives.append(all.count == 1 ? all[0] : "(" + all.joined(separator: " and ") + ")") }
        }
        return alternatives.isEmpty ? "!" : alternatives.joined(separator: " or ")
    }

    private static func conjunction(_ node: Node) throws(PolicyError) -> [String] {
        let nodes = node.sequence.map(Array.init) ?? [node]
        var checks: [String] = []
        for node in nodes {
            guard let text = node.scalar?.string, !text.isEmpty, !text.contains(where: \.isWhitespace), text.last != ")", text.first != "("
            else { throw PolicyError("a list may hold only single checks, such as \"role:admin\"") }
            checks.append(text)
        }
        return checks
    }
}

extension Node {
    /// Whether nothing was written: an empty plain scalar or YAML's null.
    fileprivate var isPlainNull: Bool {
        guard let scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}
