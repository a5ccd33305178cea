import CloudAPI
import CloudCore
import CloudStore

/// A server's addresses by network.
struct ServerAddressEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/ips", "List a server's addresses",
                access: .ruleOnResource("os_compute_api:ips:index"), handler: index),
            Endpoint(
                .get, "/v2.1/servers/{server_id}/ips/{label}", "List a server's addresses on one network",
                access: .ruleOnResource("os_compute_api:ips:show"), handler: show),
        ]
    }

    /// The addresses by the name of their network, in the order of the ports.
    private func addresses(_ request: APIRequest) async throws -> [(network: String, addresses: [ServerPort.Address])] {
        let server = try await compute.server(request["server_id"], for: request)
        let ports = try await compute.database.read { [networking = compute.networking] in
            try networking.ports(servers: [server.id], in: $0)[server.id] ?? []
        }
        var networks: [(network: String, addresses: [ServerPort.Address])] = []
        for port in ports {
            if let position = networks.firstIndex(where: { $0.network == port.networkName }) {
                networks[position].addresses += port.addresses
            } else {
                networks.append((port.networkName, port.addresses))
            }
        }
        return networks
    }

    private func write(_ addresses: [ServerPort.Address], to json: inout JSONWriter) {
        json.array { json in
            for address in addresses {
                write(address.address, version: address.version, to: &json)
                for floating in address.floatingIPs { write(floating, version: 4, to: &json) }
            }
        }
    }

    private func write(_ address: String, version: Int, to json: inout JSONWriter) {
        json.object {
            $0.member("version", version)
            $0.member("addr", address)
        }
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        let networks = try await addresses(request)
        return .json {
            $0.object {
                $0.member("addresses") { json in
                    json.object { json in
                        for network in networks { json.member(network.network) { write(network.addresses, to: &$0) } }
                    }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let label = request["label"]
        guard let network = try await addresses(request).first(where: { $0.network == label }) else {
            throw ComputeError.notFound("Instance is not a member of specified network")
        }
        return .json { $0.object { $0.member(label) { write(network.addresses, to: &$0) } } }
    }
}
