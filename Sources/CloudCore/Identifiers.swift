import Foundation
import Synchronization

/// Identifiers as OpenStack's services write them.
public enum Identifier {
    /// A random UUID in lower case with hyphens: most services' resources.
    public static func uuid() -> String { text(hyphens: true) }

    /// A random UUID as 32 hexadecimal digits: Keystone's resources.
    public static func hex() -> String { text(hyphens: false) }

    /// A version 4 UUID (RFC 9562, section 5.4). Foundation's opens the random device for each.
    private static func text(hyphens: Bool) -> String {
        let random = RandomWords.shared.pair()
        let high = random.0 & ~0xf000 | 0x4000
        let low = random.1 & ~(0b11 << 62) | (0b10 << 62)
        return String(unsafeUninitializedCapacity: 36) { bytes in
            var count = 0
            for position in 0..<32 {
                if hyphens, position == 8 || position == 12 || position == 16 || position == 20 {
                    bytes[count] = UInt8(ascii: "-")
                    count += 1
                }
                let half = position < 16 ? high : low
                let digit = UInt8(truncatingIfNeeded: half >> UInt64(60 - position % 16 * 4)) & 0xf
                bytes[count] = digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
                count += 1
            }
            return count
        }
    }

    /// Whether the text is a UUID in either form, in whatever case.
    public static func isUUID(_ text: String) -> Bool {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
        guard digits.count == 32, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return false }
        return text.utf8.count == 32 || UUID(uuidString: text) != nil
    }
}

/// Random words fetched from the system many at a time: each request needs an identifier, and a call of the system for
/// every eight bytes would cost more than the rest of making one.
private final class RandomWords: Sendable {
    private struct State {
        var words: [UInt64] = Array(repeating: 0, count: 128)
        var used = 128
    }

    static let shared = RandomWords()
    private let state = Mutex(State())

    func pair() -> (UInt64, UInt64) {
        state.withLock { state in
            if state.used == state.words.count {
                state.words.withUnsafeMutableBytes { if let start = $0.baseAddress { arc4random_buf(start, $0.count) } }
                state.used = 0
            }
            defer { state.used += 2 }
            return (state.words[state.used], state.words[state.used + 1])
        }
    }
}
