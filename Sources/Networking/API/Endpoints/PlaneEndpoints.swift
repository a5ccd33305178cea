import CloudAPI
import CloudCore
import CloudStore

// Agents, availability zones, address usage and floating IP pools: decode, authorise, call, encode.
extension NetworkingAPI {
    var planeEndpoints: [Endpoint] {
        let agent = "/v2.0/agents/{agent_id}"
        return [
            Endpoint(.get, "/v2.0/agents", "List agents", access: .listing, handler: listAgents),
            Endpoint(.get, agent, "Show an agent", access: .ruleOnResource("get_agent"), handler: showAgent),
            Endpoint(
                .put, agent, "Change an agent", access: .ruleOnResource("update_agent"),
                body: NetworkingSchemas.update(
                    AgentView.names,
                    [("admin_state_up", NetworkingSchemas.flag), ("description", .nullable(NetworkingSchemas.text))]),
                handler: updateAgent),
            Endpoint(
                .delete, agent, "Forget an agent", access: .ruleOnResource("delete_agent"), success: .noContent,
                handler: deleteAgent),
            Endpoint(
                .get, "/v2.0/availability_zones", "List availability zones", access: .rule("get_availability_zone"),
                handler: listZones),
            Endpoint(
                .get, "/v2.0/network-ip-availabilities", "List networks' address usage", access: .listing,
                handler: listAvailabilities),
            Endpoint(
                .get, "/v2.0/network-ip-availabilities/{network_id}", "Show a network's address usage",
                access: .ruleOnResource("get_network_ip_availability"), handler: showAvailability),
            Endpoint(.get, "/v2.0/floatingip_pools", "List floating IP pools", access: .listing, handler: listPools),
        ]
    }

    private func listAgents(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, AgentRecords.listing)
        let agents = try await database.read { try AgentRecords.list(list, in: $0) }
        return await request.answer(agents.map { AgentView(agent: $0) }, AgentView.names, list)
    }

    private func showAgent(_ request: APIRequest) async throws -> APIResponse {
        let id = request["agent_id"]
        let agent = try await database.read { try AgentRecords.find(id, in: $0).orThrow(.agentNotFound(id)) }
        let view = AgentView(agent: agent)
        try request.authorize(view.subject.target, orThrow: NetworkingError.agentNotFound(id).fault)
        return request.answer(view, AgentView.names, fields: request.fields)
    }

    private func updateAgent(_ request: APIRequest) async throws -> APIResponse {
        let (id, attributes) = (request["agent_id"], request.attributes(AgentView.names))
        let agent = try await database.write { transaction in
            var agent = try AgentRecords.find(id, in: transaction).orThrow(.agentNotFound(id))
            try request.authorizeChange(of: "agent", AgentView(agent: agent).subject, orHide: .agentNotFound(id))
            agent.isAdminUp = attributes.flag("admin_state_up") ?? agent.isAdminUp
            agent.description = attributes.has("description") ? attributes.text("description") ?? "" : agent.description
            try AgentRecords.update(agent, in: transaction)
            return agent
        }
        return request.answer(AgentView(agent: agent), AgentView.names)
    }

    private func deleteAgent(_ request: APIRequest) async throws -> APIResponse {
        let id = request["agent_id"]
        try await database.write { transaction in
            let agent = try AgentRecords.find(id, in: transaction).orThrow(.agentNotFound(id))
            try request.authorizeChange(of: "agent", AgentView(agent: agent).subject, orHide: .agentNotFound(id))
            try AgentRecords.delete(id, in: transaction)
        }
        return .empty()
    }

    private func listZones(_ request: APIRequest) async throws -> APIResponse {
        let zones = options.availabilityZones.flatMap { zone in
            ["network", "router"].map { ZoneView(name: zone, resource: $0) }
        }
        let wanted = try request.filtered(zones) { $0.matches($1, $2) }
        return await request.answer(wanted, ZoneView.names, ListRequest(fields: request.fields), isComplete: true)
    }

    private func listAvailabilities(_ request: APIRequest) async throws -> APIResponse {
        let list = try ListRequest(request.query, NetworkRecords.usageListing, pageLimit: nil)
        let versions = list.values(of: "ip_version")?.compactMap { Int($0) }
        let views = try await database.read { reader in
            let networks = try NetworkRecords.list(list, .everything, by: NetworkRecords.usageListing, in: reader)
            return try AvailabilityView.load(networks, versions: versions, in: reader)
        }
        return await request.answer(views, AvailabilityView.names, ListRequest(fields: list.fields))
    }

    private func showAvailability(_ request: APIRequest) async throws -> APIResponse {
        let id = request["network_id"]
        let view = try await database.read { reader in
            let network = try NetworkRecords.find(id, in: reader).orThrow(.networkNotFound(id))
            return try AvailabilityView.load([network], in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.networkNotFound(id).fault)
        return request.answer(view, AvailabilityView.names, fields: request.fields)
    }

    private func listPools(_ request: APIRequest) async throws -> APIResponse {
        let project = request.token?.projectID ?? ""
        guard request.allows("get_floatingip_pool", PolicySubject(projectID: project).target) else {
            return Self.pools([], project: project)
        }
        let subnets = try await database.read { reader in
            let external = ListRequest(filters: [ListRequest.Filter(attribute: "router:external", values: ["true"])])
            let networks = try NetworkRecords.list(external, .everything, in: reader)
            return try SubnetRecords.all(networks: networks.map(\.id), in: reader).values.flatMap { $0 }
        }
        return Self.pools(subnets.filter { $0.cidr.version == .v4 }.sorted { $0.id < $1.id }, project: project)
    }

    private static func pools(_ subnets: [Subnet], project: String) -> APIResponse {
        .json { json in
            json.object { json in
                json.member("floatingip_pools") { json in
                    json.array { json in
                        for subnet in subnets {
                            json.object {
                                $0.member("subnet_id", subnet.id)
                                $0.member("subnet_name", subnet.name)
                                $0.member("network_id", subnet.networkID)
                                $0.member("cidr", subnet.cidr.description)
                                $0.member("project_id", project)
                                $0.member("tenant_id", project)
                            }
                        }
                    }
                }
            }
        }
    }
}
