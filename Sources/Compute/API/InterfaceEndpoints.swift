import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// A server's interfaces.
struct InterfaceEndpoints: Sendable {
    let compute: Compute.Parts

    /// How long a request waits for the guest to have its new interface. The change goes on after that.
    private static let patience = Duration.seconds(60)
    /// The states in which a server's interfaces can be changed.
    private static let states: Set<Server.State> = [.active, .paused, .stopped]

    private static func create(from minor: Int) -> (from: Microversion, schema: Schema) {
        var members: [(name: String, schema: Schema)] = [
            ("net_id", .uuid), ("port_id", .uuid),
            ("fixed_ips", .array(.object([("ip_address", .string(format: .ip))], required: ["ip_address"]), count: 1...1)),
        ]
        if minor >= 49 { members.append(("tag", TextSchemas.tag)) }
        return (Microversion(2, minor), .object([("interfaceAttachment", .object(members))]))
    }

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/servers/{server_id}/os-interface", "/v2.1/servers/{server_id}/os-interface/{port_id}")
        func rule(_ name: String) -> Access { .ruleOnResource("os_compute_api:os-attach-interfaces:" + name) }
        return [
            Endpoint(.get, list, "List a server's interfaces", access: rule("list"), handler: index),
            Endpoint(.get, one, "Show an interface of a server", access: rule("show"), handler: show),
            Endpoint(
                .post, list, "Give a server an interface", access: rule("create"),
                body: .versioned([Self.create(from: 1), Self.create(from: 49)]), handler: attach),
            Endpoint(
                .delete, one, "Take an interface from a server", access: rule("delete"), success: .accepted, handler: detach),
        ]
    }

    private func ports(_ server: Server) async throws -> [ServerPort] {
        try await compute.database.read { [networking = compute.networking] in
            try networking.ports(servers: [server.id], in: $0)[server.id] ?? []
        }
    }

    // MARK: Looking

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let server = try await compute.server(request["server_id"], for: request)
        let ports = try await ports(server)
        return .json {
            $0.object {
                $0.member("interfaceAttachments") { json in
                    json.array { json in
                        for port in ports { write(port, tag: server.details.portTags?[port.id], request, to: &json) }
                    }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let server = try await compute.server(request["server_id"], for: request)
        let id = request["port_id"]
        guard let port = try await ports(server).first(where: { $0.id == id }) else {
            throw ComputeError.notFound("Instance \(server.id) does not have a port with id \(id)")
        }
        return answer(port, tag: server.details.portTags?[id], request)
    }

    private func answer(_ port: ServerPort, tag: String?, _ request: APIRequest) -> APIResponse {
        .json { json in
            json.object { $0.member("interfaceAttachment") { write(port, tag: tag, request, to: &$0) } }
        }
    }

    private func write(_ port: ServerPort, tag: String?, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("port_id", port.id)
            $0.member("net_id", port.networkID)
            $0.member("mac_addr", port.mac)
            $0.member("port_state", port.isActive ? "ACTIVE" : "DOWN")
            $0.member("fixed_ips") { json in
                json.array { json in
                    for address in port.addresses {
                        json.object {
                            $0.member("subnet_id", address.subnetID)
                            $0.member("ip_address", address.address)
                        }
                    }
                }
            }
            if request.microversion >= Microversion(2, 70) { $0.member("tag", tag) }
        }
    }

    // MARK: Attaching

    @Sendable private func attach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        guard let token = request.token else { throw ComputeError.forbidden("A token is needed.") }
        let body = request.body["interfaceAttachment"] ?? .null
        let (network, port) = (body["net_id"]?.string, body["port_id"]?.string)
        let address = body["fixed_ips"]?.array?.first?["ip_address"]?.string
        guard network == nil || port == nil else { throw ComputeError.badRequest("Must not input both network_id and port_id") }
        guard address == nil || network != nil else {
            throw ComputeError.badRequest("Must input network_id when request IP address")
        }
        let wanted = RequestedNetwork(networkID: network, portID: port, fixedIP: address, tag: body["tag"]?.string)
        let made = try await compute.database.write { [self] transaction in
            try begin(server.id, wanted, request, token, in: transaction)
        }
        try await compute.wait(for: request.requestID, of: server.id, within: Self.patience) { message in
            Fault(.internalServerError, "Failed to attach network adapter device to \(server.id): \(message)")
        }
        let found = try await ports(server).first { $0.id == made.id }
        return answer(found ?? made, tag: wanted.tag, request)
    }

    /// Makes the port and begins to plug it.
    private func begin(
        _ id: String, _ wanted: RequestedNetwork, _ request: APIRequest, _ token: TokenContext, in transaction: any Transaction
    ) throws -> ServerPort {
        let conditions = ActionConditions(.attachInterface, states: Self.states)
        guard var server = try ServerRecords.find(id, in: transaction) else { throw ComputeError.serverNotFound(id) }
        try conditions.check(server, isAdmin: token.isAdmin)
        guard let host = server.host else { throw ComputeError.conflict("Instance \(id) is not ready") }
        let port = try attachment {
            let isOpen = wanted.networkID == nil && wanted.portID == nil
            let plan = try compute.networking.plan(
                isOpen ? .automatic : .explicit([wanted]), for: NetworkCaller(request, projectID: server.projectID), in: transaction)
            guard var first = plan.first else {
                throw ComputeError.badRequest(
                    "No specific network was requested and none are available for project '\(server.projectID)'.")
            }
            first.tag = wanted.tag
            let owner = PortOwner(
                serverID: id, projectID: server.projectID, hostName: server.hostName, securityGroupIDs: [],
                availabilityZone: server.availabilityZone ?? compute.options.defaultAvailabilityZone, host: host)
            return try compute.networking.attachOne(first, to: owner, in: transaction)
        }
        if let tag = wanted.tag { server.details.portTags = (server.details.portTags ?? [:]).merging([port.id: tag]) { $1 } }
        try ServerRecords.update(server, in: transaction)
        try compute.log(.attachInterface, server, request, in: transaction)
        try compute.startAlone(
            AttachInterfaceWorkflow(compute: compute).workflow,
            InterfaceChange(serverID: id, requestID: request.requestID, host: host, port: port, tag: wanted.tag), on: server,
            requestID: request.requestID, in: transaction)
        return port
    }

    /// Upstream's statuses for what networking refuses here differ from those of a creation.
    private func attachment(_ body: () throws -> ServerPort) throws -> ServerPort {
        do {
            return try body()
        } catch let refusal as NetworkRefusal {
            switch refusal.kind {
            case .notFound: throw ComputeError.notFound(refusal.message)
            case .ambiguous, .invalid, .exhausted: throw ComputeError.badRequest(refusal.message)
            case .conflict: throw ComputeError.conflict(refusal.message)
            case .forbidden, .quota: throw ComputeError.forbidden(refusal.message)
            }
        }
    }

    // MARK: Detaching

    @Sendable private func detach(_ request: APIRequest) async throws -> APIResponse {
        let found = try await compute.server(request["server_id"], for: request)
        let (id, isAdmin) = (request["port_id"], request.token?.isAdmin == true)
        try await compute.database.write { [compute] transaction in
            guard let server = try ServerRecords.find(found.id, in: transaction) else { throw ComputeError.serverNotFound(found.id) }
            try ActionConditions(.detachInterface, states: Self.states).check(server, isAdmin: isAdmin)
            let ports = try compute.networking.ports(servers: [server.id], in: transaction)[server.id] ?? []
            guard let port = ports.first(where: { $0.id == id }) else { throw ComputeError.notFound("Port id \(id) could not be found.") }
            try compute.log(.detachInterface, server, request, in: transaction)
            try compute.startAlone(
                DetachInterfaceWorkflow(compute: compute).workflow,
                InterfaceChange(serverID: server.id, requestID: request.requestID, host: server.host ?? "", port: port, tag: nil),
                on: server, requestID: request.requestID, in: transaction)
        }
        return .empty()
    }
}

extension Compute.Parts {
    /// Begins a workflow on a server that has no other.
    /// - Throws: 409 while another change of the server is under way.
    func startAlone<State>(
        _ workflow: Workflow<State>, _ state: State, on server: Server, requestID: String?, in transaction: any Transaction
    ) throws {
        do {
            try workflows.start(workflow, state, subject: server.subject, requestID: requestID, in: transaction)
        } catch is WorkflowBusy {
            throw ComputeError.conflict("Another change of instance \(server.id) is under way.")
        }
    }

    /// Waits until the log says that a request's action has ended, or for so long.
    /// - Throws: the fault made of the log's message when it failed.
    func wait(
        for request: String, of server: String, within patience: Duration, orThrow fault: (String) -> Fault
    ) async throws {
        let end = ContinuousClock.now + patience
        var pause = Duration.milliseconds(2)
        while ContinuousClock.now < end {
            let action = try await database.read { try ActionRecords.find(server: server, request: request, in: $0) }
            guard let action else { return }
            if action.finishedAt != nil {
                guard let message = action.message else { return }
                throw fault(message)
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(100))
        }
    }
}
