import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// What lets somebody into a server: the password its guest has left, and what console tokens lead to.
struct ServerAccessEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/os-server-password", "Show the encrypted password that a guest has left",
                access: .ruleOnResource("os_compute_api:os-server-password:show"), handler: showPassword),
            Endpoint(
                .delete, "/v2.1/servers/{server_id}/os-server-password", "Forget the encrypted password that a guest has left",
                access: .ruleOnResource("os_compute_api:os-server-password:clear"), success: .noContent, handler: clearPassword),
            Endpoint(
                .get, "/v2.1/os-console-auth-tokens/{token}", "Show where a console token leads",
                access: .rule("os_compute_api:os-console-auth-tokens"), handler: showToken),
        ]
    }

    @Sendable private func showPassword(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let id = try await compute.server(request["server_id"], for: request).id
        let password = try await compute.database.read { try ServerPasswordRecords.password(server: id, in: $0) }
        return .json("password", password ?? "")
    }

    @Sendable private func clearPassword(_ request: APIRequest) async throws -> APIResponse {
        let id = try await compute.server(request["server_id"], for: request).id
        try await compute.database.write { try ServerPasswordRecords.clear(server: id, in: $0) }
        return .empty()
    }

    @Sendable private func showToken(_ request: APIRequest) async throws -> APIResponse {
        guard request.microversion >= Microversion(2, 31) else {
            throw ComputeError.badRequest("Console tokens can be looked up from microversion 2.31 on.")
        }
        try QueryRules(strictFrom: 99).check(request)
        let token = request["token"]
        let found = try await compute.database.read { try ConsoleTokenRecords.connection(for: token, at: .now, in: $0) }
        guard let found else { throw ComputeError.notFound("Token not found") }
        return .json {
            $0.object {
                $0.member("console") {
                    $0.object {
                        $0.member("instance_uuid", found.serverID)
                        $0.member("host", found.host)
                        $0.member("port", found.port)
                        $0.member("internal_access_path", found.internalAccessPath)
                        guard found.kind == "spice-direct", request.microversion >= Microversion(2, 99) else { return }
                        $0.member("tls_port", found.tlsPort)
                    }
                }
            }
        }
    }
}
