import CloudAPI
import CloudCore

extension JSON {
    /// A whole number that may come as its decimal text.
    func lenientInt(_ name: String) -> Int? { self[name]?.int ?? self[name]?.string.flatMap { Int($0) } }
    /// A truth value that may come as text.
    func lenientBool(_ name: String) -> Bool? { self[name]?.bool ?? self[name]?.string.flatMap(LenientBoolean.parse) }
}

/// The texts that oslo's strict bool_from_string takes for a truth value.
enum LenientBoolean {
    static func parse(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true", "on", "y", "yes": true
        case "0", "f", "false", "off", "n", "no": false
        default: nil
        }
    }
}

