import Testing

@testable import Compute

/// Users' expressions in filters.
struct TextPatternTests {
    @Test(arguments: [
        ("web", "my-WEB-1", true), ("^web", "my-web", false), ("web$", "my-web", true), ("w.b", "wxb", true), ("w.b", "wb", false),
        ("a*b", "b", true), ("^a+b$", "aaab", true), ("^a+b$", "b", false), ("^ab?c$", "ac", true), ("[a-c]1", "xB1", true),
        ("[^a-c]1", "b1", false), ("(one|two)-", "two-x", true), ("^(?:one|two)$", "three", false), ("^a{2,3}$", "aaaa", false),
        ("^a{2,3}$", "aaa", true), ("^a{2}$", "aaa", false), (#"\d\d"#, "n42", true), (#"^\D+$"#, "n42", false), (#"a\.b"#, "axb", false),
        ("", "anything", true), ("|x", "y", true), ("(a|b)*c", "ababc", true), ("server-[0-9]+$", "Server-17", true),
    ])
    func matchesAsExpected(pattern: String, text: String, isMatch: Bool) throws {
        #expect(try TextPattern(pattern).matches(text) == isMatch, "\(pattern) and \(text)")
    }

    @Test(arguments: ["(", ")", "[a", "*a", "a{3,1}", "a{999}", #"a\"#, "(?=a)", "[z-a]", String(repeating: "a", count: 256)])
    func refusesWhatIsNoExpression(pattern: String) {
        #expect(throws: TextPattern.Invalid.self) { try TextPattern(pattern) }
    }

    @Test func neverGrowsWithoutBound() {
        #expect(throws: TextPattern.Invalid.self) { try TextPattern("((a{255}){255}){255}") }
    }

    /// Backtracking would take longer than the universe is old for this one.
    @Test(.timeLimit(.minutes(1))) func takesNoLongerForHostileExpressions() throws {
        let text = String(repeating: "a", count: 255)
        #expect(try !TextPattern("^(a*)*(a*)*(a*)*(a*)*b$").matches(text))
    }

    @Test func knowsPlainTexts() throws {
        #expect(try TextPattern("web-1").literal == "web-1")
        #expect(try TextPattern("web.1").literal == nil)
    }
}
