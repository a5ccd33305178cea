/// A truth value as Neutron's converters read it from a query: true and false, 0 and 1 and the like, in whatever case.
struct LenientBoolean: Sendable, Hashable {
    let value: Bool

    init?(_ text: String) {
        switch text.lowercased() {
        case "true", "1", "t", "yes", "y", "on": value = true
        case "false", "0", "f", "no", "n", "off": value = false
        default: return nil
        }
    }
}
