import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ComputeMessages

/// Servers: create, list, show, change, delete.
struct ServerEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers", "List servers", access: .rule("os_compute_api:servers:index"), handler: list),
            Endpoint(
                .get, "/v2.1/servers/detail", "List servers in detail", access: .rule("os_compute_api:servers:detail"),
                handler: detail),
            Endpoint(
                .post, "/v2.1/servers", "Create a server", access: .rule("os_compute_api:servers:create"),
                body: .versioned(ServerSchemas.create), success: .accepted, handler: create),
            Endpoint(
                .get, "/v2.1/servers/{server_id}", "Show a server", access: .ruleOnResource("os_compute_api:servers:show"),
                handler: show),
            Endpoint(
                .put, "/v2.1/servers/{server_id}", "Change a server",
                access: .ruleOnResource("os_compute_api:servers:update"), body: .versioned(ServerSchemas.update), handler: update),
            Endpoint(
                .delete, "/v2.1/servers/{server_id}", "Delete a server",
                access: .ruleOnResource("os_compute_api:servers:delete"), success: .noContent, handler: delete),
        ]
    }

    // MARK: Create

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        guard let token = request.token else { throw ComputeError.forbidden("A token is needed.") }
        let body = request.body["server"] ?? .null
        let password = Secret(body["adminPass"]?.string ?? AdministratorPassword.make())
        let creation = try await ServerCreation(compute: compute, request: request, token: token)
        let servers = try await creation.accept(password: password)
        guard let first = servers.first else { throw ComputeError.badRequest("No server was asked for.") }
        if body.lenientBool("return_reservation_id") == true {
            return .json("reservation_id", first.reservationID)
        }
        let address = ServiceAddress(root: request.serviceURL)
        return .json(headers: [.location: "\(address.versioned)/servers/\(first.id)"]) {
            $0.object {
                $0.member("server") {
                    $0.object {
                        $0.member("id", first.id)
                        writeLinks("servers", first.id, address, to: &$0)
                        $0.member("OS-DCF:diskConfig", body["OS-DCF:diskConfig"]?.string ?? "MANUAL")
                        $0.member("security_groups") { json in
                            let names = body["security_groups"]?.array?.compactMap { $0["name"]?.string } ?? ["default"]
                            json.array { json in for name in names { json.object { $0.member("name", name) } } }
                        }
                        $0.member("adminPass", password.reveal())
                    }
                }
            }
        }
    }

    // MARK: Lists

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (page, _) = try await page(request, rule: "os_compute_api:servers:index:get_all_tenants") { _, _ in () }
        let address = ServiceAddress(root: request.serviceURL)
        return await answer(page, request) { server, json in
            json.object {
                $0.member("id", server.id)
                $0.member("name", server.name)
                writeLinks("servers", server.id, address, to: &$0)
            }
        }
    }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        let (page, context) = try await page(request, rule: "os_compute_api:servers:detail:get_all_tenants") { [compute] servers, reader in
            try ServerViewContext(request, compute, of: servers, isSingle: false, in: reader)
        }
        return await answer(page, request) { server, json in
            ServerView(server: server, ports: context.ports[server.id] ?? [], context: context).write(to: &json)
        }
    }

    private func answer(
        _ page: ServerPage, _ request: APIRequest, _ view: @escaping @Sendable (Server, inout JSONWriter) -> Void
    ) async -> APIResponse {
        let parts = await JSONParts.write(page.servers, expectedSize: 2_048, view)
        let links = PageLinks(request, page.request, ids: page.servers.map(\.id), hasMore: page.hasMore)
        return .json {
            $0.object {
                $0.member("servers") { $0.array(parts: parts) }
                links.writeNext("servers_links", to: &$0)
            }
        }
    }

    private struct ServerPage: Sendable {
        let request: PageRequest
        let servers: [Server]
        let hasMore: Bool
    }

    /// A page of servers, and what else is read of them in the same moment.
    private func page<Around: Sendable>(
        _ request: APIRequest, rule: String, _ around: @escaping @Sendable ([Server], any Reader) throws -> Around
    ) async throws -> (ServerPage, Around) {
        let query = try ServerQuery(request, allProjectsRule: rule, maximum: compute.options.maximumListLength)
        return try await compute.database.read { [compute] reader in
            // A limit of none is upstream's way to ask for nothing.
            let (rows, hasMore) = query.isForNone ? ([], false) : query.page.cut(
                try query.servers(networking: compute.networking, zones: try compute.zones(in: reader), in: reader))
            return (ServerPage(request: query.page, servers: rows, hasMore: hasMore), try around(rows, reader))
        }
    }

    // MARK: One server

    /// The server, if the caller may do with it what the endpoint's rule governs.
    private func find(_ request: APIRequest) async throws -> Server {
        try await compute.server(request["server_id"], for: request)
    }

    private func answer(_ server: Server, _ request: APIRequest, showsAll: Bool = true) async throws -> APIResponse {
        var context = try await ServerViewContext(request, compute, of: [server], isSingle: true)
        context.showsAll = showsAll
        return answer(server, context)
    }

    private func answer(_ server: Server, _ context: ServerViewContext) -> APIResponse {
        .json("server", ServerView(server: server, ports: context.ports[server.id] ?? [], context: context))
    }

    /// Clients that wait for a server ask this over and over, so all of it is read at once; the rule decides before any is told.
    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let id = request["server_id"]
        let found = try await compute.database.read { [compute] reader -> (Server, ServerViewContext)? in
            guard let server = try ServerRecords.find(id, in: reader) else { return nil }
            return (server, try ServerViewContext(request, compute, of: [server], isSingle: true, in: reader))
        }
        let server = try compute.admit(request, to: found?.0, id: id)
        guard let context = found?.1 else { throw ComputeError.serverNotFound(id) }
        return answer(server, context)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (found, body) = (try await find(request), request.body["server"] ?? .null)
        let changed = try await compute.database.write { [compute] transaction in
            try ServerRecords.change(found.id, in: transaction) { server in
                if let zone = body["pinned_availability_zone"] { try compute.pin(&server, to: zone.string) }
                if let name = body["name"]?.string { server.name = name }
                if let address = body["accessIPv4"]?.string { server.details.accessIPv4 = address }
                if let address = body["accessIPv6"]?.string { server.details.accessIPv6 = AccessAddress.canonical(address) }
                if let config = body["OS-DCF:diskConfig"]?.string { server.details.diskConfig = config }
                if let description = body["description"] { server.description = description.string }
                if let hostName = body["hostname"]?.string { server.hostName = hostName }
            }
        }
        guard let changed else { throw ComputeError.serverNotFound(found.id) }
        return try await answer(changed, request, showsAll: request.microversion >= Microversion(2, 75))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await compute.delete(try await find(request).id, isForced: false, request)
        return .empty()
    }
}

extension Compute.Parts {
    /// A server that the caller may act on under the endpoint's rule; a deleted one only when asked for.
    /// - Throws: 404 when there is none.
    func server(_ id: String, deleted: Bool = false, for request: APIRequest) async throws -> Server {
        try admit(request, to: try await database.read { try ServerRecords.find(id, deleted: deleted, in: $0) }, id: id)
    }

    /// The server that was found, if the caller may act on it under the endpoint's rule.
    func admit(_ request: APIRequest, to server: Server?, id: String) throws -> Server {
        guard let server else {
            // The rule is asked all the same, so that a caller who may do nothing learns nothing.
            try request.authorize(request.callerTarget)
            throw ComputeError.serverNotFound(id)
        }
        let isForeign = server.projectID != request.token?.projectID && request.token?.isAdmin != true
        let target: PolicyTarget = ["project_id": .string(server.projectID), "user_id": .string(server.userID)]
        try request.authorize(target, orThrow: isForeign ? ComputeError.serverNotFound(id).fault : nil)
        return server
    }

    /// Pins a server to its zone, or lets it go to any.
    func pin(_ server: inout Server, to zone: String?) throws {
        guard zone != server.availabilityZone else { return }
        guard zone == nil || (server.availabilityZone == nil && zone == options.defaultAvailabilityZone) else {
            throw ComputeError.conflict(
                "Instance \(server.id) can't be pinned to availability zone \(zone ?? ""): it is in another or pinned to another.")
        }
        server.availabilityZone = zone
    }

    /// Notes in the server's log that an action begins.
    func log(_ action: ServerAction, _ server: Server, _ request: APIRequest, in transaction: any Transaction) throws {
        try ActionRecords.begin(
            InstanceAction(
                serverID: server.id, requestID: request.requestID, action: action.logName, projectID: server.projectID,
                userID: request.token?.userID ?? server.userID, message: nil, startedAt: .now, finishedAt: nil),
            host: server.host, in: transaction)
    }
}

extension ServerViewContext {
    /// The context of a request's answer.
    init(_ request: APIRequest, _ compute: Compute.Parts, of servers: [Server], isSingle: Bool) async throws {
        self = try await compute.database.read { try Self(request, compute, of: servers, isSingle: isSingle, in: $0) }
    }

    /// The context of a request's answer.
    init(_ request: APIRequest, _ compute: Compute.Parts, of servers: [Server], isSingle: Bool, in reader: any Reader) throws {
        let showsHost = request.allows("os_compute_api:os-extended-server-attributes", request.callerTarget)
        let target = Self.target(request, servers, isSingle: isSingle)
        let zones = try compute.zones(in: reader)
        self.init(
            microversion: request.microversion, address: ServiceAddress(root: request.serviceURL),
            isAdmin: request.token?.isAdmin ?? false, showsHost: showsHost,
            showsExtraSpecs: request.isAtLeast(47) && request.allows("os_compute_api:servers:show:flavor-extra-specs", target),
            zone: compute.options.defaultAvailabilityZone, isSingle: isSingle,
            hostStatuses: HostStatuses(request, compute, of: servers, target, zones),
            surroundings: try ServerSurroundings.read(
                servers, zones, tags: request.isAtLeast(26), groups: isSingle && request.isAtLeast(71), in: reader),
            ports: try compute.networking.ports(servers: servers.map(\.id), in: reader))
    }

    /// Whose project rules about what is shown are asked for: the server's, or for a list the caller's, as upstream does.
    private static func target(_ request: APIRequest, _ servers: [Server], isSingle: Bool) -> PolicyTarget {
        guard isSingle, let server = servers.first else { return request.callerTarget }
        return ["project_id": .string(server.projectID), "user_id": .string(server.userID)]
    }
}

extension HostStatuses {
    private static let rule = "os_compute_api:servers:show:host_status"
    private static let unknownRule = "os_compute_api:servers:show:host_status:unknown-only"

    /// The statuses of the servers' hosts; nil when the caller may know none, or the microversion has none.
    fileprivate init?(
        _ request: APIRequest, _ compute: Compute.Parts, of servers: [Server], _ target: PolicyTarget, _ zones: AvailabilityZones
    ) {
        guard request.isAtLeast(16) else { return nil }
        let isForAll = request.allows(Self.rule, target)
        guard isForAll || request.allows(Self.unknownRule, target) else { return nil }
        isUnknownOnly = !isForAll
        for name in Set(servers.compactMap(\.host)) {
            known[name] = zones.snapshot.host(named: name)?.status(after: compute.options.serviceDownTime)
        }
    }
}
