import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Logging

/// The NUMA topology of a server.
struct ServerTopologyEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/topology", "Show a server's NUMA topology", microversions: .from(2, 78),
                access: .ruleOnResource("compute:server:topology:index"), handler: show)
        ]
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let id = request["server_id"]
        guard let server = try await compute.database.read({ try ServerRecords.find(id, in: $0) }),
            server.projectID == request.token?.projectID || request.token?.isAdmin == true
        else {
            try request.authorize(request.callerTarget)
            throw ComputeError.serverNotFound(id)
        }
        let target: [String: String] = ["project_id": server.projectID]
        try request.authorize(target.mapValues { .string($0) })
        let showsHost = request.allows("compute:server:topology:host:index", target.mapValues { .string($0) })
        let topology = GuestTopology(server.flavor, server.imageProperties)
        let placement = showsHost && topology != nil ? await self.placement(of: server) : nil
        return .json {
            $0.object {
                $0.member("nodes") { json in
                    json.array { json in for cell in topology?.cells ?? [] { write(cell, placement, to: &json) } }
                }
                $0.member("pagesize_kb", topology?.pageKiB)
            }
        }
    }

    /// What the server's host says that it is bound to; nil where there is nobody to ask, or no answer.
    private func placement(of server: Server) async -> GuestPlacement? {
        guard let host = server.host else { return nil }
        do {
            return try await compute.bus.call(
                LocateGuest(id: server.id), to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(10))
        } catch {
            compute.logger.notice("a host did not say what a guest is bound to", metadata: ["server": "\(server.id)", "error": "\(error)"])
            return nil
        }
    }

    /// Members of the host are optional in upstream's schema (server_topology.index_response): what isn't bound has none.
    private func write(_ cell: GuestTopology.Cell, _ placement: GuestPlacement?, to json: inout JSONWriter) {
        json.object {
            $0.member("memory_mb", cell.memoryMiB)
            $0.member("vcpu_set", array: cell.processors)
            $0.member("siblings") { $0.array { _ in } }
            guard let placement else { return }
            if let node = placement.cells[cell.id] { $0.member("host_node", node) }
            let pins = cell.processors.compactMap { number in placement.processors[number].map { ("\(number)", $0) } }
            $0.member("cpu_pinning") { $0.object { json in for (number, host) in pins { json.member(number, host) } } }
        }
    }
}
