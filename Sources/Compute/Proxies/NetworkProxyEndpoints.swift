import CloudAPI
import CloudCore
import CloudPolicy

/// Networks as nova showed them before 2.36: what there is of Neutron's in the form of nova-network's, nearly all of
/// which is null.
struct NetworkProxyEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        func rule(_ name: String) -> Access { .rule("os_compute_api:\(name)") }
        return [
            Endpoint(
                .get, "/v2.1/os-networks", "List networks", microversions: .proxied, access: rule("os-networks:list"), handler: list),
            Endpoint(
                .get, "/v2.1/os-networks/{network_id}", "Show a network", microversions: .proxied,
                access: rule("os-networks:show"), handler: show),
            Endpoint(
                .get, "/v2.1/os-tenant-networks", "List a project's networks", microversions: .proxied,
                access: rule("os-tenant-networks:list"), handler: listOfProject),
            Endpoint(
                .get, "/v2.1/os-tenant-networks/{network_id}", "Show a project's network", microversions: .proxied,
                access: rule("os-tenant-networks:show"), handler: showOfProject),
            Endpoint(
                .get, "/v2.1/os-floating-ip-pools", "List pools of floating IPs", microversions: .proxied,
                access: rule("os-floating-ip-pools"), handler: pools),
        ]
    }

    private func networks(_ request: APIRequest, _ query: [(String, String)] = []) async throws -> [JSON] {
        try await ServiceClient(compute, for: request).list(.network, "/v2.0/networks", "networks", query: query)
    }

    private func network(_ request: APIRequest) async throws -> JSON {
        let path = "/v2.0/networks/\(PathSegment.escape(request["network_id"]))"
        do {
            return try await ServiceClient(compute, for: request).send(.network, .get, path)["network"] ?? .null
        } catch let refusal as ServiceRefusal where refusal.status == 404 {
            throw ComputeError.notFound("Network not found")
        }
    }

    private func answer(_ name: String, _ networks: [JSON], _ view: (JSON, inout JSONWriter) -> Void) -> APIResponse {
        .json {
            $0.object {
                $0.member(name) { json in json.array { json in for network in networks { view(network, &json) } } }
            }
        }
    }

    private static let fields = [
        "cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6",
    ]
    private static let administratorsFields = [
        "created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan", "vpn_public_address",
        "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id", "host", "bridge_interface", "multi_host",
        "priority", "rxtx_base", "mtu", "dhcp_server", "enable_dhcp", "share_address",
    ]

    private func write(_ network: JSON, _ request: APIRequest, to json: inout JSONWriter) {
        json.object { json in
            json.member("id", network["id"]?.string)
            json.member("label", network["name"]?.string)
            let isAdmin = request.token?.isAdmin ?? false
            for field in Self.fields + (isAdmin ? Self.administratorsFields : []) { json.member(field, String?.none) }
        }
    }

    /// Upstream has answered the word None for the range ever since it asks Neutron.
    private func writeOfProject(_ network: JSON, to json: inout JSONWriter) {
        json.object {
            $0.member("id", network["id"]?.string)
            $0.member("cidr", "None")
            $0.member("label", network["name"]?.string)
        }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        answer("networks", try await networks(request)) { write($0, request, to: &$1) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let network = try await network(request)
        return .json { $0.object { $0.member("network") { write(network, request, to: &$0) } } }
    }

    @Sendable private func listOfProject(_ request: APIRequest) async throws -> APIResponse {
        answer("networks", try await networks(request)) { writeOfProject($0, to: &$1) }
    }

    @Sendable private func showOfProject(_ request: APIRequest) async throws -> APIResponse {
        let network = try await network(request)
        return .json { $0.object { $0.member("network") { writeOfProject(network, to: &$0) } } }
    }

    @Sendable private func pools(_ request: APIRequest) async throws -> APIResponse {
        answer("floating_ip_pools", try await networks(request, [("router:external", "true")])) { network, json in
            json.object { $0.member("name", FloatingIPProxyEndpoints.pool(network)) }
        }
    }
}
