/// An endpoint's path, taken apart.
struct PathPattern {
    enum Part: Equatable {
        case literal(String)
        case parameter(String)
        /// A last parameter that takes the rest of the path, slashes and all.
        case rest(String)
    }

    let parts: [Part]

    /// Takes a path apart; nil when its braces do not match or a `{name...}` is not the last part.
    init?(_ path: String) {
        var parts: [Part] = []
        // By bytes: hundreds of paths are taken apart before a program is ready.
        for segment in path.utf8.split(separator: UInt8(ascii: "/")) {
            if case .rest? = parts.last { return nil }
            guard let part = Self.part(Substring(segment)) else { return nil }
            parts.append(part)
        }
        self.parts = parts
    }

    private static func part(_ segment: Substring) -> Part? {
        guard hasBrace(segment) else { return .literal(String(segment)) }
        guard segment.first == "{", segment.last == "}" else { return nil }
        let name = segment.dropFirst().dropLast()
        guard !name.isEmpty, !hasBrace(name) else { return nil }
        return name.hasSuffix("...") ? .rest(String(name.dropLast(3))) : .parameter(String(name))
    }

    private static func hasBrace(_ text: Substring) -> Bool {
        text.utf8.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
    }

    /// The names of the parameters in order.
    var parameterNames: [String] {
        parts.compactMap { part in
            switch part {
            case .literal: nil
            case .parameter(let name), .rest(let name): name
            }
        }
    }
}
