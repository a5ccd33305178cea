import CloudAPI
import CloudCore
import CloudStore

/// Resource providers.
struct ProviderEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        let rule = PlacementPolicies.Name.providers
        return [
            Endpoint(.get, "/resource_providers", "List resource providers", access: .rule(rule + ":list"), handler: list),
            Endpoint(
                .post, "/resource_providers", "Create a resource provider", access: .rule(rule + ":create"),
                body: .versioned([
                    (Microversion(1, 0), PlacementSchemas.createProvider(hasParent: false)),
                    (Microversion(1, 14), PlacementSchemas.createProvider(hasParent: true)),
                ]), success: .created, handler: create),
            Endpoint(.get, "/resource_providers/{uuid}", "Show a resource provider", access: .rule(rule + ":show"), handler: show),
            Endpoint(
                .put, "/resource_providers/{uuid}", "Change a resource provider", access: .rule(rule + ":update"),
                body: .versioned([
                    (Microversion(1, 0), PlacementSchemas.updateProvider(hasParent: false)),
                    (Microversion(1, 14), PlacementSchemas.updateProvider(hasParent: true)),
                ]), handler: update),
            Endpoint(
                .delete, "/resource_providers/{uuid}", "Delete a resource provider", access: .rule(rule + ":delete"),
                success: .noContent, handler: delete),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let filter = try filter(request)
        let providers = try await database.read { reader in
            try Self.checkNames(filter, in: reader)
            return try ProviderRecords.list(filter, in: reader)
        }
        return .json(headers: request.freshness(providers.map(\.updatedAt).latest)) {
            $0.object {
                $0.member("resource_providers", array: providers.map { ProviderView(provider: $0, version: request.microversion) })
            }
        }
    }

    private func filter(_ request: APIRequest) throws -> ProviderFilter {
        try request.checkQuery(PlacementSchemas.listProviders(request.microversion.minor))
        var filter = ProviderFilter(
            name: request.query["name"], uuid: try request.uuidQuery("uuid"), inTree: try request.uuidQuery("in_tree"))
        if let resources = request.query["resources"] { filter.resources = try QueryParsing.resources(resources) }
        filter.traits = try QueryParsing.traits("required", request)
        (filter.memberOf, filter.forbiddenAggregates) = try QueryParsing.aggregates("member_of", request)
        return filter
    }

    private static func checkNames(_ filter: ProviderFilter, in reader: any Reader) throws {
        if let unknown = try ResourceClassRecords.unknown(filter.resources.keys, in: reader).first {
            throw PlacementError.badRequest("Invalid resource class in resources parameter: No such resource class \(unknown).")
        }
        let unknown = try TraitRecords.unknown(filter.traits.names, in: reader)
        guard unknown.isEmpty else {
            throw PlacementError.badRequest(
                "Invalid trait(s) in \"required\" parameter: No such trait(s): \(unknown.joined(separator: ", ")).")
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let name = request.body["name"]?.string ?? ""
        guard !name.isEmpty else {
            throw PlacementError.badRequest("Unable to create resource provider: the name must not be empty")
        }
        let uuid = request.body["uuid"]?.string?.canonicalUUID ?? Identifier.uuid()
        let parent = request.body["parent_provider_uuid"]?.string?.canonicalUUID
        let provider = try await database.write { transaction in
            try Providers.create(uuid: uuid, name: name, parent: parent, now: .now, in: transaction)
            return try Providers.get(uuid, in: transaction)
        }
        let location: HTTPFields = [.location: "\(request.serviceURL)/resource_providers/\(uuid)"]
        guard request.isAtLeast(20) else { return .empty(headers: location) }
        return view(provider, request, headers: location)
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["uuid"]
        return view(try await database.read { try Providers.get(uuid, in: $0) }, request)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (uuid, body, isFree) = (request["uuid"], request.body, request.isAtLeast(37))
        let provider = try await database.write { transaction in
            var provider = try Providers.get(uuid, in: transaction)
            if let parent = body["parent_provider_uuid"] {
                try Providers.move(&provider, to: parent.string?.canonicalUUID, isFree: isFree, in: transaction)
            }
            provider.name = body["name"]?.string ?? provider.name
            try Providers.save(&provider, now: .now, in: transaction)
            return provider
        }
        return view(provider, request)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let uuid = request["uuid"]
        try await database.write { try Providers.delete(uuid, in: $0) }
        return .empty()
    }

    private func view(_ provider: ResourceProvider, _ request: APIRequest, headers: HTTPFields = [:]) -> APIResponse {
        var headers = headers
        headers.append(contentsOf: request.freshness(provider.updatedAt))
        return .json(status: .ok, headers: headers) { $0.write(ProviderView(provider: provider, version: request.microversion)) }
    }
}

/// A resource provider as clients see it.
struct ProviderView: JSONWritable {
    let provider: ResourceProvider
    let version: Microversion

    /// What hangs below a provider, each from its microversion on.
    private static let relations = [(0, "inventories"), (0, "usages"), (1, "aggregates"), (6, "traits"), (11, "allocations")]

    func write(to json: inout JSONWriter) {
        let path = "\(PlacementAPI.path)/resource_providers/\(provider.uuid)"
        json.object {
            $0.member("uuid", provider.uuid)
            $0.member("name", provider.name)
            $0.member("generation", provider.generation)
            $0.member("links") { json in
                json.array { json in
                    Self.write("self", path, to: &json)
                    for (minor, name) in Self.relations where version >= Microversion(1, minor) {
                        Self.write(name, "\(path)/\(name)", to: &json)
                    }
                }
            }
            guard version >= Microversion(1, 14) else { return }
            $0.member("parent_provider_uuid", provider.parentUUID)
            $0.member("root_provider_uuid", provider.rootUUID)
        }
    }

    private static func write(_ relation: String, _ address: String, to json: inout JSONWriter) {
        json.object {
            $0.member("rel", relation)
            $0.member("href", address)
        }
    }
}
