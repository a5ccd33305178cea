import CloudAPI
import CloudCore
import CloudStore

// The agents' scheduling views: decode, authorise, call, encode. OVN serves DHCP on every host, so no agent is a DHCP
// agent: upstream's plugin for OVN answers these requests in the same way.
extension NetworkingAPI {
    var agentSchedulingEndpoints: [Endpoint] {
        let (networks, routers) = ("/v2.0/agents/{agent_id}/dhcp-networks", "/v2.0/agents/{agent_id}/l3-routers")
        return [
            Endpoint(.get, networks, "List a DHCP agent's networks", access: .rule("get_dhcp-networks")) { request in
                try await checkAgent(request)
                return .json("networks", [String]())
            },
            Endpoint(
                .post, networks, "Put a network on a DHCP agent", access: .rule("create_dhcp-network"),
                body: .json(.object([("network_id", NetworkingSchemas.text)], required: ["network_id"])), success: .created,
                handler: addNetwork),
            Endpoint(
                .delete, "\(networks)/{network_id}", "Take a network from a DHCP agent", access: .rule("delete_dhcp-network"),
                success: .noContent, handler: removeNetwork),
            Endpoint(
                .get, "/v2.0/networks/{network_id}/dhcp-agents", "List a network's DHCP agents", access: .rule("get_dhcp-agents")
            ) { _ in .json("agents", [String]()) },
            Endpoint(
                .get, routers, "List the routers whose gateways an agent may have", access: .rule("get_l3-routers"),
                handler: listAgentRouters),
            Endpoint(
                .post, routers, "Put a router's gateway on an agent", access: .rule("create_l3-router"),
                body: .json(.object(
                    [("router_id", NetworkingSchemas.text), ("ha_chassis_priority", NetworkingSchemas.priority)],
                    required: ["router_id"])),
                success: .created, handler: addRouter),
            Endpoint(
                .put, "\(routers)/{router_id}", "Change the priority of an agent for a router",
                access: .rule("update_l3-router"),
                body: .json(.object([("ha_chassis_priority", NetworkingSchemas.priority)])), handler: updateRouterOnAgent),
            Endpoint(
                .delete, "\(routers)/{router_id}", "Take a router's gateway from an agent", access: .rule("delete_l3-router"),
                success: .noContent, handler: removeRouter),
            Endpoint(
                .get, "/v2.0/routers/{router_id}/l3-agents", "List the agents that may have a router's gateway",
                access: .rule("get_l3-agents"), handler: listRouterAgents),
        ]
    }

    private static let null = APIResponse.json { $0.write(String?.none) }

    private func checkAgent(_ request: APIRequest) async throws {
        let id = request["agent_id"]
        try await database.read { _ = try AgentRecords.find(id, in: $0).orThrow(.agentNotFound(id)) }
    }

    private func addNetwork(_ request: APIRequest) async throws -> APIResponse {
        let (agent, network) = (request["agent_id"], request.body["network_id"]?.string ?? "")
        try await database.read { reader in
            _ = try NetworkRecords.find(network, in: reader).orThrow(.networkNotFound(network))
            _ = try AgentRecords.find(agent, in: reader).orThrow(.agentNotFound(agent))
        }
        throw NetworkingError(.notFound, "InvalidDHCPAgent", "Agent \(agent) is not a valid DHCP Agent or has been disabled.")
    }

    private func removeNetwork(_ request: APIRequest) async throws -> APIResponse {
        try await checkAgent(request)
        throw NetworkingError(
            .conflict, "NetworkNotHostedByDhcpAgent",
            "The network \(request["network_id"]) is not hosted by the DHCP agent \(request["agent_id"]).")
    }

    private func listAgentRouters(_ request: APIRequest) async throws -> APIResponse {
        let (id, zones) = (request["agent_id"], options.availabilityZones)
        let views = try await database.read { reader in
            _ = try AgentRecords.find(id, in: reader).orThrow(.invalidL3Agent(id))
            let routers = try RouterRecords.find(try RouterAgentRecords.routers(agent: id, in: reader), in: reader)
            return try RouterView.load(routers.sorted { $0.id < $1.id }, zones: zones, in: reader)
        }
        return await request.answer(views, RouterView.names, ListRequest(fields: request.fields))
    }

    private func addRouter(_ request: APIRequest) async throws -> APIResponse {
        let (agent, router) = (request["agent_id"], request.body["router_id"]?.string ?? "")
        let priority = request.body["ha_chassis_priority"]?.lenientInt
        try await database.write { [operations] in try operations.add(router: router, to: agent, priority: priority, in: $0) }
        return Self.null
    }

    private func updateRouterOnAgent(_ request: APIRequest) async throws -> APIResponse {
        let (agent, router) = (request["agent_id"], request["router_id"])
        let priority = request.body["ha_chassis_priority"]?.lenientInt
        try await database.write { [operations] in try operations.update(router: router, on: agent, priority: priority, in: $0) }
        return Self.null
    }

    private func removeRouter(_ request: APIRequest) async throws -> APIResponse {
        let (agent, router) = (request["agent_id"], request["router_id"])
        try await database.write { [operations] in try operations.remove(router: router, from: agent, in: $0) }
        return .empty()
    }

    private func listRouterAgents(_ request: APIRequest) async throws -> APIResponse {
        let id = request["router_id"]
        let views = try await database.read { reader in
            let bindings = try RouterAgentRecords.all(router: id, in: reader)
            let agents = try AgentRecords.find(bindings.map(\.agentID), in: reader)
            return bindings.compactMap { binding in
                agents[binding.agentID].map { AgentView(agent: $0, priority: binding.priority) }
            }
        }
        return await request.answer(views, AgentView.names, ListRequest(fields: request.fields))
    }
}
