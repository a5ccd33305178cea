import Foundation
import Logging
import Testing

@testable import CloudWorkflow

/// Says nothing, so that a child's log does not mix with the tests' output.
struct SilentHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.critical
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {}
}

/// The promise: a process killed anywhere leaves, after a restart, a completed change or a clean slate.
@Suite(.timeLimit(.minutes(5))) struct CrashTests {
    private func withDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let path = FileManager.default.temporaryDirectory.appending(path: "crash-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }

    /// Lives once in this process, to the end.
    /// - Returns: what is left, and how many moments there were to die at.
    private func live(_ story: CrashSite.Story, at path: String) async throws -> (Remains, moments: Int) {
        let site = try await CrashSite(story, at: path, diesAt: nil)
        try await site.live()
        let remains = try await site.remains()
        await site.close()
        return (remains, site.fate.moments)
    }

    /// Lives in a child that is killed at a moment.
    private func die(_ story: CrashSite.Story, at path: String, moment: Int) async {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [story = story as CrashSite.Story, path = path as String, moment = moment as Int] in
            try await CrashSite(story, at: path, diesAt: moment).live()
        }
    }

    private func check(_ remains: Remains, _ story: CrashSite.Story, _ comment: Comment) {
        switch story {
        case .success, .rewind: #expect(remains == .complete, comment)
        case .failure: #expect(remains == .cleanSlate("No room."), comment)
        case .cancellation: #expect(remains == .cleanSlate("The operation was cancelled."), comment)
        case .fickleness:
            #expect(remains == .complete || remains == .cleanSlate("It was here before."), comment)
        }
    }

    @Test(arguments: CrashSite.Story.allCases) func killedAtEveryMoment(story: CrashSite.Story) async throws {
        let (undisturbed, moments) = try await withDirectory { try await live(story, at: $0) }
        check(undisturbed, story, "undisturbed")
        #expect(moments > 30)
        for moment in 1...moments {
            try await withDirectory { path in
                await die(story, at: path, moment: moment)
                check(try await live(story, at: path).0, story, "killed at moment \(moment) of \(moments)")
            }
        }
    }
    @Test(arguments: 1...16) func killedAgainWhileGoingOn(seed: Int) async throws {
        let story = CrashSite.Story.allCases[seed % CrashSite.Story.allCases.count]
        try await withDirectory { path in
            // Early moments only, so that each life has one to die at: taking the work over alone takes three.
            for life in 0..<3 { await die(story, at: path, moment: (seed * 7 + life * 5) % 8 + 1) }
            check(try await live(story, at: path).0, story, "seed \(seed)")
        }
    }
}
