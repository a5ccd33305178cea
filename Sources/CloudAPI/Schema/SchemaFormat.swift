import CloudCore
import Foundation
import Synchronization

/// Patterns, compiled once each for the life of the program.
enum PatternCache {
    private static let compiled = Mutex<[String: NSRegularExpression]>([:])

    /// Whether the pattern matches the text as a whole. A pattern that does not compile matches nothing; a server
    /// refuses to start with one.
    static func matches(_ text: String, _ pattern: String) -> Bool {
        guard let expression = expression(pattern) else { return false }
        let whole = NSRange(location: 0, length: text.utf16.count)
        return expression.firstMatch(in: text, options: [.anchored], range: whole)?.range == whole
    }

    /// The pattern, bound to the text's whole length; nil when it does not compile.
    static func expression(_ pattern: String) -> NSRegularExpression? {
        compiled.withLock { compiled in
            if let known = compiled[pattern] { return known }
            let bound = "(?:\(pattern))\\z"
            guard let expression = try? NSRegularExpression(pattern: bound) else { return nil }
            compiled[pattern] = expression
            return expression
        }
    }
}

extension Schema.Format {
    /// Whether a text has this format.
    func admits(_ text: String) -> Bool {
        switch self {
        case .uuid: Identifier.isUUID(text)
        case .uri: Self.isURI(text)
        case .email: PatternCache.matches(text, #"[^@\s]+@[^@\s]+"#)
        case .ipv4: Self.isAddress(text, AF_INET)
        case .ipv6: Self.isAddress(text, AF_INET6)
        case .ip: Self.isAddress(text, AF_INET) || Self.isAddress(text, AF_INET6)
        case .cidr: Self.isCIDR(text)
        case .base64: Data(base64Encoded: text) != nil
        case .dateTime: Timestamp(iso8601: text) != nil
        case .mac: Self.isMAC(text)
        }
    }

    private static func isURI(_ text: String) -> Bool {
        guard let url = URL(string: text), let scheme = url.scheme else { return false }
        return !scheme.isEmpty && !text.contains(where: \.isWhitespace)
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var storage = in6_addr()
        return inet_pton(family, text, &storage) == 1
    }

    /// An address and a prefix length; host bits may be set, which Neutron judges by itself.
    private static func isCIDR(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = Int(parts[1]), length >= 0, parts[1].allSatisfy(\.isNumber) else { return false }
        let address = String(parts[0])
        return (isAddress(address, AF_INET) && length <= 32) || (isAddress(address, AF_INET6) && length <= 128)
    }

    private static func isMAC(_ text: String) -> Bool {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" }
        return parts.count == 6 && parts.allSatisfy { $0.utf8.count == 2 && $0.allSatisfy(\.isHexDigit) }
    }
}

extension JSON {
    /// The truth value of a boolean, or of a text that oslo's strict `bool_from_string` takes for one; nil for others.
    public var lenientBool: Bool? {
        if let bool { return bool }
        guard let text = int.map(String.init) ?? string?.lowercased() else { return nil }
        switch text.trimmingCharacters(in: .whitespaces) {
        case "1", "t", "true", "on", "y", "yes": return true
        case "0", "f", "false", "off", "n", "no": return false
        default: return nil
        }
    }

    /// The number of an integer, or of its decimal text; nil for others.
    public var lenientInt: Int? { int ?? string.flatMap { Int($0) } }
}
