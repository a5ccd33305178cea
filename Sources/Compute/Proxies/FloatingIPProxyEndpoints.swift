import CloudAPI
import CloudCore
import CloudPolicy

/// Floating IPs as nova showed them before 2.36.
struct FloatingIPProxyEndpoints: Sendable {
    let compute: Compute.Parts

    private static let creation: Schema = .anyOf([
        .null, .object([("pool", .nullable(.string()))]),
    ])

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/os-floating-ips", "/v2.1/os-floating-ips/{floating_ip_id}")
        func rule(_ name: String) -> Access { .rule("os_compute_api:os-floating-ips:\(name)") }
        return [
            Endpoint(.get, list, "List floating IPs", microversions: .proxied, access: rule("list"), handler: index),
            Endpoint(
                .post, list, "Allocate a floating IP", microversions: .proxied, access: rule("create"), body: .json(Self.creation),
                handler: create),
            Endpoint(.get, one, "Show a floating IP", microversions: .proxied, access: rule("show"), handler: show),
            Endpoint(
                .delete, one, "Release a floating IP", microversions: .proxied, access: rule("delete"), success: .accepted,
                handler: release),
        ]
    }

    /// The name under which a network gives floating IPs.
    static func pool(_ network: JSON) -> String {
        let name = network["name"]?.string ?? ""
        return name.isEmpty ? network["id"]?.string ?? "" : name
    }

    private func write(_ floatingIP: JSON, pools: [String: String], to json: inout JSONWriter) {
        let network = floatingIP["floating_network_id"]?.string ?? ""
        let server = floatingIP["port_details"]?["device_id"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        json.object {
            $0.member("id", floatingIP["id"]?.string)
            $0.member("ip", floatingIP["floating_ip_address"]?.string)
            $0.member("fixed_ip", floatingIP["fixed_ip_address"]?.string)
            $0.member("instance_id", server)
            $0.member("pool", pools[network] ?? network)
        }
    }

    /// The pools' names by their networks.
    private func pools(_ client: ServiceClient) async throws -> [String: String] {
        let networks = try await client.list(.network, "/v2.0/networks", "networks", query: [("router:external", "true")])
        return Dictionary(networks.map { ($0["id"]?.string ?? "", Self.pool($0)) }, uniquingKeysWith: { $1 })
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        let found = try await client.list(
            .network, "/v2.0/floatingips", "floatingips", query: [("project_id", request.token?.projectID ?? "")])
        let pools = try await pools(client)
        return .json {
            $0.object {
                $0.member("floating_ips") { json in
                    json.array { json in for one in found { write(one, pools: pools, to: &json) } }
                }
            }
        }
    }

    private func path(_ request: APIRequest) -> String {
        "/v2.0/floatingips/\(PathSegment.escape(request["floating_ip_id"]))"
    }

    private func missing(_ request: APIRequest) -> ComputeError {
        .notFound("Floating IP not found for ID \(request["floating_ip_id"])")
    }

    private func answer(_ floatingIP: JSON, _ client: ServiceClient) async throws -> APIResponse {
        let pools = try await pools(client)
        return .json { $0.object { $0.member("floating_ip") { write(floatingIP, pools: pools, to: &$0) } } }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        do {
            return try await answer(try await client.send(.network, .get, path(request))["floatingip"] ?? .null, client)
        } catch let refusal as ServiceRefusal where refusal.status == 404 {
            throw missing(request)
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        let network = try await network(request.body["pool"]?.string, client)
        do {
            let made = try await client.send(
                .network, .post, "/v2.0/floatingips", body: ["floatingip": ["floating_network_id": .string(network)]])
            return try await answer(made["floatingip"] ?? .null, client)
        } catch let refusal as ServiceRefusal where refusal.status == 409 {
            throw refusal.type == "OverQuota"
                ? ComputeError.forbidden("IP allocation over quota.") : ComputeError.notFound("No more floating IPs available.")
        }
    }

    /// The external network that a pool's name or id means. Without a name it is the only one there is, or the one that is
    /// named as upstream's default pool is.
    private func network(_ pool: String?, _ client: ServiceClient) async throws -> String {
        let all = try await client.list(.network, "/v2.0/networks", "networks", query: [("router:external", "true")])
        let wanted = pool ?? (all.count == 1 ? Self.pool(all[0]) : "nova")
        let found = all.filter { $0["id"]?.string == wanted || $0["name"]?.string == wanted }
        guard found.count < 2 else {
            throw ComputeError.conflict("Multiple floating IP pools matches found for name '\(wanted)'")
        }
        guard let id = found.first?["id"]?.string else { throw ComputeError.notFound("Floating IP pool not found.") }
        return id
    }

    @Sendable private func release(_ request: APIRequest) async throws -> APIResponse {
        do {
            try await ServiceClient(compute, for: request).send(.network, .delete, path(request))
        } catch let refusal as ServiceRefusal where refusal.status == 404 {
            throw missing(request)
        }
        return .empty()
    }
}
