import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// Putting servers away and bringing them back.
enum ShelveActions {
    static let all = [
        ServerActionEndpoint("shelve", rule: "os-shelve:shelve", handler: shelve),
        ServerActionEndpoint("shelveOffload", rule: "os-shelve:shelve_offload", handler: offload),
        ServerActionEndpoint("unshelve", rule: "os-shelve:unshelve", versions: MoveSchemas.unshelve, handler: unshelve),
    ]

    @Sendable private static func shelve(_ call: ActionCall) async throws -> APIResponse {
        let compute = call.compute
        guard let token = call.request.token else { throw ComputeError.forbidden("A token is needed.") }
        let conditions = ActionConditions(.shelve, states: [.active, .stopped, .paused, .suspended], task: .shelving)
        // Refused before the image service is asked anything.
        try conditions.check(call.server, isAdmin: call.isAdmin)
        let makeImage = try await compute.images.snapshotMaker(for: token)
        try await call.begin(ShelveWorkflow(compute: compute).workflow, if: conditions) { server, transaction in
            var state = ShelveState(
                serverID: server.id, requestID: call.request.requestID, host: server.host ?? "", before: server.state, imageID: nil,
                offloads: compute.options.shelvedOffloadSeconds == 0 || server.isVolumeBacked)
            guard !server.isVolumeBacked else { return state }
            let image = ServerSnapshot(server: server, name: "\(server.name)-shelved").image(for: token)
            try makeImage(image, transaction)
            state.imageID = image.id
            server.task = .shelvingImagePendingUpload
            return state
        }
        return .empty()
    }

    @Sendable private static func offload(_ call: ActionCall) async throws -> APIResponse {
        let compute = call.compute
        try await call.begin(
            ShelveWorkflow(compute: compute).offload,
            if: ActionConditions(.shelveOffload, states: [.shelved], task: .shelvingOffloading)
        ) { server, _ in ShelveState.offload(of: server, requestID: call.request.requestID) }
        return .empty()
    }

    @Sendable private static func unshelve(_ call: ActionCall) async throws -> APIResponse {
        let compute = call.compute
        let conditions = ActionConditions(
            .unshelve, states: [.shelved, .shelvedOffloaded], task: .unshelving, needsHost: false)
        try conditions.check(call.server, isAdmin: call.isAdmin)
        let wish = try await UnshelveWish(call)
        var image: ServerImage?
        if let id = call.server.details.shelvedImageID { image = try await compute.images.ownImage(id) }
        let workflows = UnshelveWorkflow(compute: compute)
        let isOffloaded = call.server.state == .shelvedOffloaded
        try await call.begin(isOffloaded ? workflows.workflow : workflows.start, if: conditions) { [image] server, _ in
            guard (server.state == .shelvedOffloaded) == isOffloaded else {
                throw ComputeError.conflict("Instance \(server.id) is just leaving its host.")
            }
            if let zone = wish.zone { server.availabilityZone = zone }
            if wish.isUnpinned { server.availabilityZone = nil }
            let move = MoveState(
                serverID: server.id, requestID: call.request.requestID, migrationID: "", source: server.host ?? "",
                before: server.state, wish: MoveWish(host: wish.host))
            return UnshelveState(move: move, imageID: server.details.shelvedImageID, image: image)
        }
        return .empty()
    }
}

extension ShelveState {
    /// The first state of the workflow that takes a shelved server off its host.
    static func offload(of server: Server, requestID: String?) -> ShelveState {
        ShelveState(
            serverID: server.id, requestID: requestID, host: server.host ?? "", before: server.state,
            imageID: server.details.shelvedImageID, offloads: true, isDone: true)
    }
}

/// Where a shelved server is to come back.
private struct UnshelveWish: Sendable {
    /// The zone it is to be in from now on; nil where nothing was said.
    var zone: String?
    /// Whether it may be in any zone from now on.
    var isUnpinned = false
    /// The host it is to be on.
    var host: String?

    /// - Throws: 400, 403 or 409 for what can't be had.
    init(_ call: ActionCall) async throws {
        guard call.isFrom(77), call.value.object != nil else { return }
        let asked = call.value["availability_zone"]
        (zone, isUnpinned) = (asked?.string, asked == .null)
        host = call.isFrom(91) ? call.value["host"]?.string : nil
        let server = call.server
        if asked != nil || host != nil, server.state != .shelvedOffloaded {
            throw ComputeError.conflict(
                "Specifying an availability zone or a host when unshelving server \"\(server.id)\" with status "
                    + "\"\(server.state.rawValue)\" is not supported. The server status must be SHELVED_OFFLOADED.")
        }
        if host != nil { try call.request.require("os_compute_api:os-shelve:unshelve_to_host", call.target) }
        let (zone, host) = (zone, host)
        let expected = asked == nil ? server.availabilityZone : zone
        try await call.compute.database.read { [compute = call.compute] reader in
            let zones = try compute.zones(in: reader)
            if let zone, !zones.isAvailable(zone) {
                throw ComputeError.badRequest("The requested availability zone is not available")
            }
            guard let host else { return }
            guard try HostRecords.find(name: host, in: reader) != nil else { throw ComputeError.hostNotFound(host) }
            if let expected, zones.zone(of: host) != expected {
                throw ComputeError.conflict("Host \"\(host)\" is not in the availability zone \"\(expected)\".")
            }
        }
    }
}
