/// A set of providers by their numbers in a snapshot: one bit each.
struct ProviderSet: Sendable, Hashable {
    private var words: [UInt64]

    /// An empty set of providers with numbers below `capacity`.
    init(capacity: Int) { words = Array(repeating: 0, count: (capacity + 63) / 64) }

    /// Every provider with a number below `capacity`.
    static func all(capacity: Int) -> ProviderSet {
        var set = ProviderSet(capacity: capacity)
        for position in set.words.indices { set.words[position] = .max }
        if capacity % 64 != 0 { set.words[set.words.count - 1] = (1 << UInt64(capacity % 64)) - 1 }
        return set
    }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    func contains(_ provider: Int) -> Bool { words[provider >> 6] & (1 << UInt64(provider & 63)) != 0 }

    mutating func insert(_ provider: Int) { words[provider >> 6] |= 1 << UInt64(provider & 63) }

    mutating func formUnion(_ other: ProviderSet) {
        for position in words.indices { words[position] |= other.words[position] }
    }

    mutating func formIntersection(_ other: ProviderSet) {
        for position in words.indices { words[position] &= other.words[position] }
    }

    mutating func subtract(_ other: ProviderSet) {
        for position in words.indices { words[position] &= ~other.words[position] }
    }

    /// Calls the body for each provider in the order of their numbers.
    func forEach(_ body: (Int) throws -> Void) rethrows {
        for (position, word) in words.enumerated() {
            var word = word
            while word != 0 {
                try body(position << 6 + word.trailingZeroBitCount)
                word &= word - 1
            }
        }
    }
}
