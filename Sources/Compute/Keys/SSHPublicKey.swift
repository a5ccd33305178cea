import Foundation

/// Public keys in OpenSSH's one-line form: kind, bytes in base64, comment.
enum SSHPublicKey {
    /// The key's bytes; nil for text that is no such key.
    static func bytes(of text: String) -> [UInt8]? {
        let parts = text.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, let data = Data(base64Encoded: String(parts[1])) else { return nil }
        let bytes = Array(data)
        var reader = SSHReader(bytes)
        guard let kind = reader.string(), kind == Array(parts[0].utf8), isWhole(String(parts[0]), &reader) else { return nil }
        return bytes
    }

    /// Whether what follows the kind is what that kind of key consists of (RFC 4253, RFC 5656, RFC 8709, OpenSSH's
    /// PROTOCOL.u2f).
    private static func isWhole(_ kind: String, _ reader: inout SSHReader) -> Bool {
        switch kind {
        case "ssh-rsa": reader.numbers(2) && reader.isAtEnd
        case "ssh-dss": reader.numbers(4) && reader.isAtEnd
        case "ssh-ed25519": reader.string()?.count == 32 && reader.isAtEnd
        case "ecdsa-sha2-nistp256": point(of: "nistp256", 32, &reader) && reader.isAtEnd
        case "ecdsa-sha2-nistp384": point(of: "nistp384", 48, &reader) && reader.isAtEnd
        case "ecdsa-sha2-nistp521": point(of: "nistp521", 66, &reader) && reader.isAtEnd
        case "sk-ssh-ed25519@openssh.com":
            reader.string()?.count == 32 && reader.string() != nil && reader.isAtEnd
        case "sk-ecdsa-sha2-nistp256@openssh.com":
            point(of: "nistp256", 32, &reader) && reader.string() != nil && reader.isAtEnd
        default: false
        }
    }

    /// An uncompressed point of a curve.
    private static func point(of curve: String, _ size: Int, _ reader: inout SSHReader) -> Bool {
        guard reader.string() == Array(curve.utf8), let point = reader.string() else { return false }
        return point.count == 2 * size + 1 && point.first == 4
    }
}

/// Reads the values of SSH's wire format.
private struct SSHReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func string() -> [UInt8]? {
        guard rest.count >= 4 else { return nil }
        let count = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(4)
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// Whether so many positive numbers follow.
    mutating func numbers(_ count: Int) -> Bool {
        for _ in 0..<count {
            guard let number = string(), let first = number.first, first < 0x80, number.contains(where: { $0 != 0 }) else { return false }
        }
        return true
    }
}
