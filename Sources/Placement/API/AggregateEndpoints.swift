import CloudAPI
import CloudCore
import CloudStore

/// The aggregates that providers are in. Nobody but the one who names them knows what an aggregate is.
struct AggregateEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        let path = "/resource_providers/{uuid}/aggregates", rule = PlacementPolicies.Name.aggregates
        return [
            Endpoint(
                .get, path, "List a provider's aggregates", microversions: .from(1, 1), access: .rule(rule + ":list"),
                handler: list),
            Endpoint(
                .put, path, "Set a provider's aggregates", microversions: .from(1, 1), access: .rule(rule + ":update"),
                // Either form passes here: that there is no such provider is said before which form is right.
                body: .json(.anyOf([PlacementSchemas.aggregatesWithGeneration, PlacementSchemas.aggregates])), handler: set),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["uuid"]
        let (provider, aggregates) = try await database.read { reader in
            (try Providers.get(uuid, in: reader), try ProviderRecords.aggregates(of: uuid, in: reader))
        }
        return answer(aggregates, generation: provider.generation, request)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let uuid = request["uuid"]
        let isGuarded = request.isAtLeast(19)
        let schema = isGuarded ? PlacementSchemas.aggregatesWithGeneration : PlacementSchemas.aggregates
        let body = request.body
        let names = isGuarded ? request.body["aggregates"]?.array : request.body.array
        let aggregates = (names ?? []).compactMap { $0.string?.canonicalUUID }
        let seen = request.body["resource_provider_generation"]?.int ?? -1
        let generation = try await database.write { transaction in
            let provider = try Providers.get(uuid, in: transaction)
            try schema.validate(body)
            guard !isGuarded || provider.generation == seen else { throw PlacementError.staleProvider }
            try ProviderRecords.setAggregates(aggregates, of: uuid, in: transaction)
            // Before 1.19 a change of aggregates did not count.
            guard isGuarded else { return provider.generation }
            try ProviderRecords.bumpGenerations(of: [uuid], now: .now, in: transaction)
            return provider.generation + 1
        }
        return answer(aggregates, generation: generation, request)
    }

    private func answer(_ aggregates: [String], generation: Int, _ request: APIRequest) -> APIResponse {
        .json(headers: request.freshness(nil)) {
            $0.object {
                $0.member("aggregates", array: aggregates)
                if request.isAtLeast(19) { $0.member("resource_provider_generation", generation) }
            }
        }
    }
}
