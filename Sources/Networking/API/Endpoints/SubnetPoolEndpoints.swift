import CloudAPI
import CloudCore
import CloudStore

// Subnet pools: decode, authorise, call, encode.
extension NetworkingAPI {
    var subnetPoolEndpoints: [Endpoint] {
        let (names, item) = (SubnetPoolView.names, "/v2.0/subnetpools/{subnetpool_id}")
        return [
            Endpoint(.get, "/v2.0/subnetpools", "List subnet pools", access: .listing, handler: listSubnetPools),
            Endpoint(
                .post, "/v2.0/subnetpools", "Create subnet pools", access: .ruleOnResource("create_subnetpool"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.subnetPoolCreation, required: ["name", "prefixes"]),
                success: .created, handler: createSubnetPools),
            Endpoint(.get, item, "Show a subnet pool", access: .ruleOnResource("get_subnetpool"), handler: showSubnetPool),
            Endpoint(
                .put, item, "Change a subnet pool", access: .ruleOnResource("update_subnetpool"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.subnetPoolUpdate), handler: updateSubnetPool),
            Endpoint(
                .delete, item, "Delete a subnet pool", access: .ruleOnResource("delete_subnetpool"), success: .noContent,
                handler: deleteSubnetPool),
            Endpoint(
                .put, "\(item)/add_prefixes", "Add prefixes to a subnet pool", access: .ruleOnResource("add_prefixes"),
                body: NetworkingSchemas.subnetPoolPrefixes
            ) { try await changePrefixes($0) { try $0.addPrefixes($2, to: $1, by: $3, in: $4) } },
            Endpoint(
                .put, "\(item)/remove_prefixes", "Remove prefixes from a subnet pool", access: .ruleOnResource("remove_prefixes"),
                body: NetworkingSchemas.subnetPoolPrefixes
            ) { try await changePrefixes($0) { operations, pool, prefixes, _, transaction in
                try operations.removePrefixes(prefixes, from: pool, in: transaction)
            } },
            Endpoint(
                .put, "\(item)/onboard_network_subnets", "Move a network's subnets into a subnet pool",
                access: .ruleOnResource("onboard_network_subnets"), body: NetworkingSchemas.subnetOnboarding,
                handler: onboardSubnets),
        ]
    }

    /// Prefixes with their lengths; nil when absent.
    private static func prefixes(_ attributes: Attributes) throws(NetworkingError) -> [CIDR]? {
        guard let texts = attributes.texts("prefixes") else { return nil }
        var prefixes: [CIDR] = []
        for text in texts {
            guard text.contains("/"), let prefix = CIDR(text) else {
                throw .badBody("Invalid input for prefixes. Reason: '\(text)' is not a valid IP subnet.")
            }
            prefixes.append(prefix)
        }
        guard Set(texts).count == texts.count else {
            throw .badBody("Invalid input for prefixes. Reason: Duplicate items in the list.")
        }
        return prefixes
    }

    private static func find(_ request: APIRequest, in reader: any Reader) throws -> SubnetPool {
        let id = request["subnetpool_id"]
        return try SubnetPoolRecords.find(id, in: reader).orThrow(.subnetPoolNotFound(id))
    }

    /// The pool of a change, once policy has admitted it.
    private static func changing(
        _ request: APIRequest, setting attributes: [String] = [], in reader: any Reader
    ) throws -> SubnetPool {
        let pool = try find(request, in: reader)
        try request.authorizeChange(
            of: "subnetpool", PolicySubject(projectID: pool.projectID, sharing: pool.sharing), setting: attributes,
            orHide: .subnetPoolNotFound(pool.id))
        try request.checkRevision(pool.standard)
        return pool
    }

    private func listSubnetPools(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, SubnetPoolRecords.listing)
        let visibility = request.visibility
        let views = try await database.read { reader in
            try SubnetPoolView.load(try SubnetPoolRecords.list(list, visibility, in: reader), in: reader)
        }
        return await request.answer(views, SubnetPoolView.names, list)
    }

    private func showSubnetPool(_ request: APIRequest) async throws -> APIResponse {
        let view = try await database.read { try SubnetPoolView.load([try Self.find(request, in: $0)], in: $0)[0] }
        try request.authorize(view.subject.target, orThrow: NetworkingError.subnetPoolNotFound(view.id).fault)
        return request.answer(view, SubnetPoolView.names, fields: request.fields)
    }

    private func createSubnetPools(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(SubnetPoolView.names).map { attributes in
            let draft = try Self.draft(attributes, request)
            let guarded = ["shared", "is_default"].filter { attributes.flag($0) == true } + attributes.present(["tags"])
            try request.authorizeCreation(of: "subnetpool", PolicySubject(projectID: draft.projectID), setting: guarded)
            return draft
        }
        let caller = request.caller
        let views = try await database.write { [operations] transaction in
            let pools = try drafts.map { try operations.createSubnetPool($0, by: caller, in: transaction) }
            return try SubnetPoolView.load(pools, in: transaction)
        }
        return await request.answer(created: views, SubnetPoolView.names)
    }

    private static func draft(_ attributes: Attributes, _ request: APIRequest) throws -> SubnetPoolDraft {
        var draft = SubnetPoolDraft(
            projectID: try attributes.project(of: request), name: attributes.text("name") ?? "",
            prefixes: try prefixes(attributes) ?? [])
        draft.description = attributes.text("description") ?? ""
        draft.minimum = attributes.number("min_prefixlen")
        draft.maximum = attributes.number("max_prefixlen")
        draft.standard = attributes.number("default_prefixlen")
        draft.quota = attributes.number("default_quota")
        draft.isDefault = attributes.flag("is_default") ?? false
        draft.isShared = attributes.flag("shared") ?? false
        draft.scopeID = attributes.text("address_scope_id")
        draft.tags = attributes.texts("tags") ?? []
        return draft
    }

    private func updateSubnetPool(_ request: APIRequest) async throws -> APIResponse {
        let (attributes, caller) = (request.attributes(SubnetPoolView.names), request.caller)
        var change = SubnetPoolChange(
            name: attributes.text("name"), description: attributes.text("description"), prefixes: try Self.prefixes(attributes),
            minimum: attributes.number("min_prefixlen"), maximum: attributes.number("max_prefixlen"),
            standard: attributes.number("default_prefixlen"), quota: attributes.number("default_quota"),
            isDefault: attributes.flag("is_default"))
        if attributes.has("address_scope_id") { change.scopeID = .some(attributes.text("address_scope_id")) }
        let wanted = change
        let view = try await database.write { [operations] transaction in
            let pool = try Self.changing(request, setting: attributes.json.object?.names ?? [], in: transaction)
            let updated = try operations.updateSubnetPool(pool, wanted, by: caller, in: transaction)
            return try SubnetPoolView.load([updated], in: transaction)[0]
        }
        return request.answer(view, SubnetPoolView.names)
    }

    private func deleteSubnetPool(_ request: APIRequest) async throws -> APIResponse {
        try await database.write { [operations] transaction in
            try operations.deleteSubnetPool(try Self.changing(request, in: transaction), in: transaction)
        }
        return .empty()
    }

    private func changePrefixes(
        _ request: APIRequest,
        _ change: @escaping @Sendable (Operations, SubnetPool, [CIDR], Caller, any Transaction) throws -> SubnetPool
    ) async throws -> APIResponse {
        let prefixes = try Self.prefixes(Attributes(json: request.body)) ?? []
        guard !prefixes.isEmpty else { throw NetworkingError.badBody("Request body contains invalid data") }
        let caller = request.caller
        let pool = try await database.write { [operations] transaction in
            try change(operations, try Self.changing(request, in: transaction), prefixes, caller, transaction)
        }
        return .json("prefixes", pool.prefixes.map(\.description))
    }

    private func onboardSubnets(_ request: APIRequest) async throws -> APIResponse {
        let caller = request.caller
        guard let id = Attributes(json: request.body).text("network_id") else {
            throw NetworkingError.invalidInput("network_id must be specified")
        }
        let subnets = try await database.write { [operations] transaction in
            let pool = try Self.changing(request, in: transaction)
            let network = try NetworkRecords.find(id, in: transaction).orThrow(.networkNotFound(id))
            guard request.allows("get_network", PolicySubject(network).target) else { throw NetworkingError.networkNotFound(id) }
            return try operations.onboard(network, into: pool, by: caller, in: transaction)
        }
        return .json { json in
            json.array { json in
                for subnet in subnets {
                    json.object {
                        $0.member("id", subnet.id)
                        $0.member("cidr", subnet.cidr.description)
                    }
                }
            }
        }
    }
}
