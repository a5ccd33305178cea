import CloudCore
import Testing

/// Identifiers that no seed decides, and choices.
@Suite struct ReproducibleIdentifierTests {
    @Test func passingIdentifiersAreUUIDsOfTheirOwn() {
        let some = (0..<300).map { _ in Identifier.passing() }
        #expect(Set(some).count == 300)
        #expect(some.allSatisfy { Identifier.isUUID($0) })
    }

    @Test func choicesStayInRange() {
        var choice = ChoiceGenerator()
        #expect((0..<1000).allSatisfy { _ in (3...5).contains(Int.random(in: 3...5, using: &choice)) })
    }
}
