import Foundation
import Synchronization

/// A program to run with arguments as they are: no shell reads them.
public struct Command: Sendable {
    /// The program's name, looked up in PATH, or its path.
    public var program: String
    /// The arguments.
    public var arguments: [String]
    /// How long it may take before it is killed.
    public var deadline: Duration
    /// How many bytes of each stream are kept.
    public var outputLimit = Command.outputLimit

    /// A program with its arguments.
    public init(program: String, arguments: [String], deadline: Duration) {
        (self.program, self.arguments, self.deadline) = (program, arguments, deadline)
    }

    /// What a program left behind.
    public struct Outcome: Sendable, Equatable {
        /// The exit status; nil when a signal ended it.
        public var status: Int32?
        /// What it wrote on standard output, at most `outputLimit` bytes.
        public var output: String
        /// What it wrote on standard error, at most `outputLimit` bytes.
        public var errors: String

        /// What a program left behind.
        public init(status: Int32?, output: String, errors: String) {
            (self.status, self.output, self.errors) = (status, output, errors)
        }
    }

    /// How many bytes of each stream are kept unless a command says otherwise.
    public static let outputLimit = 1 << 20

    /// Runs the program to its end. Cancelling the task kills it.
    /// - Parameter prepare: called first on the thread that starts the program, which nothing else uses.
    /// - Throws: `CommandError`, `CancellationError`, what `prepare` throws.
    public func run(preparing prepare: @escaping @Sendable () throws -> Void = {}) async throws -> Outcome {
        let running = Running()
        let outcome = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // A thread a command: commands are few, and each mostly waits.
                let thread = Thread {
                    continuation.resume(with: Result {
                        try prepare()
                        let process = try ChildProcess(self)
                        running.begin(process)
                        return try process.wait(deadline)
                    })
                }
                thread.name = "command"
                thread.start()
            }
        } onCancel: {
            running.cancel()
        }
        try Task.checkCancellation()
        return outcome
    }

    /// The process to kill on cancellation, whichever comes first.
    private final class Running: Sendable {
        private let state = Mutex<(process: ChildProcess?, isCancelled: Bool)>((nil, false))

        func begin(_ process: ChildProcess) {
            let isCancelled = state.withLock { state in
                state.process = process
                return state.isCancelled
            }
            if isCancelled { process.kill() }
        }

        func cancel() {
            let process = state.withLock { state in
                state.isCancelled = true
                return state.process
            }
            process?.kill()
        }
    }

    /// Runs the program and insists that it succeeds.
    /// - Throws: `CommandError.failed` when it doesn't; `CommandError`, `CancellationError`.
    @discardableResult
    public func runSuccessfully() async throws -> Outcome {
        let outcome = try await run()
        guard outcome.status == 0 else {
            throw CommandError.failed(program: program, status: outcome.status, errors: outcome.errors)
        }
        return outcome
    }
}

/// Why a command didn't do its work.
public enum CommandError: Error, Sendable, Equatable {
    /// It could not be started.
    case notStarted(program: String, reason: String)
    /// It took too long and was killed.
    case timedOut(program: String)
    /// It ended with another status than zero, or by a signal.
    case failed(program: String, status: Int32?, errors: String)

    /// What happened, in one line.
    public var summary: String {
        switch self {
        case .notStarted(let program, let reason): "\(program) could not be started: \(reason)"
        case .timedOut(let program): "\(program) took too long"
        case .failed(let program, let status, let errors):
            "\(program) failed (\(status.map { "status \($0)" } ?? "a signal")): "
                + errors.split(separator: "\n").suffix(3).joined(separator: "; ")
        }
    }
}
