import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow

/// One thing that can be done to a server: a member of `POST /servers/{id}/action`.
struct ServerActionEndpoint: Sendable {
    typealias Handler = @Sendable (ActionCall) async throws -> APIResponse

    /// The member's name, such as `os-start`.
    let name: String
    /// The rule that admits the caller to the server, without the service's prefix.
    let rule: String
    /// What its value may be; the entry with the highest microversion not above the request's counts. An action does not exist
    /// before its first entry.
    let schemas: [(from: Microversion, schema: Schema)]
    /// The last microversion that has it; nil while upstream has not removed it.
    let last: Microversion?
    let handler: Handler

    /// An action whose value has one shape for all microversions.
    init(
        _ name: String, rule: String, from first: Int = 1, until last: Int? = nil, _ schema: Schema = .any,
        handler: @escaping Handler
    ) {
        self.init(name, rule: rule, until: last, versions: [(first, schema)], handler: handler)
    }

    /// An action whose value changes its shape from microversion 2.N on.
    init(_ name: String, rule: String, until last: Int? = nil, versions: [(Int, Schema)], handler: @escaping Handler) {
        (self.name, self.rule, self.handler) = (name, rule, handler)
        schemas = versions.map { (Microversion(2, $0.0), $0.1) }
        self.last = last.map { Microversion(2, $0) }
    }

    /// The schema of a microversion; nil when the action does not exist there.
    func schema(at version: Microversion) -> Schema? {
        if let last, version > last { return nil }
        return schemas.last { $0.from <= version }?.schema
    }
}

/// An action that a caller was admitted to.
struct ActionCall: Sendable {
    let compute: Compute.Parts
    let request: APIRequest
    /// The action's value, which its schema admitted.
    let value: JSON
    /// The server as it was when the caller was admitted.
    let server: Server

    var isAdmin: Bool { request.token?.isAdmin == true }

    /// Whether the microversion is 2.N or later.
    func isFrom(_ minor: Int) -> Bool { request.microversion >= Microversion(2, minor) }

    /// Begins a workflow on the server, in one transaction with the check of its state, the change of its row and the note in its log.
    /// - Parameter prepare: changes the server (its task is set already) and gives the workflow's first state.
    /// - Throws: 404, 409 for a lock, a state or a task that stands in the way.
    @discardableResult
    func begin<State>(
        _ workflow: Workflow<State>, if conditions: ActionConditions,
        _ prepare: @escaping @Sendable (inout Server, any Transaction) throws -> State
    ) async throws -> Server {
        try await compute.database.write { [self] transaction in
            guard var server = try ServerRecords.find(self.server.id, in: transaction) else {
                throw ComputeError.serverNotFound(self.server.id)
            }
            try conditions.check(server, isAdmin: isAdmin)
            if let task = conditions.task { server.task = task }
            let state = try prepare(&server, transaction)
            try ServerRecords.update(server, in: transaction)
            try compute.log(conditions.action, server, request, in: transaction)
            do {
                try compute.workflows.start(
                    workflow, state, subject: server.subject, requestID: request.requestID, in: transaction)
            } catch is WorkflowBusy {
                throw ComputeError.conflict("Instance \(server.id) is not ready: another operation on it is just coming to its end.")
            }
            return server
        }
    }

    /// Changes the server at once, under the same conditions, without a workflow.
    @discardableResult
    func change(
        if conditions: ActionConditions, _ change: @escaping @Sendable (inout Server, any Transaction) throws -> Void
    ) async throws -> Server {
        try await compute.database.write { [self] transaction in
            guard var server = try ServerRecords.find(self.server.id, in: transaction) else {
                throw ComputeError.serverNotFound(self.server.id)
            }
            try conditions.check(server, isAdmin: isAdmin)
            try change(&server, transaction)
            try ServerRecords.update(server, in: transaction)
            try compute.log(conditions.action, server, request, in: transaction)
            try ActionRecords.finish(server: server.id, request: request.requestID, message: nil, in: transaction)
            return server
        }
    }
}

/// When an action may begin (the checks before nova.compute.api's methods).
struct ActionConditions: Sendable {
    let action: ServerAction
    /// The states that allow it; nil for all.
    let states: Set<Server.State>?
    /// The tasks that do not stand in its way beside none; nil for all.
    let tasks: Set<Server.Task>?
    /// The task that runs while it is carried out.
    let task: Server.Task?
    /// Whether a lock keeps those from it who are no administrators.
    let heedsLock: Bool
    /// Whether the server must be on a host.
    let needsHost: Bool

    init(
        _ action: ServerAction, states: Set<Server.State>?, besides tasks: Set<Server.Task>? = [], task: Server.Task? = nil,
        heedsLock: Bool = true, needsHost: Bool = true
    ) {
        (self.action, self.states, self.tasks, self.task) = (action, states, tasks, task)
        (self.heedsLock, self.needsHost) = (heedsLock, needsHost)
    }

    /// - Throws: 409 when the server is locked, or in a state or task that does not allow it.
    func check(_ server: Server, isAdmin: Bool) throws {
        guard !heedsLock || !server.isLocked || isAdmin else { throw ComputeError.conflict("Instance \(server.id) is locked") }
        if let states, !states.contains(server.state) {
            throw ActionRefused(action: action.logName, server: server.id, attribute: "vm_state", value: server.state.rawValue)
        }
        if let tasks, let task = server.task, !tasks.contains(task) {
            throw ActionRefused(action: action.logName, server: server.id, attribute: "task_state", value: task.rawValue)
        }
        guard !needsHost || server.host != nil else {
            throw ComputeError.conflict("Instance \(server.id) is not ready: it has no host.")
        }
    }
}
