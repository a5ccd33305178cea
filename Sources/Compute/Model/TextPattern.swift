import CloudCore

/// A regular expression of a user's, as filters of lists take them. It is matched by walking all of its states at once, so the
/// cost is at most its size times the text's: no expression can keep the program busy. Letters match in either case, as the
/// original's default collation has it. What it knows: literals, `.`, `[…]`, `\d \w \s` and their opposites, `^ $`, `|`, groups,
/// and `* + ? {n,m}`.
struct TextPattern: Sendable, Hashable {
    /// Why a text is no expression.
    struct Invalid: Error, Hashable {}

    fileprivate enum Instruction: Sendable, Hashable {
        case scalar(Unicode.Scalar)
        case any
        case set([ClosedRange<UInt32>], isNegated: Bool)
        case split(Int, Int)
        case jump(Int)
        case begin
        case end
        case match
    }

    /// The longest expression, and the most instructions it may become.
    private static let (longest, largest) = (255, 4_000)
    private let program: [Instruction]
    /// The text that it stands for when it has no special signs; nil otherwise.
    let literal: String?

    /// - Throws: `Invalid`.
    init(_ text: String) throws(Invalid) {
        guard text.count <= Self.longest else { throw Invalid() }
        literal = text.contains(where: { #"\.[](){}*+?^$|"#.contains($0) }) ? nil : text
        var parser = PatternParser(text)
        let node = try parser.whole()
        var program: [Instruction] = []
        try Self.emit(node, into: &program)
        program.append(.match)
        self.program = program
    }

    /// Whether any part of a text matches.
    func matches(_ text: String) -> Bool {
        let scalars = Array(text.lowercased().unicodeScalars)
        var current = States(program.count)
        for position in 0...scalars.count {
            add(0, at: position, of: scalars.count, to: &current)
            if current.hasMatch { return true }
            guard position < scalars.count else { return false }
            var next = States(program.count)
            for state in current.list where admits(program[state], scalars[position]) {
                add(state + 1, at: position + 1, of: scalars.count, to: &next)
            }
            if next.hasMatch { return true }
            current = next
        }
        return false
    }

    private struct States {
        var list: [Int] = []
        var seen: [Bool]
        var hasMatch = false

        init(_ count: Int) { seen = Array(repeating: false, count: count) }
    }

    /// Adds a state with all that it leads to without reading.
    private func add(_ first: Int, at position: Int, of count: Int, to states: inout States) {
        var pending = [first]
        while let state = pending.popLast() {
            guard !states.seen[state] else { continue }
            states.seen[state] = true
            switch program[state] {
            case .jump(let target): pending.append(target)
            case .split(let left, let right): pending += [right, left]
            case .begin: if position == 0 { pending.append(state + 1) }
            case .end: if position == count { pending.append(state + 1) }
            case .match: states.hasMatch = true
            case .scalar, .any, .set: states.list.append(state)
            }
        }
    }

    private func admits(_ instruction: Instruction, _ scalar: Unicode.Scalar) -> Bool {
        switch instruction {
        case .scalar(let wanted): wanted == scalar
        case .any: true
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(scalar.value) } != isNegated
        case .split, .jump, .begin, .end, .match: false
        }
    }

    // MARK: From tree to program

    private static func emit(_ node: PatternNode, into program: inout [Instruction]) throws(Invalid) {
        guard program.count < largest else { throw Invalid() }
        switch node {
        case .scalar(let scalar): program.append(.scalar(scalar))
        case .any: program.append(.any)
        case .set(let ranges, let isNegated): program.append(.set(ranges, isNegated: isNegated))
        case .begin: program.append(.begin)
        case .end: program.append(.end)
        case .sequence(let nodes): for node in nodes { try emit(node, into: &program) }
        case .alternatives(let nodes): try emit(alternatives: nodes, into: &program)
        case .repetition(let node, let minimum, let maximum):
            for _ in 0..<minimum { try emit(node, into: &program) }
            guard let maximum else { return try emit(star: node, into: &program) }
            for _ in 0..<max(0, maximum - minimum) {
                let split = program.count
                program.append(.jump(0))
                try emit(node, into: &program)
                program[split] = .split(split + 1, program.count)
            }
        }
    }

    private static func emit(alternatives nodes: [PatternNode], into program: inout [Instruction]) throws(Invalid) {
        var ends: [Int] = []
        for (position, node) in nodes.enumerated() {
            let split = program.count
            if position < nodes.count - 1 { program.append(.jump(0)) }
            try emit(node, into: &program)
            guard position < nodes.count - 1 else { break }
            ends.append(program.count)
            program.append(.jump(0))
            program[split] = .split(split + 1, program.count)
        }
        for end in ends { program[end] = .jump(program.count) }
    }

    private static func emit(star node: PatternNode, into program: inout [Instruction]) throws(Invalid) {
        let split = program.count
        program.append(.jump(0))
        try emit(node, into: &program)
        program.append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }
}

/// A part of an expression.
private indirect enum PatternNode {
    case scalar(Unicode.Scalar)
    case any
    case set([ClosedRange<UInt32>], isNegated: Bool)
    case begin
    case end
    case sequence([PatternNode])
    case alternatives([PatternNode])
    case repetition(PatternNode, minimum: Int, maximum: Int?)
}

/// Reads an expression's text.
private struct PatternParser {
    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private static let (deepest, mostRepeats) = (50, 255)

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func take() -> Unicode.Scalar? {
        guard let scalar = next else { return nil }
        position += 1
        return scalar
    }

    mutating func whole() throws(TextPattern.Invalid) -> PatternNode {
        let node = try alternatives()
        guard next == nil else { throw TextPattern.Invalid() }
        return node
    }

    private mutating func alternatives() throws(TextPattern.Invalid) -> PatternNode {
        depth += 1
        guard depth <= Self.deepest else { throw TextPattern.Invalid() }
        defer { depth -= 1 }
        var nodes = [try sequence()]
        while next == "|" {
            position += 1
            nodes.append(try sequence())
        }
        return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() throws(TextPattern.Invalid) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" { nodes.append(try repetition()) }
        return .sequence(nodes)
    }

    private mutating func repetition() throws(TextPattern.Invalid) -> PatternNode {
        var node = try atom()
        while let sign = next {
            switch sign {
            case "*": node = .repetition(node, minimum: 0, maximum: nil)
            case "+": node = .repetition(node, minimum: 1, maximum: nil)
            case "?": node = .repetition(node, minimum: 0, maximum: 1)
            case "{":
                position += 1
                let (minimum, maximum) = try bounds()
                node = .repetition(node, minimum: minimum, maximum: maximum)
                continue
            default: return node
            }
            position += 1
        }
        return node
    }

    private mutating func bounds() throws(TextPattern.Invalid) -> (Int, Int?) {
        let minimum = try number() ?? 0
        guard next == "," else {
            guard take() == "}" else { throw TextPattern.Invalid() }
            return (minimum, minimum)
        }
        position += 1
        let maximum = try number()
        guard take() == "}", maximum ?? minimum >= minimum else { throw TextPattern.Invalid() }
        return (minimum, maximum)
    }

    private mutating func number() throws(TextPattern.Invalid) -> Int? {
        var number: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            position += 1
            number = (number ?? 0) * 10 + Int(scalar.value - 48)
            guard (number ?? 0) <= Self.mostRepeats else { throw TextPattern.Invalid() }
        }
        return number
    }

    private mutating func atom() throws(TextPattern.Invalid) -> PatternNode {
        switch take() {
        case "."?: return .any
        case "^"?: return .begin
        case "$"?: return .end
        case "["?: return try set()
        case "("?:
            if next == "?" {
                guard position + 1 < text.count, text[position + 1] == ":" else { throw TextPattern.Invalid() }
                position += 2
            }
            let node = try alternatives()
            guard take() == ")" else { throw TextPattern.Invalid() }
            return node
        case "\\"?:
            guard let scalar = take() else { throw TextPattern.Invalid() }
            return Self.kind(scalar) ?? .scalar(Self.small(scalar))
        case "*"?, "+"?, "?"?, "{"?, nil: throw TextPattern.Invalid()
        case let scalar?: return .scalar(Self.small(scalar))
        }
    }

    /// The kinds of signs behind a backslash.
    private static func kind(_ scalar: Unicode.Scalar) -> PatternNode? {
        let isNegated = ("A"..."Z").contains(scalar)
        return switch scalar {
        case "d", "D": .set([48...57], isNegated: isNegated)
        case "w", "W": .set([48...57, 97...122, 95...95], isNegated: isNegated)
        case "s", "S": .set([9...13, 32...32], isNegated: isNegated)
        default: nil
        }
    }

    /// Texts are matched in small letters.
    private static func small(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let mapping = scalar.properties.lowercaseMapping.unicodeScalars
        return mapping.count == 1 ? mapping.first ?? scalar : scalar
    }

    private mutating func set() throws(TextPattern.Invalid) -> PatternNode {
        let isNegated = next == "^"
        if isNegated { position += 1 }
        var ranges: [ClosedRange<UInt32>] = []
        while let scalar = take() {
            if scalar == "]", !ranges.isEmpty { return .set(ranges, isNegated: isNegated) }
            var first = Self.small(scalar)
            if scalar == "\\" {
                guard let escaped = take() else { throw TextPattern.Invalid() }
                if case .set(let kinds, let isOpposite)? = Self.kind(escaped) {
                    guard !isOpposite else { throw TextPattern.Invalid() }
                    ranges += kinds
                    continue
                }
                first = Self.small(escaped)
            }
            guard next == "-", position + 1 < text.count, text[position + 1] != "]" else {
                ranges.append(first.value...first.value)
                continue
            }
            position += 1
            guard let end = take() else { throw TextPattern.Invalid() }
            let last = Self.small(end)
            guard last.value >= first.value else { throw TextPattern.Invalid() }
            ranges.append(first.value...last.value)
        }
        throw TextPattern.Invalid()
    }
}
