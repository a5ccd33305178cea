import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages

// Routers: decode, authorise, call, encode.
extension NetworkingAPI {
    var routerEndpoints: [Endpoint] {
        let (names, item) = (RouterView.names, "/v2.0/routers/{router_id}")
        return [
            Endpoint(.get, "/v2.0/routers", "List routers", access: .listing, handler: listRouters),
            Endpoint(
                .post, "/v2.0/routers", "Create routers", access: .ruleOnResource("create_router"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.routerCreation), success: .created,
                handler: createRouters),
            Endpoint(.get, item, "Show a router", access: .ruleOnResource("get_router"), handler: showRouter),
            Endpoint(
                .put, item, "Change a router", access: .ruleOnResource("update_router"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.routerUpdate), handler: updateRouter),
            Endpoint(
                .delete, item, "Delete a router", access: .ruleOnResource("delete_router"), success: .noContent,
                handler: deleteRouter),
            Endpoint(
                .put, "\(item)/add_router_interface", "Add an interface to a router",
                access: .ruleOnResource("add_router_interface"), body: NetworkingSchemas.routerInterface, handler: addInterface),
            Endpoint(
                .put, "\(item)/remove_router_interface", "Remove an interface from a router",
                access: .ruleOnResource("remove_router_interface"), body: NetworkingSchemas.routerInterface,
                handler: removeInterface),
            Endpoint(
                .put, "\(item)/add_extraroutes", "Add routes to a router", access: .ruleOnResource("add_extraroutes"),
                body: NetworkingSchemas.routerRoutes, handler: addRoutes),
            Endpoint(
                .put, "\(item)/remove_extraroutes", "Remove routes from a router",
                access: .ruleOnResource("remove_extraroutes"), body: NetworkingSchemas.routerRoutes, handler: removeRoutes),
        ]
    }

    private func listRouters(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, RouterRecords.listing)
        let (visibility, zones) = (request.visibility, options.availabilityZones)
        let views = try await database.read { reader in
            try RouterView.load(try RouterRecords.list(list, visibility, in: reader), zones: zones, in: reader)
        }
        return await request.answer(views, RouterView.names, list)
    }

    private func showRouter(_ request: APIRequest) async throws -> APIResponse {
        let (id, zones) = (request["router_id"], options.availabilityZones)
        let view = try await database.read { reader in
            let router = try RouterRecords.find(id, in: reader).orThrow(.routerNotFound(id))
            return try RouterView.load([router], zones: zones, in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.routerNotFound(id).fault)
        return request.answer(view, RouterView.names, fields: request.fields)
    }

    private func createRouters(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(RouterView.names).map { attributes in
            var draft = RouterDraft(projectID: try attributes.project(of: request))
            draft.name = attributes.text("name") ?? ""
            draft.description = attributes.text("description") ?? ""
            draft.isAdminUp = attributes.flag("admin_state_up") ?? true
            if case .set(let gateway) = try Self.gateway(attributes) { draft.gateway = gateway }
            draft.zoneHints = attributes.texts("availability_zone_hints") ?? []
            draft.defaultRoute = DefaultRouteOptions(
                isECMP: attributes.flag("enable_default_route_ecmp") ?? false,
                isBFD: attributes.flag("enable_default_route_bfd") ?? false)
            draft.isHighlyAvailable = attributes.flag("ha")
            draft.flavorID = attributes.text("flavor_id")
            draft.tags = attributes.texts("tags") ?? []
            try request.authorizeCreation(
                of: "router", PolicySubject(projectID: draft.projectID),
                setting: Self.guarded(attributes) + attributes.present(["tags"]))
            return draft
        }
        let (caller, zones) = (request.caller, options.availabilityZones)
        let views = try await database.write { [operations] transaction in
            let routers = try drafts.map { draft in
                try Self.checkVisible(draft.gateway, request, in: transaction)
                let router = try operations.createRouter(draft, by: caller, in: transaction)
                try operations.setGatewayPolicy(
                    of: router, draft.gateway.map { .set($0) }, by: caller, in: transaction)
                return router
            }
            return try RouterView.load(routers, zones: zones, in: transaction)
        }
        return await request.answer(created: views, RouterView.names)
    }

    /// What a body says of the gateway; nil when it says nothing. Null and `{}` mean none.
    private static func gateway(_ attributes: Attributes) throws(NetworkingError) -> RouterChange.Gateway? {
        guard let value = attributes.json["external_gateway_info"] else { return nil }
        guard let object = value.object, !object.isEmpty else { return RouterChange.Gateway.none }
        guard object["network_id"]?.string != nil else {
            guard object.names == ["network_id"] else {
                throw .badBody("Invalid input for external_gateway_info. Reason: network_id is needed.")
            }
            return RouterChange.Gateway.none
        }
        return .set(try gatewayDraft(Attributes(json: value)))
    }

    /// The attributes, and the parts of the gateway's, that have rules of their own.
    private static func guarded(_ attributes: Attributes) -> [String] {
        let plain = attributes.present(["external_gateway_info", "ha", "enable_default_route_ecmp", "enable_default_route_bfd"])
        guard let object = attributes.json["external_gateway_info"]?.object else { return plain }
        return plain + object.names.map { "external_gateway_info:\($0)" }
    }

    /// A network that the caller may not see does not exist for them.
    static func checkVisible(_ gateway: GatewayDraft?, _ request: APIRequest, in reader: any Reader) throws {
        guard let gateway, let network = try NetworkRecords.find(gateway.networkID, in: reader) else { return }
        guard request.allows("get_network", PolicySubject(network).target) else {
            throw NetworkingError.networkNotFound(gateway.networkID)
        }
    }

    private func updateRouter(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(RouterView.names)
        let change = RouterChange(
            name: attributes.text("name"), description: attributes.text("description"),
            isAdminUp: attributes.flag("admin_state_up"), gateway: try Self.gateway(attributes),
            routes: attributes.routes("routes"), isECMP: attributes.flag("enable_default_route_ecmp"),
            isBFD: attributes.flag("enable_default_route_bfd"), isHighlyAvailable: attributes.flag("ha"))
        return try await changeRouter(request, setting: Self.guarded(attributes)) { [operations] router, transaction in
            if case .set(let gateway) = change.gateway { try Self.checkVisible(gateway, request, in: transaction) }
            try operations.setGatewayPolicy(of: router, change.gateway, by: request.caller, in: transaction)
            return try operations.updateRouter(router, change, in: transaction)
        }
    }

    /// Finds the router, checks that the caller may change it, changes it and answers with it.
    func changeRouter(
        _ request: APIRequest, setting attributes: [String] = [],
        _ change: @escaping @Sendable (Router, any Transaction) throws -> Router
    ) async throws -> APIResponse {
        let (id, zones) = (request["router_id"], options.availabilityZones)
        let view = try await database.write { transaction in
            let router = try Self.router(id, request, setting: attributes, in: transaction)
            return try RouterView.load([try change(router, transaction)], zones: zones, in: transaction)[0]
        }
        return request.answer(view, RouterView.names)
    }

    private static func router(
        _ id: String, _ request: APIRequest, setting attributes: [String] = [], in transaction: any Transaction
    ) throws -> Router {
        let router = try RouterRecords.find(id, in: transaction).orThrow(.routerNotFound(id))
        try request.authorizeChange(
            of: "router", PolicySubject(projectID: router.projectID), setting: attributes, orHide: .routerNotFound(id))
        try request.checkRevision(router.standard)
        return router
    }

    private func deleteRouter(_ request: APIRequest) async throws -> APIResponse {
        let id = request["router_id"]
        try await database.write { [operations] transaction in
            try operations.deleteRouter(try Self.router(id, request, in: transaction), in: transaction)
        }
        return .empty()
    }
}

// Interfaces and routes.
extension NetworkingAPI {
    private static func reference(_ request: APIRequest) throws(NetworkingError) -> InterfaceReference {
        switch (request.body["port_id"]?.string, request.body["subnet_id"]?.string) {
        case (let port?, let subnet?): return .both(port: port, subnet: subnet)
        case (let port?, nil): return .port(port)
        case (nil, let subnet?): return .subnet(subnet)
        case (nil, nil): throw .badRequest("router", "Either subnet_id or port_id must be specified")
        }
    }

    private func addInterface(_ request: APIRequest) async throws -> APIResponse {
        let (id, caller, reference) = (request["router_id"], request.caller, try Self.reference(request))
        let info = try await database.write { [operations] transaction in
            let router = try Self.router(id, request, in: transaction)
            try Self.checkVisible(reference, request, in: transaction)
            return try operations.addInterface(reference, to: router, by: caller, in: transaction)
        }
        return Self.answer(info)
    }

    /// A subnet or port that the caller may not see does not exist for them.
    private static func checkVisible(_ reference: InterfaceReference, _ request: APIRequest, in reader: any Reader) throws {
        switch reference {
        case .subnet(let id):
            let subnet = try SubnetRecords.find(id, in: reader).orThrow(.subnetNotFound(id))
            let network = try NetworkRecords.find(subnet.networkID, in: reader)
            guard request.allows("get_subnet", PolicySubject(projectID: subnet.projectID, on: network).target) else {
                throw NetworkingError.subnetNotFound(id)
            }
        case .port(let id), .both(let id, _):
            let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
            let network = try NetworkRecords.find(port.networkID, in: reader)
            let subject = PolicySubject(projectID: port.projectID, on: network, deviceOwner: port.deviceOwner)
            guard request.allows("get_port", subject.target) else { throw NetworkingError.portNotFound(id) }
        }
    }

    private func removeInterface(_ request: APIRequest) async throws -> APIResponse {
        let (id, reference) = (request["router_id"], try Self.reference(request))
        let info = try await database.write { [operations] transaction in
            try operations.removeInterface(reference, from: try Self.router(id, request, in: transaction), in: transaction)
        }
        return Self.answer(info)
    }

    private static func answer(_ info: InterfaceInfo) -> APIResponse {
        .json { json in
            json.object {
                $0.member("id", info.router.id)
                $0.member("project_id", info.port.projectID)
                $0.member("tenant_id", info.port.projectID)
                $0.member("port_id", info.port.id)
                $0.member("network_id", info.port.networkID)
                $0.member("subnet_id", info.subnetIDs.last)
                $0.member("subnet_ids", info.subnetIDs)
                $0.member("tags", [String]())
            }
        }
    }

    private func addRoutes(_ request: APIRequest) async throws -> APIResponse {
        let routes = request.attributes(RouterView.names).routes("routes") ?? []
        return try await changeRouter(request) { [operations] router, transaction in
            let added = routes.filter { !router.routes.contains($0) }
            return try operations.updateRouter(router, RouterChange(routes: router.routes + added), in: transaction)
        }
    }

    private func removeRoutes(_ request: APIRequest) async throws -> APIResponse {
        let routes = request.attributes(RouterView.names).routes("routes") ?? []
        return try await changeRouter(request) { [operations] router, transaction in
            let left = router.routes.filter { !routes.contains($0) }
            return try operations.updateRouter(router, RouterChange(routes: left), in: transaction)
        }
    }
}
