import CloudAPI
import CloudCore
import CloudStore

/// Moving inventories together with what was given of them.
struct ReshaperEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/reshaper", "Change inventories and allocations at once", microversions: .from(1, 30),
                access: .rule(PlacementPolicies.Name.reshaper),
                body: .versioned([30, 34, 38].map { (Microversion(1, $0), PlacementSchemas.reshape(since: $0)) }),
                success: .noContent, handler: reshape)
        ]
    }

    @Sendable private func reshape(_ request: APIRequest) async throws -> APIResponse {
        let claims = try ClaimBody.claims(request.body["allocations"], isGuarded: true)
        let shapes = (request.body["inventories"]?.object ?? [:]).map { member in
            ProviderInventories(
                provider: member.name.canonicalUUID ?? member.name,
                generation: member.value["resource_provider_generation"]?.int ?? -1,
                inventories: InventoryBody.inventories(member.value))
        }
        try await database.write { try Reshaping.write(shapes, claims, now: .now, in: $0) }
        return .empty()
    }
}
