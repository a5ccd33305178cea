import CloudAPI
import CloudCore
import CloudStore

// A port's bindings to hosts: decode, authorise, call, encode.
extension NetworkingAPI {
    var portBindingEndpoints: [Endpoint] {
        let all = "/v2.0/ports/{port_id}/bindings"
        let one = "\(all)/{host}"
        return [
            Endpoint(.get, all, "List a port's bindings", access: .ruleOnResource("get_port_binding"), handler: listBindings),
            Endpoint(
                .post, all, "Bind a port to one more host", access: .ruleOnResource("create_port_binding"),
                body: NetworkingSchemas.portBindingCreation, success: .created, handler: createBinding),
            Endpoint(.get, one, "Show a port's binding", access: .ruleOnResource("get_port_binding"), handler: showBinding),
            Endpoint(
                .put, one, "Change a port's binding", access: .ruleOnResource("update_port_binding"),
                body: NetworkingSchemas.portBindingUpdate, handler: updateBinding),
            Endpoint(
                .delete, one, "Delete a port's binding", access: .ruleOnResource("delete_port_binding"), success: .noContent,
                handler: deleteBinding),
            Endpoint(
                .put, "\(one)/activate", "Put a port's binding in force", access: .ruleOnResource("activate"),
                handler: activateBinding),
        ]
    }

    /// The port of the path with what policy may know of it, if the caller may do this to its bindings.
    private static func port(_ request: APIRequest, in reader: any Reader) throws -> (port: Port, subject: PolicySubject) {
        let id = request["port_id"]
        let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
        let network = try NetworkRecords.find(port.networkID, in: reader)
        let subject = PolicySubject(projectID: port.projectID, on: network, deviceOwner: port.deviceOwner)
        do {
            try request.authorize(subject.target)
        } catch {
            throw request.allows("get_port_binding", subject.target) ? error : NetworkingError.portNotFound(id)
        }
        return (port, subject)
    }

    private func listBindings(_ request: APIRequest) async throws -> APIResponse {
        let views = try await database.read { [operations] reader in
            let (port, subject) = try Self.port(request, in: reader)
            return try operations.bindings(of: port, in: reader).map { PortBindingView(state: $0, subject: subject) }
        }
        let shown = try request.filtered(views) { $0.matches($1, $2) }
        return await request.answer(shown, PortBindingView.names, ListRequest(fields: request.fields), isComplete: true)
    }

    private func showBinding(_ request: APIRequest) async throws -> APIResponse {
        let view = try await database.read { [operations] reader in
            let (port, subject) = try Self.port(request, in: reader)
            return PortBindingView(state: try operations.binding(of: port, host: request["host"], in: reader), subject: subject)
        }
        return request.answer(view, PortBindingView.names, fields: request.fields)
    }

    private static func change(_ attributes: Attributes) -> BindingChange {
        BindingChange(
            profile: attributes.has("profile") ? attributes.object("profile") ?? .object([:]) : nil,
            vnicType: attributes.text("vnic_type"))
    }

    private func createBinding(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(PortBindingView.names)
        return try await changeBinding(request) { [operations] port, transaction in
            try operations.createBinding(
                of: port, host: attributes.text("host") ?? "", Self.change(attributes), in: transaction)
        }
    }

    private func updateBinding(_ request: APIRequest) async throws -> APIResponse {
        let change = Self.change(request.attributes(PortBindingView.names))
        return try await changeBinding(request) { [operations] port, transaction in
            try operations.updateBinding(of: port, host: request["host"], change, in: transaction)
        }
    }

    private func activateBinding(_ request: APIRequest) async throws -> APIResponse {
        try await changeBinding(request) { [operations] port, transaction in
            try operations.activateBinding(of: port, host: request["host"], in: transaction)
        }
    }

    private func changeBinding(
        _ request: APIRequest, _ change: @escaping @Sendable (Port, any Transaction) throws -> BindingState
    ) async throws -> APIResponse {
        let view = try await database.write { transaction in
            let (port, subject) = try Self.port(request, in: transaction)
            return PortBindingView(state: try change(port, transaction), subject: subject)
        }
        return request.answer(view, PortBindingView.names)
    }

    private func deleteBinding(_ request: APIRequest) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            let (port, _) = try Self.port(request, in: transaction)
            try operations.deleteBinding(of: port, host: request["host"], in: transaction)
        }
        return .empty()
    }
}
