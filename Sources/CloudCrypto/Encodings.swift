/// Base64 with the URL-safe alphabet (RFC 4648 section 5).
public enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let invalid: UInt8 = 0xFF
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: invalid, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// The text of bytes, with `=` up to a multiple of four characters or without.
    public static func encode(_ bytes: [UInt8], padding: Bool = false) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group = UInt32(0)
            for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0) }
            for position in 0...count { text.append(alphabet[Int(group >> (18 - 6 * UInt32(position)) & 63)]) }
            if padding { text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - count)) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a text with or without padding; nil for other characters, a length no bytes have, and bits
    /// beyond the last byte, so that every byte string has exactly one text.
    public static func decode(_ text: String) -> [UInt8]? {
        var characters = Array(text.utf8)
        while characters.last == UInt8(ascii: "="), characters.count % 4 == 0 || text.utf8.count % 4 == 0 {
            guard text.utf8.count % 4 == 0, text.utf8.count - characters.count < 2 else { return nil }
            characters.removeLast()
        }
        guard characters.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count * 3 / 4)
        var (bits, count) = (UInt32(0), 0)
        for character in characters {
            let value = values[Int(character)]
            guard value != invalid else { return nil }
            (bits, count) = (bits << 6 | UInt32(value), count + 6)
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return bits & ((1 << UInt32(count)) - 1) == 0 ? bytes : nil
    }
}

extension Sequence<UInt8> {
    /// Two lower-case hexadecimal digits a byte: checksums, fingerprints.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
