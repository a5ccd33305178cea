import CloudCore

/// The right side of a check: text in which `%(name)s` stands for an attribute of the target and `%%` for a
/// percent sign, as in Python's formatting.
public struct PolicyTemplate: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case text(String)
        case attribute(String)
    }

    private let parts: [Part]

    /// Parses a template.
    /// - Throws: `PolicyError` for a percent sign that begins neither `%(name)s` nor `%%`.
    public init(_ source: String) throws(PolicyError) {
        var parts: [Part] = []
        var text = ""
        var rest = source[...]
        while let character = rest.popFirst() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            if rest.first == "%" {
                rest.removeFirst()
                text.append("%")
            } else {
                let name = try Self.attribute(&rest, in: source)
                if !text.isEmpty { parts.append(.text(text)) }
                parts.append(.attribute(name))
                text = ""
            }
        }
        if !text.isEmpty { parts.append(.text(text)) }
        self.parts = parts
    }

    private static func attribute(_ rest: inout Substring, in source: String) throws(PolicyError) -> String {
        guard rest.popFirst() == "(", let end = rest.firstIndex(of: ")") else {
            throw PolicyError("\"\(source)\": a percent sign must begin %(name)s or %%")
        }
        let name = String(rest[..<end])
        rest = rest[rest.index(after: end)...]
        guard !name.isEmpty, rest.popFirst() == "s" else {
            throw PolicyError("\"\(source)\": only the form %(name)s is known")
        }
        return name
    }

    /// The names of the target's attributes that the template refers to.
    public var attributes: [String] {
        parts.compactMap { if case .attribute(let name) = $0 { name } else { nil } }
    }

    /// The text with the target's attributes filled in; nil when the target lacks one of them.
    public func text(in target: PolicyTarget) -> String? {
        if parts.count == 1 {
            switch parts[0] {
            case .text(let text): return text
            case .attribute(let name): return target[name]?.policyText
            }
        }
        var result = ""
        for part in parts {
            switch part {
            case .text(let text): result += text
            case .attribute(let name):
                guard let value = target[name] else { return nil }
                result += value.policyText
            }
        }
        return result
    }
}

extension JSON {
    /// The value as Python's `str` writes it, which is what oslo.policy compares: True, False, None.
    var policyText: String {
        switch self {
        case .string(let value): value
        case .bool(let value): value ? "True" : "False"
        case .null: "None"
        case .int(let value): String(value)
        case .double, .array, .object: text
        }
    }
}
