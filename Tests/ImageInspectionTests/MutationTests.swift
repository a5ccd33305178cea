import ImageInspection
import Testing

/// SplitMix64: the same numbers on every machine.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Hostile headers: whatever stands in them, the inspector ends with an answer that holds together.
@Suite struct MutationTests {
    private static let values: [UInt8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]

    /// Changes some bytes of what the formats look at, and now and then cuts the image.
    private func mutate(_ image: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
        var image = image
        let interesting = [0..<128, 446..<512, 512..<1024, 32768..<32900, (192 << 10)..<(192 << 10) + 128, (1 << 20)..<(1 << 20) + 128]
        let places = interesting.filter { $0.upperBound <= image.count }
        for _ in 0..<Int.random(in: 1...12, using: &numbers) {
            guard let range = places.randomElement(using: &numbers), let value = Self.values.randomElement(using: &numbers) else { break }
            let start = Int.random(in: range, using: &numbers)
            for place in start..<min(start + Int.random(in: 1...8, using: &numbers), image.count) { image[place] = value }
        }
        if Int.random(in: 0..<4, using: &numbers) == 0 { image = Array(image.prefix(Int.random(in: 0...image.count, using: &numbers))) }
        return image
    }

    @Test(arguments: FormatTests.images.indices) func hostileHeaders(index: Int) {
        let image = FormatTests.images[index].bytes
        var numbers = SeededNumbers(state: UInt64(index))
        for _ in 0..<(image.count > 1 << 20 ? 30 : 150) {
            let mutant = mutate(image, &numbers)
            let report = mutant.inspected(chunk: Int.random(in: 500...200_000, using: &numbers))
            #expect(report.size == mutant.count)
            for match in report.matches {
                #expect((match.virtualSize ?? 0) >= 0)
                #expect(match.format == .raw || match.format == .iso || match.virtualSize != nil || !match.failures.isEmpty)
            }
        }
    }
}
