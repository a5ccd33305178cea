import CloudCore
import Logging

/// A runner's limits and times.
public struct WorkflowOptions: Sendable {
    /// How many workflows are in progress at once; more wait in their rows.
    public var concurrency = 64
    /// How long a row stays a runner's without a sign of life; renewed at a third of it.
    public var lease: Duration = .seconds(30)
    /// How long the runner waits before it looks for due rows without having been told of any.
    public var pollInterval: Duration = .seconds(5)
    /// How long a stop waits for the steps in progress before it interrupts them.
    public var stopDeadline: Duration = .seconds(3)
    /// How long an interrupted step has to come to its end before it is left to itself.
    public var interruptionGrace: Duration = .seconds(2)
    /// The waits between the tries of a step.
    public var retry = Backoff(initial: .milliseconds(250), maximum: .seconds(30))
    /// The waits between the tries of an undo.
    public var undoRetry = Backoff(initial: .milliseconds(250), maximum: .seconds(60))
    /// After how many tries of an undo the workflow counts as stuck.
    public var undoAttempts = 10
    /// The wait between the tries of a stuck workflow.
    public var stuckInterval: Duration = .seconds(300)
    /// Longer waits than this are recorded, and the row is let go meanwhile.
    public var longestHeldWait: Duration = .seconds(5)
    /// How often a workflow may rewind.
    public var rewindLimit = 10
    /// The largest state a workflow may begin with, in bytes of JSON.
    public var stateLimit = 1 << 20
    /// A number in 0..<1 for the jitter of the waits.
    public var random: @Sendable () -> Double = { .random(in: 0..<1) }
    /// Called when a workflow leaves the runner, with its id; tests wait for that.
    var didLeave: (@Sendable (String, WorkflowEnding) -> Void)?

    /// The defaults.
    public init() {}
}

/// An error that has something to tell the user; others are only named in the log.
public protocol UserReadableError: Error {
    /// What went wrong, for the user.
    var userMessage: String { get }
}

extension WorkflowStop: UserReadableError {
    /// The fault.
    public var userMessage: String { message }
}

extension WorkflowRewind: UserReadableError {
    /// Why it went back.
    public var userMessage: String { message }
}

/// What is wrong with the use of the engine.
public enum WorkflowError: Error, Sendable, Equatable {
    /// A workflow was begun whose definition the runner was not given at the program's start.
    case notRegistered(String)
    /// The state is larger than the limit.
    case stateTooLarge(workflow: String, bytes: Int)
    /// The row is at a step, or holds a state, that this version of the program does not know.
    case incompatible(String)
    /// A step did not end within its time.
    case timedOut(step: String)
}

extension WorkflowError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notRegistered(let name): "workflow '\(name)' is not registered with the runner"
        case .stateTooLarge(let name, let bytes): "the state of workflow '\(name)' has \(bytes) bytes"
        case .incompatible(let reason): reason
        case .timedOut(let step): "step '\(step)' did not end within its time"
        }
    }
}
