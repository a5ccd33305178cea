import Foundation

/// Identifiers as OpenStack's services write them.
public enum Identifier {
    /// A random UUID in lower case with hyphens: most services' resources.
    public static func uuid() -> String { UUID().uuidString.lowercased() }

    /// A random UUID as 32 hexadecimal digits: Keystone's resources.
    public static func hex() -> String { uuid().filter { $0 != "-" } }

    /// Whether the text is a UUID in either form, in whatever case.
    public static func isUUID(_ text: String) -> Bool {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
        guard digits.count == 32, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return false }
        return text.utf8.count == 32 || UUID(uuidString: text) != nil
    }
}
