import CloudCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct BackgroundTests {
    @Test func whatBackgroundWorkBeginsIsBackgroundWork() async throws {
        #expect(!Background.isCurrent)
        let places = try await Background.start { () async throws -> [Bool] in
            async let child = Background.isCurrent
            let task = Task { Background.isCurrent }
            let detached = Task.detached { Background.isCurrent }
            return [Background.isCurrent, await child, await task.value, await detached.value]
        }.value
        #expect(places == [true, true, true, false])
        #expect(!Background.isCurrent)
    }
}
