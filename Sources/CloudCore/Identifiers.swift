import Foundation
import Synchronization

/// Identifiers as OpenStack's services write them.
public enum Identifier {
    /// A random UUID in lower case with hyphens: most services' resources.
    public static func uuid() -> String { text(.resources, hyphens: true) }

    /// A random UUID as 32 hexadecimal digits: Keystone's resources.
    public static func hex() -> String { text(.resources, hyphens: false) }

    /// A random UUID for what is gone soon, such as a request. It is never drawn from a seed: how often somebody asks how
    /// things stand must not decide what the next resource is called.
    public static func passing() -> String { text(.passing, hyphens: true) }

    /// Draws the identifiers and random choices to come from a seed instead of the system: clouds for tests, in which the
    /// same requests shall give the same identifiers. Keys, passwords and tokens never come from it.
    public static func reproduce(seed: UInt64) { RandomWords.resources.seed(seed) }

    /// A version 4 UUID (RFC 9562, section 5.4). Foundation's opens the random device for each.
    private static func text(_ words: RandomWords, hyphens: Bool) -> String {
        let random = words.pair()
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

/// Random numbers for choices that are no secret: the system's, or those that follow from `Identifier.reproduce`'s seed.
public struct ChoiceGenerator: RandomNumberGenerator, Sendable {
    /// The process's generator; all values of this type draw from the same numbers.
    public init() {}

    /// The next number.
    public mutating func next() -> UInt64 { RandomWords.resources.next() }
}

/// Random words fetched from the system many at a time: each request needs an identifier, and a call of the system for
/// every eight bytes would cost more than the rest of making one.
private final class RandomWords: Sendable {
    private struct State {
        var words: [UInt64] = Array(repeating: 0, count: 128)
        var used = 128
        /// Where SplitMix64 stands; nil for the system's numbers.
        var seeded: UInt64?

        mutating func next() -> UInt64 {
            if used == words.count { fill() }
            defer { used += 1 }
            return words[used]
        }

        private mutating func fill() {
            if seeded == nil {
                words.withUnsafeMutableBytes { if let start = $0.baseAddress { arc4random_buf(start, $0.count) } }
            } else {
                for position in words.indices { words[position] = step() }
            }
            used = 0
        }

        /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
        private mutating func step() -> UInt64 {
            let place = (seeded ?? 0) &+ 0x9e37_79b9_7f4a_7c15
            seeded = place
            var word = (place ^ place >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            return word ^ word >> 31
        }
    }

    static let resources = RandomWords()
    static let passing = RandomWords()
    private let state = Mutex(State())

    func seed(_ seed: UInt64) { state.withLock { ($0.seeded, $0.used) = (seed, $0.words.count) } }

    func next() -> UInt64 { state.withLock { $0.next() } }

    func pair() -> (UInt64, UInt64) { state.withLock { ($0.next(), $0.next()) } }
}
