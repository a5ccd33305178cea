import CloudAPI
import CloudCore
import CloudStore

/// The log of what was done to a server.
struct InstanceActionEndpoints: Sendable {
    let compute: Compute.Parts

    private static func query(before: Bool) -> QueryRules {
        QueryRules(
            QueryRules.paging + [("changes-since", .string(format: .dateTime))]
                + (before ? [("changes-before", .string(format: .dateTime))] : []), strictFrom: 58)
    }

    var table: [Endpoint] {
        let path = "/v2.1/servers/{server_id}/os-instance-actions"
        return [
            Endpoint(
                .get, path, "List what was done to a server",
                access: .ruleOnResource("os_compute_api:os-instance-actions:list"), handler: list),
            Endpoint(
                .get, path + "/{request_id}", "Show one thing done to a server",
                access: .ruleOnResource("os_compute_api:os-instance-actions:show"), handler: show),
        ]
    }

    /// The server; from 2.21 on a deleted one as well.
    private func server(_ request: APIRequest) async throws -> Server {
        try await compute.server(request["server_id"], deleted: request.microversion >= Microversion(2, 21), for: request)
    }

    // MARK: The list

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let server = try await server(request)
        guard request.microversion >= Microversion(2, 58) else {
            let actions = try await compute.database.read { try ActionRecords.all(server: server.id, in: $0) }
            return .json { json in json.object { $0.member("instanceActions") { write(actions, request, to: &$0) } } }
        }
        try Self.query(before: request.microversion >= Microversion(2, 66)).check(request)
        let page = try request.page(PageRules(.nova, maximumLimit: compute.options.maximumListLength))
        let filter = InstanceActionFilter(
            changedSince: request.query["changes-since"].flatMap { Timestamp(iso8601: $0) },
            changedBefore: request.query["changes-before"].flatMap { Timestamp(iso8601: $0) }, limit: page.fetchCount)
        if let since = filter.changedSince, let before = filter.changedBefore, before < since {
            throw ComputeError.badRequest("The value of changes-since must be less than or equal to changes-before.")
        }
        let found = try await compute.database.read { [filter] reader in
            var filter = filter
            if let marker = page.marker {
                filter.marker = try ActionRecords.find(server: server.id, request: marker, in: reader)
                guard filter.marker != nil else { throw ComputeError.badRequest("Marker \(marker) could not be found.") }
            }
            return try ActionRecords.all(server: server.id, filter, in: reader)
        }
        let (actions, hasMore) = page.cut(found)
        let links = PageLinks(request, page, ids: actions.map(\.requestID), hasMore: hasMore)
        return .json { json in
            json.object {
                $0.member("instanceActions") { write(actions, request, to: &$0) }
                links.writeNext("links", to: &$0)
            }
        }
    }

    private func write(_ actions: [InstanceAction], _ request: APIRequest, to json: inout JSONWriter) {
        json.array { json in for action in actions { json.object { write(action, request, to: &$0) } } }
    }

    private func write(_ action: InstanceAction, _ request: APIRequest, to json: inout JSONWriter) {
        json.member("action", action.action)
        json.member("instance_uuid", action.serverID)
        json.member("request_id", action.requestID)
        json.member("user_id", action.userID)
        json.member("project_id", action.projectID)
        json.member("start_time", action.startedAt.iso8601Naive)
        json.member("message", action.message == nil ? nil : "Error")
        if request.microversion >= Microversion(2, 58) { json.member("updated_at", action.updatedAt.iso8601Naive) }
    }

    // MARK: One action

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let (server, id) = (try await server(request), request["request_id"])
        let found = try await compute.database.read { reader -> (InstanceAction, [ActionEvent])? in
            guard let action = try ActionRecords.find(server: server.id, request: id, in: reader) else { return nil }
            return (action, try ActionEventRecords.all(server: server.id, request: id, in: reader))
        }
        guard let (action, events) = found else { throw ComputeError.notFound("Action \(id) not found") }
        let insight = EventInsight(request, server)
        return .json { json in
            json.object {
                $0.member("instanceAction") {
                    $0.object {
                        write(action, request, to: &$0)
                        guard insight.seesEvents else { return }
                        $0.member("events") { json in
                            json.array { json in for event in events { insight.write(event, to: &json) } }
                        }
                    }
                }
            }
        }
    }
}

/// What the caller may see of an action's events.
private struct EventInsight {
    let seesEvents: Bool
    let seesEverything: Bool
    let seesDetails: Bool
    let showsHosts: Bool
    let projectID: String

    init(_ request: APIRequest, _ server: Server) {
        let target: [String: JSON] = ["project_id": .string(server.projectID)]
        func isFrom(_ minor: Int) -> Bool { request.microversion >= Microversion(2, minor) }
        seesEverything = request.allows("os_compute_api:os-instance-actions:events", target)
        seesEvents = seesEverything || isFrom(51)
        seesDetails = isFrom(84) && request.allows("os_compute_api:os-instance-actions:events:details", target)
        showsHosts = isFrom(62)
        projectID = server.projectID
    }

    func write(_ event: ActionEvent, to json: inout JSONWriter) {
        json.object {
            $0.member("event", event.event)
            $0.member("start_time", event.startedAt.iso8601Naive)
            $0.member("finish_time", event.finishedAt?.iso8601Naive)
            $0.member("result", event.result)
            // There are no Python tracebacks here; what went wrong stands in the details.
            if seesEverything { $0.member("traceback", String?.none) }
            if showsHosts {
                if seesEverything { $0.member("host", event.host ?? "") }
                $0.member("hostId", event.host.map { HostIdentity.text(host: $0, projectID: projectID) } ?? "")
            }
            if seesDetails { $0.member("details", event.details) }
        }
    }
}
