import CloudCore
import CloudStore

/// A workflow's state as operators see it.
public struct WorkflowRecord: Sendable, Hashable {
    /// Where a workflow stands.
    public enum Status: String, Sendable, Codable { case running, waiting, unwinding, done, unwound, stuck }
    /// Its id.
    public let id: String
    /// Its definition's name.
    public let name: String
    /// The resource it works on, such as "server/3f…"; at most one live workflow a subject.
    public let subject: String
    /// Where it stands.
    public let status: Status
    /// The step it is at.
    public let step: String
    /// How often that step was tried.
    public let attempts: Int
    /// The last error's text.
    public let error: String?
    /// The API request that began it.
    public let requestID: String?
    /// When it began.
    public let createdAt: Timestamp
    /// When it last moved.
    public let updatedAt: Timestamp
    /// When its runner's lease ends.
    public let leaseExpiresAt: Timestamp?
}

/// Begins, cancels and inspects workflows. Services hold this; the runner behind it belongs to the program.
public protocol WorkflowEngine: Sendable {
    /// Begins a workflow within the caller's transaction: it runs if and only if that commits.
    /// - Returns: the workflow's id.
    /// - Throws: `WorkflowBusy` when the subject has a live workflow.
    @discardableResult
    func start<State>(
        _ workflow: Workflow<State>, _ state: State, subject: String, requestID: String?, in transaction: any Transaction
    ) throws -> String

    /// Asks the subject's live workflow to unwind, within the caller's transaction. The step under way is cancelled.
    /// - Returns: whether there was one.
    func cancel(subject: String, in transaction: any Transaction) throws -> Bool
}

/// A subject already has a live workflow.
public struct WorkflowBusy: Error, Sendable, Hashable {
    /// The subject.
    public let subject: String
    /// The live workflow's name.
    public let workflow: String

    /// A refusal.
    public init(subject: String, workflow: String) { (self.subject, self.workflow) = (subject, workflow) }
}
