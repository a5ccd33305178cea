import CloudCore
import CloudStore

/// A durable multi-step change: ordered steps over one state, persisted so that killing the process anywhere
/// loses nothing. Each step has an idempotent `perform` and, where it changed something, an idempotent `undo`.
public struct Workflow<State: Codable & Sendable>: Sendable {
    /// The name under which its rows find it again after a restart, such as "compute.build".
    public let name: String
    /// How long the whole may take before it is unwound.
    public let deadline: Duration
    /// The steps in order.
    public let steps: [Step<State>]
    /// Runs in the transaction that ends an unwound workflow: leave the resource deletable, with a readable fault.
    public let unwound: @Sendable (any Transaction, State, WorkflowFailure) throws -> Void

    /// A workflow.
    public init(
        _ name: String, deadline: Duration, steps: [Step<State>],
        unwound: @escaping @Sendable (any Transaction, State, WorkflowFailure) throws -> Void
    ) {
        (self.name, self.deadline, self.steps, self.unwound) = (name, deadline, steps, unwound)
    }
}

/// One step. Consecutive transactional steps run in one transaction together with the workflow's own progress;
/// the progress past a remote step is saved with the next transaction, so a crash may repeat a remote step but
/// never loses one.
public struct Step<State: Codable & Sendable>: Sendable {
    /// Work within the store, run in the transaction that records the progress.
    public typealias Change = @Sendable (any Transaction, inout State, StepContext) throws -> Void
    /// Work outside the store: a call to a host, a file, another service.
    public typealias Action = @Sendable (inout State, StepContext) async throws -> Void

    enum Body: Sendable {
        case transaction(perform: Change, undo: Change?)
        case action(perform: Action, undo: Action?)
    }

    /// The step's name, unique in its workflow.
    public let name: String
    let body: Body
    /// How often it is tried before the workflow unwinds.
    public let attempts: Int
    /// How long one try may take.
    public let timeout: Duration

    /// A step within the store.
    public static func transaction(_ name: String, perform: @escaping Change, undo: Change? = nil) -> Step {
        Step(name: name, body: .transaction(perform: perform, undo: undo), attempts: 3, timeout: .seconds(30))
    }

    /// A step outside the store. It is repeated with backoff on errors other than `WorkflowStop` and `WorkflowRewind`.
    public static func action(
        _ name: String, attempts: Int = 3, timeout: Duration = .seconds(60),
        perform: @escaping Action, undo: Action? = nil
    ) -> Step {
        Step(name: name, body: .action(perform: perform, undo: undo), attempts: attempts, timeout: timeout)
    }
}

/// What a step knows of its run.
public struct StepContext: Sendable {
    /// The workflow's id.
    public let workflow: String
    /// The step's name.
    public let step: String
    /// Which try this is, from one.
    public let attempt: Int
    /// The API request that began the workflow, for logs and messages.
    public let requestID: String?
    /// When this try is given up.
    public let deadline: Timestamp
    /// The key under which a host recognises a repeat of this step. A step repeated after a rewind has a new one.
    public let key: String
}

/// Thrown by a step: trying again is pointless, unwind.
public struct WorkflowStop: Error, Sendable {
    /// The fault to show to the user.
    public let message: String
    /// What lies behind it, for the log.
    public let cause: (any Error)?

    /// A final failure.
    public init(_ message: String, cause: (any Error)? = nil) { (self.message, self.cause) = (message, cause) }
}

/// Thrown by a step: undo back to and including the named step, then go forward again from there with the state
/// as it is now. A build that fails on one host goes on to the next in this way. The engine bounds how often.
public struct WorkflowRewind: Error, Sendable {
    /// The step from which to go forward again.
    public let step: String
    /// Why, for the log and for the fault if there is no further rewind.
    public let message: String

    /// A rewind.
    public init(to step: String, _ message: String) { (self.step, self.message) = (step, message) }
}

/// Why a workflow was unwound.
public struct WorkflowFailure: Sendable, Codable, Hashable {
    /// The kinds of end.
    public enum Kind: String, Sendable, Codable { case failed, cancelled, deadline }
    /// What ended it.
    public let kind: Kind
    /// The step that failed or was under way.
    public let step: String
    /// The fault for the user.
    public let message: String

    /// A failure.
    public init(kind: Kind, step: String, message: String) { (self.kind, self.step, self.message) = (kind, step, message) }
}
