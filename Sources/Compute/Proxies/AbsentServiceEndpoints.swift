import CloudAPI
import CloudCore
import CloudPolicy

/// Operations of early microversions that pass requests on to a service that no cloud of this program has: bare metal. They answer
/// 501 to whom their rule admits.
enum AbsentServiceEndpoints {
    static var table: [Endpoint] { nodes }

    private static var nodes: [Endpoint] {
        let (list, one) = ("/v2.1/os-baremetal-nodes", "/v2.1/os-baremetal-nodes/{node_id}")
        let noRule: Access = .authenticated(because: "upstream refuses it for everyone")
        return [
            Endpoint(
                .get, list, "List bare metal nodes", microversions: .proxied, access: .rule("os_compute_api:os-baremetal-nodes:list"),
                handler: noBareMetal),
            Endpoint(
                .get, one, "Show a bare metal node", microversions: .proxied, access: .rule("os_compute_api:os-baremetal-nodes:show"),
                handler: noBareMetal),
            Endpoint(.post, list, "Create a bare metal node", microversions: .proxied, access: noRule, handler: notPassedOn),
            Endpoint(.delete, one, "Delete a bare metal node", microversions: .proxied, access: noRule, handler: notPassedOn),
            Endpoint(
                .post, one + "/action", "Change a bare metal node's interfaces", microversions: .proxied, access: noRule,
                handler: notPassedOn),
        ]
    }

    @Sendable private static func noBareMetal(_ request: APIRequest) async throws -> APIResponse {
        throw Fault(.notImplemented, "This cloud has no bare metal service to pass the request on to.")
    }

    @Sendable private static func notPassedOn(_ request: APIRequest) async throws -> APIResponse {
        throw ComputeError.badRequest("Compute does not pass changes on to the bare metal service: ask that service itself.")
    }
}
