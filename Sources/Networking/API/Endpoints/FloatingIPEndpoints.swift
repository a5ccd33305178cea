import CloudAPI
import CloudCore
import CloudStore

// Floating IPs: decode, authorise, call, encode.
extension NetworkingAPI {
    var floatingIPEndpoints: [Endpoint] {
        let (names, item) = (FloatingIPView.names, "/v2.0/floatingips/{floatingip_id}")
        return [
            Endpoint(.get, "/v2.0/floatingips", "List floating IPs", access: .listing, handler: listFloatingIPs),
            Endpoint(
                .post, "/v2.0/floatingips", "Create floating IPs", access: .ruleOnResource("create_floatingip"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.floatingIPCreation, required: ["floating_network_id"]),
                success: .created, handler: createFloatingIPs),
            Endpoint(.get, item, "Show a floating IP", access: .ruleOnResource("get_floatingip"), handler: showFloatingIP),
            Endpoint(
                .put, item, "Change a floating IP", access: .ruleOnResource("update_floatingip"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.floatingIPUpdate), handler: updateFloatingIP),
            Endpoint(
                .delete, item, "Delete a floating IP", access: .ruleOnResource("delete_floatingip"), success: .noContent,
                handler: deleteFloatingIP),
        ]
    }

    private func listFloatingIPs(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, FloatingIPRecords.listing)
        let visibility = request.visibility
        let views = try await database.read { reader in
            try FloatingIPView.load(try FloatingIPRecords.list(list, visibility, in: reader), in: reader)
        }
        return await request.answer(views, FloatingIPView.names, list)
    }

    private func showFloatingIP(_ request: APIRequest) async throws -> APIResponse {
        let id = request["floatingip_id"]
        let view = try await database.read { reader in
            let floatingIP = try FloatingIPRecords.find(id, in: reader).orThrow(.floatingIPNotFound(id))
            return try FloatingIPView.load([floatingIP], in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.floatingIPNotFound(id).fault)
        return request.answer(view, FloatingIPView.names, fields: request.fields)
    }

    private func createFloatingIPs(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(FloatingIPView.names).map { attributes in
            let draft = try Self.draft(attributes, request)
            try request.authorizeCreation(
                of: "floatingip", PolicySubject(projectID: draft.projectID),
                setting: (draft.address == nil ? [] : ["floating_ip_address"]) + attributes.present(["tags", "router_id"]))
            return draft
        }
        let caller = request.caller
        let views = try await database.write { [operations] transaction in
            let created = try drafts.map { draft in
                if let network = try NetworkRecords.find(draft.networkID, in: transaction),
                    !request.allows("get_network", PolicySubject(network).target)
                {
                    throw NetworkingError.networkNotFound(draft.networkID)
                }
                return try operations.createFloatingIP(draft, by: caller, in: transaction)
            }
            return try FloatingIPView.load(created, in: transaction)
        }
        return await request.answer(created: views, FloatingIPView.names)
    }

    private static func draft(_ attributes: Attributes, _ request: APIRequest) throws(NetworkingError) -> FloatingIPDraft {
        var draft = FloatingIPDraft(
            projectID: try attributes.project(of: request), networkID: attributes.text("floating_network_id") ?? "")
        draft.subnetID = attributes.text("subnet_id")
        draft.address = attributes.text("floating_ip_address")
        draft.target = try target(attributes)
        draft.description = attributes.text("description") ?? ""
        draft.dnsName = attributes.text("dns_name") ?? ""
        draft.dnsDomain = attributes.text("dns_domain") ?? ""
        draft.qosPolicyID = attributes.text("qos_policy_id")
        draft.tags = attributes.texts("tags") ?? []
        return draft
    }

    /// What a body says the floating IP shall stand for; nil for nothing.
    private static func target(_ attributes: Attributes) throws(NetworkingError) -> FloatingTarget? {
        guard let port = attributes.text("port_id") else {
            guard attributes.text("fixed_ip_address") == nil else {
                throw .badRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
            }
            return nil
        }
        return FloatingTarget(
            portID: port, fixedAddress: attributes.text("fixed_ip_address"), routerID: attributes.text("router_id"))
    }

    private func updateFloatingIP(_ request: APIRequest) async throws -> APIResponse {
        let (id, attributes, caller) = (request["floatingip_id"], request.attributes(FloatingIPView.names), request.caller)
        let view = try await database.write { [operations] transaction in
            let floatingIP = try FloatingIPRecords.find(id, in: transaction).orThrow(.floatingIPNotFound(id))
            try request.authorizeChange(
                of: "floatingip", PolicySubject(projectID: floatingIP.projectID),
                setting: attributes.present(["router_id"]), orHide: .floatingIPNotFound(id))
            try request.checkRevision(floatingIP.standard)
            if attributes.has("qos_policy_id") {
                try operations.setQoSPolicy(
                    attributes.text("qos_policy_id"), of: .floatingIP, id, by: caller, in: transaction)
            }
            let description = attributes.text("description")
            let updated: FloatingIP
            // Nothing at all means nothing any more: once the association was all that could be set.
            if attributes.has("port_id") || attributes.json == [:] {
                updated = try operations.associate(
                    floatingIP, with: try Self.target(attributes), description: description, by: caller, in: transaction)
            } else if let port = floatingIP.portID, attributes.has("fixed_ip_address") || attributes.has("router_id") {
                let target = FloatingTarget(
                    portID: port, fixedAddress: attributes.text("fixed_ip_address"), routerID: attributes.text("router_id"))
                updated = try operations.associate(
                    floatingIP, with: target, description: description, by: caller, in: transaction)
            } else {
                _ = try Self.target(attributes)
                updated = try operations.describe(
                    floatingIP, description ?? floatingIP.standard.description, in: transaction)
            }
            return try FloatingIPView.load([updated], in: transaction)[0]
        }
        return request.answer(view, FloatingIPView.names)
    }

    private func deleteFloatingIP(_ request: APIRequest) async throws -> APIResponse {
        let id = request["floatingip_id"]
        try await database.write { [operations] transaction in
            let floatingIP = try FloatingIPRecords.find(id, in: transaction).orThrow(.floatingIPNotFound(id))
            try request.authorizeChange(
                of: "floatingip", PolicySubject(projectID: floatingIP.projectID), orHide: .floatingIPNotFound(id))
            try request.checkRevision(floatingIP.standard)
            try operations.deleteFloatingIP(floatingIP, in: transaction)
        }
        return .empty()
    }
}
