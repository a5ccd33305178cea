import CloudAPI
import CloudCore
import CloudPolicy

/// The security groups of a server's ports, in every microversion.
struct ServerSecurityGroupEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-security-groups", "List a server's security groups",
                access: .ruleOnResource("os_compute_api:os-security-groups:list"), handler: list)
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let server = try await compute.server(request["server_id"], for: request)
        let client = ServiceClient(compute, for: request)
        let ports = try await client.list(.network, "/v2.0/ports", "ports", query: [("device_id", server.id)])
        let ids = Set(ports.flatMap { $0["security_groups"]?.array?.compactMap(\.string) ?? [] }).sorted()
        let groups = try await SecurityGroupProxyEndpoints.groups(ids, client)
        let sources = try await SecurityGroupProxyEndpoints.sources(groups, client)
        return .json {
            $0.object {
                $0.member("security_groups") { json in
                    json.array { json in for group in groups { json.write(SecurityGroupView(group: group, sources: sources)) } }
                }
            }
        }
    }
}
