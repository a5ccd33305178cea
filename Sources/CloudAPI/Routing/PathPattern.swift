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
        for segment in path.split(separator: "/") {
            if case .rest? = parts.last { return nil }
            guard let part = Self.part(segment) else { return nil }
            parts.append(part)
        }
        self.parts = parts
    }

    private static func part(_ segment: Substring) -> Part? {
        guard segment.contains(where: { $0 == "{" || $0 == "}" }) else { return .literal(String(segment)) }
        guard segment.first == "{", segment.last == "}" else { return nil }
        let name = segment.dropFirst().dropLast()
        guard !name.isEmpty, !name.contains(where: { $0 == "{" || $0 == "}" }) else { return nil }
        return name.hasSuffix("...") ? .rest(String(name.dropLast(3))) : .parameter(String(name))
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
