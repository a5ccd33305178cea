import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The extra specs of a flavor: what its servers want of hosts beyond sizes.
struct FlavorExtraSpecEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/flavors/{flavor_id}/os-extra_specs", "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}")
        func rule(_ name: String) -> Access { .rule("os_compute_api:os-flavor-extra-specs:\(name)") }
        return [
            Endpoint(.get, list, "List extra specs", access: rule("index"), handler: index),
            Endpoint(.post, list, "Set extra specs", access: rule("create"), body: .json(FlavorSchemas.extraSpecs), handler: add),
            Endpoint(.get, one, "Show an extra spec", access: rule("show"), handler: show),
            Endpoint(.put, one, "Change an extra spec", access: rule("update"), body: .json(FlavorSchemas.spec), handler: set),
            Endpoint(.delete, one, "Remove an extra spec", access: rule("delete"), handler: remove),
        ]
    }

    private func missing(_ key: String, _ flavorID: String) -> ComputeError {
        .notFound("Flavor \(flavorID) has no extra specs with key \(key).")
    }

    /// The specs of a body as texts, each found to be one that its microversion admits.
    private func specs(_ json: JSON?, _ request: APIRequest) throws -> [String: String] {
        let catalog = ExtraSpecCatalog(names: compute.names)
        var specs: [String: String] = [:]
        for member in json?.object ?? [:] {
            let value = member.value.string ?? member.value.text
            if request.microversion >= Microversion(2, 86) { try catalog.check(member.name, value) }
            specs[member.name] = value
        }
        return specs
    }

    /// Adds to the specs of the request's flavor.
    private func merge(_ new: [String: String], _ request: APIRequest) async throws {
        let id = try await compute.flavor(for: request).id
        let changed = try await compute.database.write { transaction in
            try FlavorRecords.change(id, in: transaction) { $0.extraSpecs.merge(new) { $1 } }
        }
        guard changed != nil else { throw ComputeError.flavorNotFound(id) }
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return .json("extra_specs", try await compute.flavor(for: request).extraSpecs)
    }

    /// As upstream, the answer is the body: numbers stay numbers in it, though they are kept as text.
    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        try await merge(specs(request.body["extra_specs"], request), request)
        return .json { $0.write(request.body) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let (flavor, key) = (try await compute.flavor(for: request), request["key"])
        guard let value = flavor.extraSpecs[key] else { throw missing(key, flavor.id) }
        return .json(key, value)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        guard request.body.object?.count == 1 else { throw ComputeError.badRequest("Exactly one extra spec is expected.") }
        let new = try specs(request.body, request)
        guard new[request["key"]] != nil else { throw ComputeError.badRequest("Request body and URI mismatch") }
        try await merge(new, request)
        return .json { $0.write(request.body) }
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let (id, key) = (try await compute.flavor(for: request).id, request["key"])
        let changed = try await compute.database.write { [self] transaction in
            try FlavorRecords.change(id, in: transaction) { flavor in
                guard flavor.extraSpecs.removeValue(forKey: key) != nil else { throw missing(key, id) }
            }
        }
        guard changed != nil else { throw ComputeError.flavorNotFound(id) }
        return .empty()
    }
}
