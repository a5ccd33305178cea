import CloudAPI
import CloudCore
import CloudStore

// Address scopes: decode, authorise, call, encode.
extension NetworkingAPI {
    var addressScopeEndpoints: [Endpoint] {
        let (names, item) = (AddressScopeView.names, "/v2.0/address-scopes/{address_scope_id}")
        return [
            Endpoint(.get, "/v2.0/address-scopes", "List address scopes", access: .listing, handler: listScopes),
            Endpoint(
                .post, "/v2.0/address-scopes", "Create address scopes", access: .ruleOnResource("create_address_scope"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.addressScopeCreation, required: ["ip_version"]),
                success: .created, handler: createScopes),
            Endpoint(.get, item, "Show an address scope", access: .ruleOnResource("get_address_scope"), handler: showScope),
            Endpoint(
                .put, item, "Change an address scope", access: .ruleOnResource("update_address_scope"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.addressScopeUpdate), handler: updateScope),
            Endpoint(
                .delete, item, "Delete an address scope", access: .ruleOnResource("delete_address_scope"), success: .noContent,
                handler: deleteScope),
        ]
    }

    private static func find(scope request: APIRequest, in reader: any Reader) throws -> AddressScope {
        let id = request["address_scope_id"]
        return try AddressScopeRecords.find(id, in: reader).orThrow(.addressScopeNotFound(id))
    }

    /// The scope of a change, once policy has admitted it.
    private static func changing(
        scope request: APIRequest, setting attributes: [String] = [], in reader: any Reader
    ) throws -> AddressScope {
        let scope = try find(scope: request, in: reader)
        try request.authorizeChange(
            of: "address_scope", AddressScopeView(scope: scope).subject, setting: attributes,
            orHide: .addressScopeNotFound(scope.id))
        return scope
    }

    private func listScopes(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, AddressScopeRecords.listing)
        let visibility = request.visibility
        let scopes = try await database.read { try AddressScopeRecords.list(list, visibility, in: $0) }
        return await request.answer(scopes.map(AddressScopeView.init), AddressScopeView.names, list)
    }

    private func showScope(_ request: APIRequest) async throws -> APIResponse {
        let view = AddressScopeView(scope: try await database.read { try Self.find(scope: request, in: $0) })
        try request.authorize(view.subject.target, orThrow: NetworkingError.addressScopeNotFound(view.id).fault)
        return request.answer(view, AddressScopeView.names, fields: request.fields)
    }

    private func createScopes(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(AddressScopeView.names).map { attributes in
            let project = try attributes.project(of: request)
            try request.authorizeCreation(
                of: "address_scope", PolicySubject(projectID: project), setting: attributes.flag("shared") == true ? ["shared"] : [])
            return (project: project, attributes: attributes)
        }
        let scopes = try await database.write { [operations] transaction in
            try drafts.map { project, attributes in
                try operations.createAddressScope(
                    name: attributes.text("name") ?? "", project: project,
                    version: attributes.number("ip_version") == 6 ? .v6 : .v4, isShared: attributes.flag("shared") ?? false,
                    in: transaction)
            }
        }
        return await request.answer(created: scopes.map(AddressScopeView.init), AddressScopeView.names)
    }

    private func updateScope(_ request: APIRequest) async throws -> APIResponse {
        let (attributes, caller) = (request.attributes(AddressScopeView.names), request.caller)
        let scope = try await database.write { [operations] transaction in
            let scope = try Self.changing(scope: request, setting: attributes.json.object?.names ?? [], in: transaction)
            return try operations.updateAddressScope(
                scope, name: attributes.text("name"), isShared: attributes.flag("shared"), by: caller, in: transaction)
        }
        return request.answer(AddressScopeView(scope: scope), AddressScopeView.names)
    }

    private func deleteScope(_ request: APIRequest) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            try operations.deleteAddressScope(try Self.changing(scope: request, in: transaction), in: transaction)
        }
        return .empty()
    }
}
