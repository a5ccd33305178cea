import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages

// Ports: decode, authorise, call, encode.
extension NetworkingAPI {
    var portEndpoints: [Endpoint] {
        let names = PortView.names
        return [
            Endpoint(.get, "/v2.0/ports", "List ports", access: .listing, handler: listPorts),
            Endpoint(
                .post, "/v2.0/ports", "Create ports", access: .ruleOnResource("create_port"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.portCreation, required: ["network_id"]),
                success: .created, handler: createPorts),
            Endpoint(
                .get, "/v2.0/ports/{port_id}", "Show a port", access: .ruleOnResource("get_port"), handler: showPort),
            Endpoint(
                .put, "/v2.0/ports/{port_id}", "Change a port", access: .ruleOnResource("update_port"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.portUpdate), handler: updatePort),
            Endpoint(
                .delete, "/v2.0/ports/{port_id}", "Delete a port", access: .ruleOnResource("delete_port"),
                success: .noContent, handler: deletePort),
        ]
    }

    private func listPorts(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, PortRecords.listing)
        let (visibility, domain) = (request.visibility, options.dnsDomain)
        let views = try await database.read { reader in
            let (ports, selection) = try PortRecords.list(list, visibility, in: reader)
            return try PortView.load(ports, selection, domain: domain, in: reader)
        }
        return await request.answer(views, PortView.names, list)
    }

    private func showPort(_ request: APIRequest) async throws -> APIResponse {
        let (id, domain) = (request["port_id"], options.dnsDomain)
        let view = try await database.read { reader in
            let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
            return try PortView.load([port], domain: domain, in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.portNotFound(id).fault)
        return request.answer(view, PortView.names, fields: request.fields)
    }

    private func createPorts(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(PortView.names).map { attributes in
            (draft: try PortBody.draft(attributes, request), attributes: attributes)
        }
        let (caller, domain) = (request.caller, options.dnsDomain)
        let views = try await database.write { [operations] transaction in
            let ports = try drafts.map { draft, attributes in
                let id = attributes.text("network_id") ?? ""
                let network = try NetworkRecords.find(id, in: transaction).orThrow(.networkNotFound(id))
                guard request.allows("get_network", PolicySubject(network).target) else {
                    throw NetworkingError.networkNotFound(id)
                }
                try request.authorizeCreation(
                    of: "port",
                    PolicySubject(projectID: draft.projectID, on: network, deviceOwner: draft.deviceOwner),
                    setting: PortBody.guarded(attributes, isCreation: true))
                return try operations.createPort(draft, on: network, by: caller, in: transaction)
            }
            return try PortView.load(ports, domain: domain, in: transaction)
        }
        return await request.answer(created: views, PortView.names)
    }

    private func updatePort(_ request: APIRequest) async throws -> APIResponse {
        let (id, attributes) = (request["port_id"], request.attributes(PortView.names))
        let change = try PortBody.change(attributes)
        let (caller, domain) = (request.caller, options.dnsDomain)
        let view = try await database.write { [operations] transaction in
            let port = try PortRecords.find(id, in: transaction).orThrow(.portNotFound(id))
            let network = try NetworkRecords.find(port.networkID, in: transaction)
            let owner = change.deviceOwner ?? port.deviceOwner
            try request.authorizeChange(
                of: "port", PolicySubject(projectID: port.projectID, on: network, deviceOwner: owner),
                setting: PortBody.guarded(attributes, isCreation: false), orHide: .portNotFound(id))
            try request.checkRevision(port.standard)
            let updated = try operations.updatePort(port, change, by: caller, in: transaction)
            return try PortView.load([updated], domain: domain, in: transaction)[0]
        }
        return request.answer(view, PortView.names)
    }

    private func deletePort(_ request: APIRequest) async throws -> APIResponse {
        let id = request["port_id"]
        try await database.write { [operations] transaction in
            let port = try PortRecords.find(id, in: transaction).orThrow(.portNotFound(id))
            let network = try NetworkRecords.find(port.networkID, in: transaction)
            try request.authorizeChange(
                of: "port", PolicySubject(projectID: port.projectID, on: network, deviceOwner: port.deviceOwner),
                orHide: .portNotFound(id))
            try request.checkRevision(port.standard)
            try operations.deletePort(port, in: transaction)
        }
        return .empty()
    }
}
