import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow

/// One thing that can be done to a resource: a member of `POST /{resources}/{id}/action`.
struct ResourceAction<Resource: Sendable>: Sendable {
    typealias Handler = @Sendable (ActionCall<Resource>) async throws -> APIResponse

    /// The member's name, such as `os-extend`.
    let name: String
    /// The rule that admits the caller to the resource; nil where the handler requires its own.
    let rule: String?
    /// What its value may be; the entry with the highest microversion not above the request's counts. An action does not exist
    /// before its first entry.
    let schemas: [(from: Microversion, schema: Schema)]
    let handler: Handler

    /// An action whose value has one shape from microversion 3.N on.
    init(_ name: String, rule: String?, from first: Int = 0, _ schema: Schema = .any, handler: @escaping Handler) {
        self.init(name, rule: rule, versions: [(first, schema)], handler: handler)
    }

    /// An action whose value changes its shape from microversion 3.N on.
    init(_ name: String, rule: String?, versions: [(Int, Schema)], handler: @escaping Handler) {
        (self.name, self.rule, self.handler) = (name, rule, handler)
        schemas = versions.map { (Microversion(3, $0.0), $0.1) }
    }

    /// The schema of a microversion; nil when the action does not exist there.
    func schema(at version: Microversion) -> Schema? { schemas.last { $0.from <= version }?.schema }
}

/// An action that a caller was admitted to.
struct ActionCall<Resource: Sendable>: Sendable {
    let storage: BlockStorage.Parts
    let request: APIRequest
    /// The action's value, which its schema admitted.
    let value: JSON
    /// The resource as it was when the caller was admitted.
    let resource: Resource
}

/// Carries `POST …/action` out: finds the action and the resource, asks the rule, and hands over.
struct ActionTable<Resource: Sendable>: Sendable {
    let storage: BlockStorage.Parts
    private let actions: [String: ResourceAction<Resource>]
    private let find: @Sendable (APIRequest, String?) async throws -> Resource

    /// - Parameter find: the request's resource if the rule (nil: only its visibility) admits the caller to it, else 404 or 403.
    init(
        storage: BlockStorage.Parts, _ actions: [ResourceAction<Resource>],
        find: @escaping @Sendable (APIRequest, String?) async throws -> Resource
    ) {
        (self.storage, self.find) = (storage, find)
        self.actions = Dictionary(uniqueKeysWithValues: actions.map { ($0.name, $0) })
    }

    /// The endpoint of a path, such as `/volumes/{volume_id}/action`.
    func endpoint(_ path: String, _ summary: String) -> Endpoint {
        Endpoint(
            .post, path, summary, access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
            body: .json(.object([], additional: .any)), success: .accepted, handler: act)
    }

    @Sendable private func act(_ request: APIRequest) async throws -> APIResponse {
        guard let members = request.body.object?.members, members.count == 1, let member = members.first else {
            throw BlockStorageError.badRequest("There is no such action: one action is expected.")
        }
        guard let action = actions[member.name], let schema = action.schema(at: request.microversion) else {
            throw BlockStorageError.badRequest("There is no such action: \(member.name)")
        }
        do {
            try schema.validate(member.value)
        } catch {
            throw Refusal.invalidBody(error)
        }
        let resource = try await find(request, action.rule)
        return try await action.handler(ActionCall(storage: storage, request: request, value: member.value, resource: resource))
    }
}

/// `POST /volumes/{id}/action`. Each area adds its members in a file of its own; one list a line.
struct VolumeActionEndpoints: Sendable {
    let storage: BlockStorage.Parts

    private var actions: [ResourceAction<Volume>] {
        let lists: [[ResourceAction<Volume>]] = [
            VolumeChangeActions.all,
            VolumeUploads.all,
            UnmanageActions.volumes,
            VolumeMoveActions.all,
            AttachmentActions.all,
        ]
        return lists.flatMap { $0 }
    }

    var table: [Endpoint] {
        let storage = storage
        let actions = ActionTable(storage: storage, actions) { request, rule in
            try await storage.volume(request["volume_id"], for: request, rule: rule)
        }
        return [actions.endpoint("/volumes/{volume_id}/action", "Act on a volume")]
    }
}

/// `POST /snapshots/{id}/action`. One list a line.
struct SnapshotActionEndpoints: Sendable {
    let storage: BlockStorage.Parts

    private var actions: [ResourceAction<Snapshot>] {
        let lists: [[ResourceAction<Snapshot>]] = [
            SnapshotChangeActions.all,
            UnmanageActions.snapshots,
        ]
        return lists.flatMap { $0 }
    }

    var table: [Endpoint] {
        let storage = storage
        let actions = ActionTable(storage: storage, actions) { request, rule in
            try await storage.snapshot(request["snapshot_id"], for: request, rule: rule)
        }
        return [actions.endpoint("/snapshots/{snapshot_id}/action", "Act on a snapshot")]
    }
}

extension BlockStorage.Parts {
    /// A volume that the caller may see, once `volume:get` and the given rule admit the caller to it.
    /// - Throws: 404 when there is none, or it is another project's; 403.
    func volume(_ id: String, for request: APIRequest, rule: String? = nil) async throws -> Volume {
        let found = try await database.read { try VolumeRecords.find(id, in: $0) }
        return try admit(request, to: found, project: found?.projectID, user: found?.userID, rules: ["volume:get", rule]) {
            .volumeNotFound(id)
        }
    }

    /// A snapshot that the caller may see, likewise.
    func snapshot(_ id: String, for request: APIRequest, rule: String? = nil) async throws -> Snapshot {
        let found = try await database.read { try SnapshotRecords.find(id, in: $0) }
        return try admit(request, to: found, project: found?.projectID, user: found?.userID, rules: ["volume:get_snapshot", rule]) {
            .snapshotNotFound(id)
        }
    }

    /// A resource that was found, if it is the caller's own project's (or the caller an administrator) and the rules admit.
    func admit<Resource>(
        _ request: APIRequest, to resource: Resource?, project: String?, user: String?, rules: [String?],
        orThrow missing: () -> BlockStorageError
    ) throws -> Resource {
        guard let resource, let project, project == request.token?.projectID || request.isAdmin else { throw missing() }
        var target: PolicyTarget = ["project_id": .string(project)]
        target["user_id"] = user.map { .string($0) }
        for rule in rules.compactMap(\.self) { try request.require(rule, target) }
        return resource
    }
}

extension Volume {
    /// What policies look at.
    var target: PolicyTarget { ["project_id": .string(projectID), "user_id": .string(userID)] }
}

extension Snapshot {
    /// What policies look at.
    var target: PolicyTarget { ["project_id": .string(projectID), "user_id": .string(userID)] }
}

/// What a workflow needs to remember whose failure leaves a message: messages name the request that began it.
protocol RequestedState: Codable, Sendable {
    /// The request that began the workflow; nil for none.
    var requestID: String? { get set }
}

extension BlockStorage.Parts {
    /// Begins a workflow that remembers its request.
    /// - Throws: 400 when something else is being done to its subject.
    func begin<State: RequestedState>(
        _ workflow: Workflow<State>, _ state: State, subject: String, requestID: String?, in transaction: any Transaction
    ) throws {
        var state = state
        state.requestID = requestID
        try start(workflow, state, subject: subject, requestID: requestID, in: transaction)
    }

    /// Begins a workflow within a transaction.
    /// - Throws: 400 when something else is being done to its subject.
    func begin<State>(
        _ workflow: Workflow<State>, _ state: State, subject: String, requestID: String?, in transaction: any Transaction
    ) throws {
        try start(workflow, state, subject: subject, requestID: requestID, in: transaction)
    }

    private func start<State>(
        _ workflow: Workflow<State>, _ state: State, subject: String, requestID: String?, in transaction: any Transaction
    ) throws {
        do {
            try workflows.start(workflow, state, subject: subject, requestID: requestID, in: transaction)
        } catch is WorkflowBusy {
            throw BlockStorageError.badRequest("Another operation on \(subject) is just coming to its end; try again.")
        }
    }
}
