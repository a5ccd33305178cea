import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import ComputeMessages

/// What hangs on a server: its security groups.
struct ServerDetailEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-security-groups", "List a server's security groups",
                access: .ruleOnResource("os_compute_api:os-security-groups:list"), handler: securityGroups),
        ]
    }

    private func ports(_ server: Server) async throws -> [ServerPort] {
        try await compute.database.read { [networking = compute.networking] in
            try networking.ports(servers: [server.id], in: $0)[server.id] ?? []
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
