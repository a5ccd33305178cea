import CloudAPI
import CloudCore
import CloudStore

// Networks: decode, authorise, call, encode.
extension NetworkingAPI {
    var networkEndpoints: [Endpoint] {
        let names = NetworkView.names
        return [
            Endpoint(.get, "/v2.0/networks", "List networks", access: .listing, handler: listNetworks),
            Endpoint(
                .post, "/v2.0/networks", "Create networks", access: .ruleOnResource("create_network"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.networkCreation), success: .created,
                handler: createNetworks),
            Endpoint(
                .get, "/v2.0/networks/{network_id}", "Show a network", access: .ruleOnResource("get_network"),
                handler: showNetwork),
            Endpoint(
                .put, "/v2.0/networks/{network_id}", "Change a network", access: .ruleOnResource("update_network"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.networkUpdate), handler: updateNetwork),
            Endpoint(
                .delete, "/v2.0/networks/{network_id}", "Delete a network", access: .ruleOnResource("delete_network"),
                success: .noContent, handler: deleteNetwork),
        ]
    }

    private func listNetworks(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, NetworkRecords.listing)
        let (visibility, zones) = (request.visibility, options.availabilityZones)
        let views = try await database.read { reader in
            try NetworkView.load(try NetworkRecords.list(list, visibility, in: reader), zones: zones, in: reader)
        }
        return await request.answer(views, NetworkView.names, list)
    }

    private func showNetwork(_ request: APIRequest) async throws -> APIResponse {
        let (id, zones) = (request["network_id"], options.availabilityZones)
        let view = try await database.read { reader in
            let network = try NetworkRecords.find(id, in: reader).orThrow(.networkNotFound(id))
            return try NetworkView.load([network], zones: zones, in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.networkNotFound(id).fault)
        return request.answer(view, NetworkView.names, fields: request.fields)
    }

    private func createNetworks(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(NetworkView.names).map { attributes in
            let draft = try Self.draft(attributes, request)
            try request.authorizeCreation(
                of: "network", PolicySubject(projectID: draft.projectID), setting: Self.guarded(attributes))
            return draft
        }
        let (zones, caller) = (options.availabilityZones, request.caller)
        let views = try await database.write { [operations] transaction in
            let networks = try drafts.map { try operations.createNetwork($0, by: caller, in: transaction) }
            return try NetworkView.load(networks, zones: zones, in: transaction)
        }
        return await request.answer(created: views, NetworkView.names)
    }

    private static func draft(_ attributes: Attributes, _ request: APIRequest) throws -> NetworkDraft {
        var draft = NetworkDraft(projectID: try attributes.project(of: request))
        draft.name = attributes.text("name") ?? ""
        draft.description = attributes.text("description") ?? ""
        draft.isAdminUp = attributes.flag("admin_state_up") ?? true
        draft.isShared = attributes.flag("shared") ?? false
        draft.isExternal = attributes.flag("router:external") ?? false
        draft.isDefault = attributes.flag("is_default") ?? false
        draft.type = attributes.text("provider:network_type").flatMap(NetworkType.init)
        draft.physicalNetwork = attributes.text("provider:physical_network")
        draft.segmentationID = attributes.number("provider:segmentation_id")
        draft.segments = try (attributes.json["segments"]?.array ?? []).map { try Segment(Attributes(json: $0), prefix: "provider:") }
        draft.mtu = attributes.number("mtu")
        draft.hasPortSecurity = attributes.flag("port_security_enabled") ?? true
        draft.dnsDomain = attributes.text("dns_domain") ?? ""
        draft.qosPolicyID = attributes.text("qos_policy_id")
        draft.zoneHints = attributes.texts("availability_zone_hints") ?? []
        draft.tags = attributes.texts("tags") ?? []
        draft.isVLANTransparent = attributes.flag("vlan_transparent") ?? false
        draft.isQinQ = attributes.flag("qinq") ?? false
        draft.isPrivate = attributes.flag("pvlan") ?? false
        return draft
    }

    /// The attributes with rules of their own that differ from their defaults.
    private static func guarded(_ attributes: Attributes) -> [String] {
        let flags = ["shared", "router:external", "is_default", "pvlan"].filter { attributes.flag($0) == true }
        let security = attributes.flag("port_security_enabled") == false ? ["port_security_enabled"] : []
        let provider = ["segments", "provider:network_type", "provider:physical_network", "provider:segmentation_id"]
            .filter { attributes.json[$0].map { !$0.isNull } ?? false }
        return flags + security + provider + attributes.present(["tags"])
    }

    private func updateNetwork(_ request: APIRequest) async throws -> APIResponse {
        let (id, zones, caller) = (request["network_id"], options.availabilityZones, request.caller)
        let attributes = request.attributes(NetworkView.names)
        let change = NetworkChange(
            name: attributes.text("name"), description: attributes.text("description"),
            isAdminUp: attributes.flag("admin_state_up"), isShared: attributes.flag("shared"),
            isExternal: attributes.flag("router:external"), isDefault: attributes.flag("is_default"),
            mtu: attributes.number("mtu"), hasPortSecurity: attributes.flag("port_security_enabled"),
            dnsDomain: attributes.text("dns_domain"),
            qosPolicyID: attributes.has("qos_policy_id") ? .some(attributes.text("qos_policy_id")) : nil,
            isPrivate: attributes.flag("pvlan"))
        let view = try await database.write { [operations] transaction in
            let network = try NetworkRecords.find(id, in: transaction).orThrow(.networkNotFound(id))
            try request.authorizeChange(
                of: "network", PolicySubject(network), setting: attributes.json.object?.names ?? [],
                orHide: .networkNotFound(id))
            try request.checkRevision(network.standard)
            try Self.checkProvider(attributes, network)
            let updated = try operations.updateNetwork(network, change, by: caller, in: transaction)
            return try NetworkView.load([updated], zones: zones, in: transaction)[0]
        }
        return request.answer(view, NetworkView.names)
    }

    /// A network's segment is chosen once; naming it again is no change.
    private static func checkProvider(_ attributes: Attributes, _ network: Network) throws(NetworkingError) {
        let current: [(String, JSON)] = [
            ("provider:network_type", .string(network.segment.type.rawValue)),
            ("provider:physical_network", network.segment.physicalNetwork.map { .string($0) } ?? .null),
            ("provider:segmentation_id", network.segment.id.map { .int($0) } ?? .null),
        ]
        for (name, value) in current {
            guard let wanted = attributes.json[name], wanted != value, wanted.lenientInt == nil || wanted.lenientInt != value.int
            else { continue }
            throw .invalidInput("Plugin does not support updating provider attributes")
        }
    }

    private func deleteNetwork(_ request: APIRequest) async throws -> APIResponse {
        let id = request["network_id"]
        try await database.write { [operations] transaction in
            let network = try NetworkRecords.find(id, in: transaction).orThrow(.networkNotFound(id))
            try request.authorizeChange(of: "network", PolicySubject(network), orHide: .networkNotFound(id))
            try request.checkRevision(network.standard)
            try operations.deleteNetwork(network, in: transaction)
        }
        return .empty()
    }
}
