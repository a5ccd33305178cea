import CloudCore

/// A truth value as Neutron's converters read it: true and false, 0 and 1, and their texts in whatever case.
struct LenientBoolean: Sendable, Hashable {
    let value: Bool

    private init(value: Bool) { self.value = value }

    init?(_ text: String) {
        switch text.lowercased() {
        case "true", "1": self.init(value: true)
        case "false", "0": self.init(value: false)
        default: return nil
        }
    }

    init?(_ json: JSON) {
        switch json {
        case .bool(let value): self.init(value: value)
        case .int(0): self.init(value: false)
        case .int(1): self.init(value: true)
        case .string(let text): self.init(text)
        default: return nil
        }
    }
}

extension JSON {
    /// The whole number, also when it is written as text.
    var lenientInt: Int? {
        switch self {
        case .int(let value): value
        case .string(let text): Int(text)
        default: nil
        }
    }
}
