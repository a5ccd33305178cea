import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages

// Subnets: decode, authorise, call, encode.
extension NetworkingAPI {
    var subnetEndpoints: [Endpoint] {
        let names = SubnetView.names
        return [
            Endpoint(.get, "/v2.0/subnets", "List subnets", access: .listing, handler: listSubnets),
            Endpoint(
                .post, "/v2.0/subnets", "Create subnets", access: .ruleOnResource("create_subnet"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.subnetCreation, required: ["network_id"]),
                success: .created, handler: createSubnets),
            Endpoint(
                .get, "/v2.0/subnets/{subnet_id}", "Show a subnet", access: .ruleOnResource("get_subnet"),
                handler: showSubnet),
            Endpoint(
                .put, "/v2.0/subnets/{subnet_id}", "Change a subnet", access: .ruleOnResource("update_subnet"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.subnetUpdate), handler: updateSubnet),
            Endpoint(
                .delete, "/v2.0/subnets/{subnet_id}", "Delete a subnet", access: .ruleOnResource("delete_subnet"),
                success: .noContent, handler: deleteSubnet),
        ]
    }

    private func listSubnets(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SubnetRecords.listing)
        let visibility = request.visibility
        let views = try await database.read { reader in
            try SubnetView.load(try SubnetRecords.list(list, visibility, in: reader), in: reader)
        }
        return await request.answer(views, SubnetView.names, list)
    }

    private func showSubnet(_ request: APIRequest) async throws -> APIResponse {
        let id = request["subnet_id"]
        let view = try await database.read { reader in
            try SubnetView.load([try SubnetRecords.find(id, in: reader).orThrow(.subnetNotFound(id))], in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.subnetNotFound(id).fault)
        return request.answer(view, SubnetView.names, fields: request.fields)
    }

    private func createSubnets(_ request: APIRequest) async throws -> APIResponse {
        let orders = try request.creations(SubnetView.names).map { try SubnetOrder($0, request) }
        let views = try await database.write { [self] transaction in
            let subnets = try orders.map { try create($0, request, in: transaction) }
            return try SubnetView.load(subnets, in: transaction)
        }
        return await request.answer(created: views, SubnetView.names)
    }

    private func create(_ order: SubnetOrder, _ request: APIRequest, in transaction: any Transaction) throws -> Subnet {
        let (attributes, networkID) = (order.attributes, order.attributes.text("network_id") ?? "")
        let network = try NetworkRecords.find(networkID, in: transaction).orThrow(.networkNotFound(networkID))
        guard request.allows("get_network", PolicySubject(network).target) else {
            throw NetworkingError.networkNotFound(networkID)
        }
        let placed = attributes.text("segment_id") == nil ? [] : ["segment_id"]
        // Upstream declares a rule for `service_types` too, but never asks it.
        let guarded = placed + attributes.present(["tags"])
        try request.authorizeCreation(of: "subnet", PolicySubject(projectID: order.projectID, on: network), setting: guarded)
        let choice = try order.choice(visibility: request.visibility, in: transaction)
        let (cidr, pool) = try operations.choose(
            choice, version: order.version, project: order.projectID, by: request.caller, in: transaction)
        var draft = try Self.draft(attributes, request, cidr: cidr)
        // A range cut by its length alone has its first host for gateway in both families.
        if order.cidr == nil, draft.gateway == .automatic, let first = cidr.first.advanced(by: 1) { draft.gateway = .address(first) }
        return try operations.createSubnet(
            draft, on: network, from: pool, tags: attributes.texts("tags") ?? [], in: transaction)
    }

    private static func draft(
        _ attributes: Attributes, _ request: APIRequest, cidr: CIDR
    ) throws(NetworkingError) -> SubnetDraft {
        var draft = SubnetDraft(
            networkID: attributes.text("network_id") ?? "", projectID: try attributes.project(of: request), cidr: cidr)
        draft.name = attributes.text("name") ?? ""
        draft.description = attributes.text("description") ?? ""
        draft.gateway = try gateway(attributes) ?? .automatic
        draft.pools = try pools(attributes)
        draft.isDHCPEnabled = attributes.flag("enable_dhcp") ?? true
        draft.nameservers = try nameservers(attributes) ?? []
        draft.hostRoutes = try hostRoutes(attributes) ?? []
        draft.serviceTypes = try serviceTypes(attributes) ?? []
        draft.raMode = attributes.text("ipv6_ra_mode").flatMap(IPv6Mode.init)
        draft.segmentID = attributes.text("segment_id")
        draft.addressMode = attributes.text("ipv6_address_mode").flatMap(IPv6Mode.init)
        draft.publishesFixedIPs = attributes.flag("dns_publish_fixed_ip") ?? false
        return draft
    }

    /// What a body says of the gateway; nil when it says nothing.
    private static func gateway(_ attributes: Attributes) throws(NetworkingError) -> SubnetDraft.Gateway? {
        guard attributes.has("gateway_ip") else { return nil }
        guard let text = attributes.text("gateway_ip"), !text.isEmpty else { return SubnetDraft.Gateway.none }
        guard let address = IPAddress(text) else {
            throw .badBody("Invalid input for gateway_ip. Reason: '\(text)' is not a valid IP address.")
        }
        return .address(address)
    }

    private static func pools(_ attributes: Attributes) throws(NetworkingError) -> [AddressRange]? {
        guard let items = attributes.json["allocation_pools"]?.array else { return nil }
        var pools: [AddressRange] = []
        for item in items {
            guard let first = item["start"]?.string.flatMap({ IPAddress($0) }), let last = item["end"]?.string.flatMap({ IPAddress($0) })
            else { throw .badBody("Invalid input for allocation_pools. Reason: start and end must be addresses.") }
            pools.append(AddressRange(first, last))
        }
        return pools
    }

    /// Resolvers, canonical and without repetition.
    private static func nameservers(_ attributes: Attributes) throws(NetworkingError) -> [String]? {
        guard let texts = attributes.texts("dns_nameservers") else { return nil }
        var servers: [String] = []
        for text in texts {
            guard let address = IPAddress(text) else {
                throw .badBody("Invalid input for dns_nameservers. Reason: '\(text)' is not a valid nameserver.")
            }
            guard !servers.contains(address.description) else {
                throw .badBody("Invalid input for dns_nameservers. Reason: Duplicate nameserver '\(text)'.")
            }
            servers.append(address.description)
        }
        return servers
    }

    private static func hostRoutes(_ attributes: Attributes) throws(NetworkingError) -> [Route]? {
        guard let routes = attributes.routes("host_routes") else { return nil }
        guard Set(routes).count == routes.count else {
            throw .badBody("Invalid input for host_routes. Reason: Duplicate hostroute.")
        }
        return routes
    }

    /// Service types are the owners that ports have: `network:` or `compute:` and what follows. Upstream adds the prefix
    /// `compute:` letter by letter, so that any type is taken that begins with one of its letters.
    private static func serviceTypes(_ attributes: Attributes) throws(NetworkingError) -> [String]? {
        guard let types = attributes.texts("service_types") else { return nil }
        let prefixes = ["network:", "neutron:"] + "compute:".map(String.init)
        for type in types where !prefixes.contains(where: type.hasPrefix) {
            throw NetworkingError(
                .badRequest, "InvalidSubnetServiceType", "Subnet service type \(type) does not correspond to a valid device owner.")
        }
        return types
    }

    private func updateSubnet(_ request: APIRequest) async throws -> APIResponse {
        let (id, attributes) = (request["subnet_id"], request.attributes(SubnetView.names))
        let change = SubnetChange(
            name: attributes.text("name"), description: attributes.text("description"),
            gateway: try Self.gateway(attributes), pools: try Self.pools(attributes),
            isDHCPEnabled: attributes.flag("enable_dhcp"), nameservers: try Self.nameservers(attributes),
            hostRoutes: try Self.hostRoutes(attributes), serviceTypes: try Self.serviceTypes(attributes),
            publishesFixedIPs: attributes.flag("dns_publish_fixed_ip"))
        let view = try await database.write { [operations] transaction in
            let subnet = try SubnetRecords.find(id, in: transaction).orThrow(.subnetNotFound(id))
            let network = try NetworkRecords.find(subnet.networkID, in: transaction)
            try request.authorizeChange(
                of: "subnet", PolicySubject(projectID: subnet.projectID, on: network),
                setting: (attributes.json.object?.names ?? []).filter { $0 != "service_types" }, orHide: .subnetNotFound(id))
            try request.checkRevision(subnet.standard)
            return try SubnetView.load([try operations.updateSubnet(subnet, change, in: transaction)], in: transaction)[0]
        }
        return request.answer(view, SubnetView.names)
    }

    private func deleteSubnet(_ request: APIRequest) async throws -> APIResponse {
        let id = request["subnet_id"]
        try await database.write { [operations] transaction in
            let subnet = try SubnetRecords.find(id, in: transaction).orThrow(.subnetNotFound(id))
            let network = try NetworkRecords.find(subnet.networkID, in: transaction)
            try request.authorizeChange(
                of: "subnet", PolicySubject(projectID: subnet.projectID, on: network), orHide: .subnetNotFound(id))
            try request.checkRevision(subnet.standard)
            try operations.deleteSubnet(subnet, in: transaction)
        }
        return .empty()
    }
}
