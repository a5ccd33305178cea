import CloudAPI
import CloudCore
import CloudStore

/// Qualities that providers may have.
struct TraitEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        let rule = PlacementPolicies.Name.traits
        return [
            Endpoint(.get, "/traits", "List traits", microversions: .from(1, 6), access: .rule(rule + ":list"), handler: list),
            Endpoint(
                .get, "/traits/{name}", "Show that a trait exists", microversions: .from(1, 6), access: .rule(rule + ":show"),
                success: .noContent, handler: show),
            Endpoint(
                .put, "/traits/{name}", "Make sure of a trait", microversions: .from(1, 6), access: .rule(rule + ":update"),
                success: .noContent, handler: put),
            Endpoint(
                .delete, "/traits/{name}", "Delete a trait", microversions: .from(1, 6), access: .rule(rule + ":delete"),
                success: .noContent, handler: delete),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        try request.checkQuery(PlacementSchemas.listTraits)
        var (names, prefix): ([String]?, String?)
        if let name = request.query["name"] {
            let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw PlacementError.badRequest(
                    "Badly formatted name parameter. Expected name query string parameter in form: "
                        + "?name=[in|startswith]:[name1,name2|prefix]. Got: \"\(name)\"")
            }
            if parts[0] == "in" { names = parts[1].split(separator: ",").map(String.init) }
            if parts[0] == "startswith" { prefix = parts[1] }
        }
        let isAssociated = try request.query["associated"].map { text in
            guard ["true", "false"].contains(text.lowercased()) else {
                throw PlacementError.badRequest("The query parameter \"associated\" only accepts \"true\" or \"false\"")
            }
            return text.lowercased() == "true"
        }
        let traits = try await database.read { [names, prefix] reader in
            try TraitRecords.list(names: names, prefix: prefix, isAssociated: isAssociated, in: reader)
        }
        return .json(headers: request.freshness(traits.map(\.updatedAt).latest)) {
            $0.object { $0.member("traits", array: traits.map(\.name)) }
        }
    }

    private static func get(_ name: String, in reader: any Reader) throws -> Timestamp {
        guard let updatedAt = try TraitRecords.updatedAt(name, in: reader) else {
            throw PlacementError.notFound("No such trait(s): \(name).")
        }
        return updatedAt
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let name = request["name"]
        let updatedAt = try await database.read { try Self.get(name, in: $0) }
        return .empty(headers: request.freshness(updatedAt))
    }

    @Sendable private func put(_ request: APIRequest) async throws -> APIResponse {
        let name = request["name"]
        do {
            try PlacementSchemas.customName.validate(.string(name))
        } catch {
            throw PlacementError.badRequest(
                "The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
                    + "\"CUSTOM_\" and use following characters: \"A\"-\"Z\", \"0\"-\"9\" and \"_\"")
        }
        let now = Timestamp.now
        let present = try await database.write { transaction in
            let present = try TraitRecords.updatedAt(name, in: transaction)
            if present == nil { try TraitRecords.insert(name, now: now, in: transaction) }
            return present
        }
        var headers = request.freshness(present ?? now)
        headers[.location] = "\(request.serviceURL)/traits/\(name)"
        return .empty(status: present == nil ? .created : .noContent, headers: headers)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let name = request["name"]
        try await database.write { transaction in
            _ = try Self.get(name, in: transaction)
            guard name.isCustom else { throw PlacementError.badRequest("Cannot delete standard trait \(name).") }
            guard try !TraitRecords.isInUse(name, in: transaction) else {
                throw PlacementError.conflict("The trait \(name) is in use by a resource provider.")
            }
            try TraitRecords.delete(name, in: transaction)
        }
        return .empty()
    }
}

/// The traits that providers have.
struct ProviderTraitEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        let path = "/resource_providers/{uuid}/traits", rule = PlacementPolicies.Name.providerTraits
        return [
            Endpoint(
                .get, path, "List a provider's traits", microversions: .from(1, 6), access: .rule(rule + ":list"), handler: list),
            Endpoint(
                .put, path, "Set a provider's traits", microversions: .from(1, 6), access: .rule(rule + ":update"),
                body: .json(PlacementSchemas.providerTraits), handler: set),
            Endpoint(
                .delete, path, "Remove a provider's traits", microversions: .from(1, 6), access: .rule(rule + ":delete"),
                success: .noContent, handler: clear),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["uuid"]
        let (provider, traits) = try await database.read { reader in
            (try Providers.get(uuid, in: reader), try TraitRecords.list(provider: uuid, in: reader))
        }
        return answer(traits, generation: provider.generation, request)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let (uuid, seen) = (request["uuid"], request.body["resource_provider_generation"]?.int ?? -1)
        let names = Set((request.body["traits"]?.array ?? []).compactMap(\.string))
        let (traits, generation) = try await database.write { transaction -> ([TraitRecords.Trait], Int) in
            let provider = try Providers.get(uuid, in: transaction)
            guard provider.generation == seen else { throw PlacementError.staleProvider }
            let unknown = try TraitRecords.unknown(names, in: transaction)
            guard unknown.isEmpty else { throw PlacementError.badRequest("No such trait \(unknown.joined(separator: ", "))") }
            let generation = try Providers.setTraits(names, of: provider, now: .now, in: transaction)
            return (try TraitRecords.list(provider: uuid, in: transaction), generation)
        }
        return answer(traits, generation: generation, request)
    }

    @Sendable private func clear(_ request: APIRequest) async throws -> APIResponse {
        let uuid = request["uuid"]
        try await database.write { transaction in
            try Providers.setTraits([], of: try Providers.get(uuid, in: transaction), now: .now, in: transaction)
        }
        return .empty()
    }

    private func answer(_ traits: [TraitRecords.Trait], generation: Int, _ request: APIRequest) -> APIResponse {
        .json(headers: request.freshness(traits.map(\.updatedAt).latest)) {
            $0.object {
                $0.member("traits", array: traits.map(\.name))
                $0.member("resource_provider_generation", generation)
            }
        }
    }
}
