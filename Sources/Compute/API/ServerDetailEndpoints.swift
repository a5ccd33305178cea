import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import ComputeMessages

/// What hangs on a server: its action log, its interfaces, its security groups.
struct ServerDetailEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-instance-actions", "List what was done to a server",
                access: .ruleOnResource("os_compute_api:os-instance-actions:list"), handler: actions),
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-instance-actions/{request_id}", "Show one thing done to a server",
                access: .ruleOnResource("os_compute_api:os-instance-actions:show"), handler: action),
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-interface", "List a server's interfaces",
                access: .ruleOnResource("os_compute_api:os-attach-interfaces:list"), handler: interfaces),
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-security-groups", "List a server's security groups",
                access: .ruleOnResource("os_compute_api:os-security-groups:list"), handler: securityGroups),
        ]
    }

    @Sendable private func actions(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(
            request["server_id"], deleted: request.microversion >= Microversion(2, 21), for: request)
        let actions = try await compute.database.read { try ActionRecords.all(server: server.id, in: $0) }
        return .json {
            $0.object {
                $0.member("instanceActions") { json in
                    json.array { json in for action in actions { json.object { write(action, request, to: &$0) } } }
                }
            }
        }
    }

    private func write(_ action: InstanceAction, _ request: APIRequest, to json: inout JSONWriter) {
        json.member("action", action.action)
        json.member("instance_uuid", action.serverID)
        json.member("request_id", action.requestID)
        json.member("user_id", action.userID)
        json.member("project_id", action.projectID)
        json.member("start_time", action.startedAt.iso8601Naive)
        json.member("message", action.message == nil ? nil : "Error")
        if request.microversion >= Microversion(2, 58) {
            json.member("updated_at", (action.finishedAt ?? action.startedAt).iso8601Naive)
        }
    }

    @Sendable private func action(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(
            request["server_id"], deleted: request.microversion >= Microversion(2, 21), for: request)
        let actions = try await compute.database.read { try ActionRecords.all(server: server.id, in: $0) }
        guard let action = actions.first(where: { $0.requestID == request["request_id"] }) else {
            throw ComputeError.notFound("Action for request_id \(request["request_id"]) on instance \(server.id) not found")
        }
        return .json {
            $0.object {
                $0.member("instanceAction") {
                    $0.object {
                        write(action, request, to: &$0)
                        $0.member("events") { $0.array { writeEvent(action, to: &$0) } }
                    }
                }
            }
        }
    }

    private func writeEvent(_ action: InstanceAction, to json: inout JSONWriter) {
        json.object {
            $0.member("event", "compute_\(action.action)")
            $0.member("start_time", action.startedAt.iso8601Naive)
            $0.member("finish_time", action.finishedAt?.iso8601Naive)
            $0.member("result", action.finishedAt == nil ? nil : action.message == nil ? "Success" : "Error")
        }
    }

    private func ports(_ server: Server) async throws -> [ServerPort] {
        try await compute.database.read { [networking = compute.networking] in
            try networking.ports(servers: [server.id], in: $0)[server.id] ?? []
        }
    }

    @Sendable private func interfaces(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        let ports = try await ports(server)
        return .json {
            $0.object {
                $0.member("interfaceAttachments") { json in
                    json.array { json in for port in ports { write(port, server, to: &json) } }
                }
            }
        }
    }

    private func write(_ port: ServerPort, _ server: Server, to json: inout JSONWriter) {
        json.object {
            $0.member("port_id", port.id)
            $0.member("net_id", port.networkID)
            $0.member("mac_addr", port.mac)
            $0.member("port_state", server.power == .running ? "ACTIVE" : "DOWN")
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
        }
    }

    @Sendable private func securityGroups(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        let names = Set(try await ports(server).flatMap(\.securityGroups)).sorted()
        return .json {
            $0.object {
                $0.member("security_groups") { json in
                    json.array { json in for name in names { json.object { $0.member("name", name) } } }
                }
            }
        }
    }
}
