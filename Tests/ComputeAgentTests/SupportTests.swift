import Foundation
import Glibc
import HostCommands
import Synchronization
import Testing

@testable import ComputeAgent

/// Set once by one task, seen by others.
private final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}

/// How many are somewhere, and how many there were at most.
private final class Headcount: Sendable {
    private let count = Mutex((now: 0, most: 0))
    var most: Int { count.withLock { $0.most } }
    func leave() { count.withLock { $0.now -= 1 } }
    func enter() {
        count.withLock { count in
            count.now += 1
            count.most = max(count.most, count.now)
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct CommandTests {
    @Test func argumentsArriveAsTheyAre() async throws {
        let outcome = try await Command(program: "printf", arguments: ["%s|", "a b", "$HOME;`id`", ""], deadline: .seconds(10)).run()
        #expect(outcome == Command.Outcome(status: 0, output: "a b|$HOME;`id`||", errors: ""))
    }

    @Test func failuresSayWhy() async throws {
        let command = Command(program: "ls", arguments: ["/does/not/exist"], deadline: .seconds(10))
        let error = await #expect(throws: CommandError.self) { try await command.runSuccessfully() }
        #expect(error?.summary.contains("No such file") == true)
        await #expect(throws: CommandError.notStarted(program: "no-such-program", reason: "No such file or directory")) {
            try await Command(program: "no-such-program", arguments: [], deadline: .seconds(10)).run()
        }
    }

    @Test func theDeadlineKillsAllThatWasStarted() async throws {
        let folder = try TemporaryFolder()
        let script = "sleep 600 & echo $! >\(folder.path)/child; wait"
        let started = ContinuousClock.now
        await #expect(throws: CommandError.timedOut(program: "sh")) {
            try await Command(program: "sh", arguments: ["-c", script], deadline: .milliseconds(300)).run()
        }
        #expect(ContinuousClock.now - started < .seconds(30))
        let child = try #require(pid_t(try String(contentsOfFile: folder.path + "/child", encoding: .utf8).trimmingCharacters(in: .newlines)))
        try await eventually("the grandchild is dead") {
            let status = (try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8)) ?? ""
            return status.isEmpty || status.contains("State:\tZ")
        }
    }

    @Test func cancellationKills() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/started"
        let task = Task { try await Command(program: "sh", arguments: ["-c", "echo >\(path); sleep 600"], deadline: .seconds(600)).run() }
        try await eventually("the command runs") { FileSystem.exists(path) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func muchOutputIsReadAndKeptWithinBounds() async throws {
        let outcome = try await Command(program: "head", arguments: ["-c", "3000000", "/dev/zero"], deadline: .seconds(30)).run()
        #expect(outcome.status == 0)
        #expect(outcome.output.utf8.count == Command.outputLimit)
    }

    @Test func noOpenFileIsInherited() async throws {
        let outcome = try await Command(program: "ls", arguments: ["/proc/self/fd"], deadline: .seconds(10)).run()
        // Its three streams, and the folder that it reads.
        #expect(outcome.output.split(separator: "\n") == ["0", "1", "2", "3"])
    }
}

@Suite(.timeLimit(.minutes(2))) struct TurnsTests {
    @Test func aGateAdmitsSoManyAtOnce() async throws {
        let gate = Gate(limit: 3)
        let inside = Headcount()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await gate.admit {
                        inside.enter()
                        await Task.yield()
                        inside.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect((1...3).contains(inside.most))
    }

    @Test func whoIsCancelledLeavesTheLine() async throws {
        let gate = Gate(limit: 1)
        let isOpen = Flag()
        let holder = Task { try await gate.admit { while !isOpen.isSet { await Task.yield() } } }
        let waiter = Task { try await gate.admit {} }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
        isOpen.set()
        try await holder.value
        try await gate.admit {}
    }

    @Test func anInterruptionEndsWhatMayBeEndedAndNothingElse() async throws {
        let turns = GuestTurns()
        let hasBegun = Flag()
        let first = Task {
            try await turns.run(on: "a", interruptible: true) {
                hasBegun.set()
                try await Task.sleep(for: .seconds(3600))
            }
        }
        while !hasBegun.isSet { await Task.yield() }
        let second = Task { try await turns.run(on: "a", interruptible: false) { 2 } }
        let other = Task { try await turns.run(on: "b", interruptible: true) { 3 } }
        #expect(try await other.value == 3)
        turns.interrupt("a")
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(try await second.value == 2)
    }
}

@Suite(.timeLimit(.minutes(2))) struct BlockingThreadsTests {
    @Test func theDeadlineEndsTheWait() async throws {
        let threads = BlockingThreads(name: "test", threads: 1)
        let release = DispatchSemaphore(value: 0)
        await #expect(throws: BlockingError.deadlineExceeded) {
            try await threads.run(deadline: .milliseconds(20)) { release.wait() }
        }
        release.signal()
        #expect(try await threads.run(deadline: .seconds(10)) { 5 } == 5)
    }

    @Test func aCancelledJobThatHasBegunIsWaitedFor() async throws {
        let threads = BlockingThreads(name: "test", threads: 1)
        let (begun, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let hasEnded = Flag()
        let task = Task {
            try await threads.run(deadline: .seconds(10)) {
                begun.signal()
                release.wait()
                hasEnded.set()
            }
        }
        let waiting = Task { try await threads.run(deadline: .seconds(10)) {} }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                begun.wait()
                continuation.resume()
            }
        }
        task.cancel()
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        release.signal()
        try await task.value
        #expect(hasEnded.isSet)
    }

    @Test func theLineIsBounded() async throws {
        let threads = BlockingThreads(name: "test", threads: 1, limit: 1)
        let (begun, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let first = Task {
            try await threads.run(deadline: .seconds(10)) {
                begun.signal()
                release.wait()
            }
        }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                begun.wait()
                continuation.resume()
            }
        }
        // Of two more one finds the line full, and at once; the other waits for its turn.
        let outcomes = await withTaskGroup(of: String.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    do { return try await threads.run(deadline: .seconds(10)) { "done" } } catch { return "\(error)" }
                }
            }
            let early = await group.next()
            release.signal()
            return [early, await group.next()]
        }
        #expect(outcomes == ["overloaded", "done"])
        try await first.value
    }
}

@Suite(.timeLimit(.minutes(2))) struct ConsoleTextTests {
    @Test(arguments: [
        (0, ""), (1, "c\n"), (2, "b\nc\n"), (3, "a\nb\nc\n"), (99, "a\nb\nc\n"),
    ])
    func lastLines(count: Int, expected: String) {
        #expect(ConsoleText.last(count, of: "a\nb\nc\n") == expected)
    }

    @Test func anUnfinishedLineCounts() {
        #expect(ConsoleText.last(1, of: "a\nb\nlogin: ") == "login: ")
        #expect(ConsoleText.last(2, of: "a\nb\nlogin: ") == "b\nlogin: ")
        #expect(ConsoleText.last(3, of: "") == "")
        #expect(ConsoleText.last(-1, of: "a") == "")
    }

    @Test func whatIsNoTextDoesNoHarm() {
        #expect(ConsoleText.decode([0x61, 0, 0xff, 0x62]) == "a\u{fffd}b")
    }
}
