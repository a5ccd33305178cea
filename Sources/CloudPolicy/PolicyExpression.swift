/// A check as it was written: the syntax tree of oslo.policy's language, before rule references are resolved.
indirect enum PolicyExpression: Sendable, Hashable {
    case always
    case never
    case not(PolicyExpression)
    case all([PolicyExpression])
    case any([PolicyExpression])
    case check(kind: String, match: String)
}

extension PolicyExpression: CustomStringConvertible {
    /// The check in its normal form, which parses to an equal tree.
    var description: String {
        switch self {
        case .always: "@"
        case .never: "!"
        case .not(let inner): "not \(inner)"
        case .all(let parts): "(" + parts.map(\.description).joined(separator: " and ") + ")"
        case .any(let parts): "(" + parts.map(\.description).joined(separator: " or ") + ")"
        case .check(let kind, let match): "\(kind):\(match)"
        }
    }
}

/// Turns the text of a check into its tree. Unlike oslo.policy, which logs a bad check and then refuses everyone,
/// a bad check is an error with the column it was found at.
struct PolicyParser {
    /// How deep parentheses and negations may nest.
    static let maximumDepth = 64

    private let tokens: [PolicyToken]
    private var position = 0

    /// Parses a check; the empty text admits everyone.
    static func parse(_ text: String) throws(PolicyError) -> PolicyExpression {
        guard !text.isEmpty else { return .always }
        var parser = PolicyParser(tokens: try PolicyToken.all(in: text))
        let expression = try parser.disjunction(depth: 0)
        if let token = parser.next { throw token.failure("'and', 'or' or the end expected") }
        return expression
    }

    private init(tokens: [PolicyToken]) { self.tokens = tokens }

    private var next: PolicyToken? { position < tokens.count ? tokens[position] : nil }

    private mutating func accept(_ kind: PolicyToken.Kind) -> Bool {
        guard next?.kind == kind else { return false }
        position += 1
        return true
    }

    private mutating func disjunction(depth: Int) throws(PolicyError) -> PolicyExpression {
        var parts = [try conjunction(depth: depth)]
        while accept(.or) { parts.append(try conjunction(depth: depth)) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func conjunction(depth: Int) throws(PolicyError) -> PolicyExpression {
        var parts = [try operand(depth: depth)]
        while accept(.and) { parts.append(try operand(depth: depth)) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func operand(depth: Int) throws(PolicyError) -> PolicyExpression {
        guard let token = next else { throw PolicyError("a check expected at the end") }
        guard depth < Self.maximumDepth else { throw token.failure("nested too deeply") }
        position += 1
        switch token.kind {
        case .not: return .not(try operand(depth: depth + 1))
        case .check(let text): return try Self.check(text, at: token)
        case .open:
            let inner = try disjunction(depth: depth + 1)
            guard accept(.close) else { throw token.failure("this parenthesis is never closed") }
            return inner
        default: throw token.failure("a check expected")
        }
    }

    private static func check(_ text: String, at token: PolicyToken) throws(PolicyError) -> PolicyExpression {
        switch text {
        case "@": return .always
        case "!": return .never
        default: break
        }
        guard let colon = text.firstIndex(of: ":") else { throw token.failure("\"\(text)\" is not of the form kind:match") }
        let kind = String(text[..<colon])
        guard !kind.isEmpty else { throw token.failure("\"\(text)\" has nothing before its colon") }
        return .check(kind: kind, match: String(text[text.index(after: colon)...]))
    }
}

/// A word of the language and where it stands.
struct PolicyToken {
    enum Kind: Hashable {
        case open, close, and, or, not
        case check(String)
    }

    let kind: Kind
    /// Counted in characters from one.
    let column: Int

    func failure(_ reason: String) -> PolicyError { PolicyError("at column \(column): \(reason)") }

    /// Splits a check at white space; parentheses count only at a word's ends, because `%(name)s` has its own.
    static func all(in text: String) throws(PolicyError) -> [PolicyToken] {
        var tokens: [PolicyToken] = []
        var column = 1
        for word in text.split(omittingEmptySubsequences: false, whereSeparator: isSpace) {
            try append(word, column: column, to: &tokens)
            column += word.count + 1
        }
        guard !tokens.isEmpty else { throw PolicyError("only white space; write \"@\" to admit everyone, \"!\" to refuse") }
        return tokens
    }

    /// White space, with a short way for what nearly all rules are made of.
    private static func isSpace(_ character: Character) -> Bool {
        guard let byte = character.asciiValue else { return character.isWhitespace }
        return byte == 0x20 || (0x09...0x0d).contains(byte)
    }

    private static func append(_ word: Substring, column start: Int, to tokens: inout [PolicyToken]) throws(PolicyError) {
        var column = start
        let opened = word.drop { $0 == "(" }
        for _ in 0..<(word.count - opened.count) {
            tokens.append(PolicyToken(kind: .open, column: column))
            column += 1
        }
        var core = opened
        while core.last == ")" { core.removeLast() }
        if !core.isEmpty {
            tokens.append(PolicyToken(kind: try kind(of: core, column: column), column: column))
            column += core.count
        }
        for _ in 0..<(opened.count - core.count) {
            tokens.append(PolicyToken(kind: .close, column: column))
            column += 1
        }
    }

    private static func kind(of word: Substring, column: Int) throws(PolicyError) -> Kind {
        switch word.lowercased() {
        case "and": return .and
        case "or": return .or
        case "not": return .not
        default: break
        }
        if let quote = word.first, quote == "'" || quote == "\"", word.last == quote {
            throw PolicyError("at column \(column): the quoted text \(word) is not a check")
        }
        return .check(String(word))
    }
}
