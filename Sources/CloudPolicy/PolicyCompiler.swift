import CloudCore

/// Compiles checks in the order in which they refer to one another.
struct PolicyCompiler {
    /// How long a chain of rules that refer to one another may be.
    static let maximumChain = 64
    private static let reserved: Set = ["rule", "role", "http", "https"]

    private let sources: [String: PolicySource]
    private let kinds: [String: PolicyCheckKind]
    private var compiled: [String: PolicyCheck] = [:]
    private var underway: [String] = []
    /// The rules that some other rule refers to.
    private(set) var referenced: Set<String> = []

    init(sources: [String: PolicySource], kinds: [PolicyCheckKind]) throws(PolicyError) {
        var known: [String: PolicyCheckKind] = [:]
        for kind in kinds {
            guard !Self.reserved.contains(kind.name), known[kind.name] == nil else {
                throw PolicyError("the kind of check \"\(kind.name)\" exists already")
            }
            known[kind.name] = kind
        }
        (self.sources, self.kinds) = (sources, known)
    }

    /// Compiles every rule; sorted, so that of several errors the same one is always reported.
    mutating func compileAll() throws(PolicyError) -> [String: PolicyCheck] {
        for name in sources.keys.sorted() { _ = try check(named: name) }
        return compiled
    }

    private mutating func check(named name: String) throws(PolicyError) -> PolicyCheck {
        if let check = compiled[name] { return check }
        guard let source = sources[name] else { throw PolicyError(unknown(name)) }
        if let start = underway.firstIndex(of: name) {
            let circle = (underway[start...] + [name]).joined(separator: " -> ")
            throw PolicyError("refers to itself in a circle: \(circle)")
        }
        guard underway.count < Self.maximumChain else {
            throw PolicyError("rules refer to one another more than \(Self.maximumChain) deep")
        }
        underway.append(name)
        let check = try compile(source, named: name)
        underway.removeLast()
        compiled[name] = check
        return check
    }

    /// Compiles one rule's text. An error from a rule further down the chain, which is then still under way, has
    /// been labelled there already.
    private mutating func compile(_ source: PolicySource, named name: String) throws(PolicyError) -> PolicyCheck {
        let depth = underway.count
        do {
            return try compile(try PolicyParser.parse(source.text))
        } catch {
            guard underway.count == depth else { throw error }
            throw PolicyError("\(source.origin.prefix)rule \"\(name)\": \(error)")
        }
    }

    private func unknown(_ name: String) -> String {
        let hint = Suggestion.nearest(to: name, among: sources.keys).map { "; is \"\($0)\" meant?" } ?? ""
        return "refers to the rule \"\(name)\", which does not exist\(hint)"
    }

    private mutating func compile(_ expression: PolicyExpression) throws(PolicyError) -> PolicyCheck {
        switch expression {
        case .always: return .always
        case .never: return .never
        case .not(let inner): return .not(try compile(inner))
        case .all(let parts): return .all(try compile(parts))
        case .any(let parts): return .any(try compile(parts))
        case .check(let kind, let match): return try compile(kind: kind, match: match)
        }
    }

    private mutating func compile(_ parts: [PolicyExpression]) throws(PolicyError) -> [PolicyCheck] {
        var checks: [PolicyCheck] = []
        for part in parts { checks.append(try compile(part)) }
        return checks
    }

    private mutating func compile(kind: String, match: String) throws(PolicyError) -> PolicyCheck {
        let source = "\(kind):\(match)"
        switch kind {
        case "rule":
            referenced.insert(match)
            return .rule(match, try check(named: match))
        case "role": return .role(source, try PolicyTemplate(match))
        case "http", "https":
            throw PolicyError("\(source): checks that ask a remote server are not supported")
        default: break
        }
        if let custom = kinds[kind] {
            do {
                return .custom(source: source, try custom.compile(match))
            } catch {
                throw PolicyError("\(source): \(error)")
            }
        }
        let template = try PolicyTemplate(match)
        if let literal = try Self.literal(kind) { return .literal(source: source, text: literal, template) }
        let path = kind.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !path.contains("") else { throw PolicyError("\(source): \"\(kind)\" is not a path of names") }
        return .attribute(source: source, path: path, template)
    }

    /// The text of a Python literal: a quoted string, True, False, None or a number; nil for a name.
    private static func literal(_ text: String) throws(PolicyError) -> String? {
        if ["True", "False", "None"].contains(text) { return text }
        if let number = Int(text) { return String(number) }
        if text.first?.isNumber == true, let number = Double(text) { return JSON.double(number).policyText }
        guard let quote = text.first, quote == "'" || quote == "\"" else { return nil }
        let inner = text.dropFirst().dropLast()
        guard text.count > 1, text.last == quote, !inner.contains(quote), !inner.contains("\\") else {
            throw PolicyError("\(text) is not a quoted text")
        }
        return String(inner)
    }
}

/// A check's text and where it was written.
struct PolicySource: Sendable {
    let text: String
    let origin: PolicyOrigin
}
