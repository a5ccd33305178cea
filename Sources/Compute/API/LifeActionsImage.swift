import CloudAPI
import CloudCore
import CloudStore

/// Images of servers.
enum ImageActions {
    static let all = [
        ServerActionEndpoint("createImage", rule: "servers:create_image", LifeSchemas.createImage, handler: createImage),
        ServerActionEndpoint("createBackup", rule: "os-create-backup", LifeSchemas.createBackup, handler: createBackup),
    ]

    private static let states: Set<Server.State> = [.active, .stopped, .paused, .suspended]

    @Sendable private static func createImage(_ call: ActionCall) async throws -> APIResponse {
        try await checkMetadata(call)
        let snapshot = ServerSnapshot(
            server: call.server, name: name(call), metadata: call.value["metadata"]?.stringDictionary ?? [:])
        if call.server.isVolumeBacked {
            try call.request.require(
                "os_compute_api:servers:create_image:allow_volume_backed", ["project_id": .string(call.server.projectID)])
            return answer(try await VolumeImage(call: call, snapshot: snapshot).make(), call)
        }
        let conditions = ActionConditions(.createImage, states: states, task: .imageSnapshotPending, heedsLock: false)
        return answer(try await begin(snapshot, rotation: nil, if: conditions, call), call)
    }

    @Sendable private static func createBackup(_ call: ActionCall) async throws -> APIResponse {
        try await checkMetadata(call)
        let (type, count) = (call.value["backup_type"]?.string ?? "", call.value.lenientInt("rotation") ?? 0)
        let conditions = ActionConditions(.createBackup, states: states, task: .imageBackup, heedsLock: false)
        try conditions.check(call.server, isAdmin: call.isAdmin)
        guard !call.server.isVolumeBacked else {
            throw ComputeError.badRequest("Backup is not supported for volume-backed instances.")
        }
        let snapshot = ServerSnapshot(
            server: call.server, name: name(call), kind: .backup(type), metadata: call.value["metadata"]?.stringDictionary ?? [:])
        let id = try await begin(
            snapshot, rotation: .init(type: type, count: count, projectID: call.request.token?.projectID ?? ""), if: conditions, call)
        return answer(id, call, hasLocation: count > 0)
    }

    private static func name(_ call: ActionCall) -> String { call.value["name"]?.string ?? "" }

    /// Begins to make the image.
    /// - Returns: its id.
    private static func begin(
        _ snapshot: ServerSnapshot, rotation: SnapshotState.Rotation?, if conditions: ActionConditions, _ call: ActionCall
    ) async throws -> String {
        guard let token = call.request.token else { throw ComputeError.forbidden("A token is needed.") }
        try conditions.check(call.server, isAdmin: call.isAdmin)
        let (image, make) = (snapshot.image(for: token), try await call.compute.images.snapshotMaker(for: token))
        try await call.begin(SnapshotWorkflow(compute: call.compute).workflow, if: conditions) { server, transaction in
            try make(image, transaction)
            return SnapshotState(
                serverID: server.id, requestID: call.request.requestID, host: server.host ?? "", imageID: image.id,
                quiesce: snapshot.mustQuiesce, rotation: rotation)
        }
        return image.id
    }

    /// Until microversion 2.38 the quota of servers' metadata holds for that of their images.
    private static func checkMetadata(_ call: ActionCall) async throws {
        let (items, projectID) = (call.value["metadata"]?.object?.count ?? 0, call.request.token?.projectID ?? "")
        guard !call.isFrom(39), items > 0 else { return }
        let limits = try await call.compute.limits(project: projectID)
        let quota = try await call.compute.database.read { try limits.quota(in: $0) }
        guard quota.metadataItems < 0 || items <= quota.metadataItems else {
            throw ComputeError.forbidden("Image metadata limit exceeded")
        }
    }

    /// From microversion 2.45 on the image's id is in the body, before in its address.
    private static func answer(_ id: String, _ call: ActionCall, hasLocation: Bool = true) -> APIResponse {
        if call.isFrom(45) { return .json(status: .accepted, "image_id", id) }
        guard hasLocation else { return .empty() }
        let address = ServiceAddress(root: call.request.serviceURL)
        return .empty(status: .accepted, headers: [.location: "\(address.root)/images/\(id)"])
    }
}
