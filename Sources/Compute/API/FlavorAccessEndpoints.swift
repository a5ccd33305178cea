import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Who may use a private flavor.
struct FlavorAccessEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/flavors/{flavor_id}/os-flavor-access", "List who may use a flavor",
                access: .rule("os_compute_api:os-flavor-access"), handler: list),
            Endpoint(
                .post, "/v2.1/flavors/{flavor_id}/action", "Let a project use a flavor, or no longer",
                access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
                body: .json(.anyOf([FlavorSchemas.access("addTenantAccess"), FlavorSchemas.access("removeTenantAccess")])),
                handler: change),
        ]
    }

    private func answer(_ flavor: Flavor, _ projects: [String]) -> APIResponse {
        .json {
            $0.object {
                $0.member("flavor_access") { json in
                    json.array { json in
                        for project in projects {
                            json.object {
                                $0.member("flavor_id", flavor.id)
                                $0.member("tenant_id", project)
                            }
                        }
                    }
                }
            }
        }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let flavor = try await compute.flavor(for: request)
        guard !flavor.isPublic else { throw ComputeError.notFound("Access list not available for public flavors.") }
        return answer(flavor, try await compute.database.read { try FlavorRecords.projects(flavor.id, in: $0) })
    }

    @Sendable private func change(_ request: APIRequest) async throws -> APIResponse {
        if let project = request.body["addTenantAccess"]?["tenant"]?.string { return try await add(project, request) }
        return try await remove(request.body["removeTenantAccess"]?["tenant"]?.string ?? "", request)
    }

    private func add(_ project: String, _ request: APIRequest) async throws -> APIResponse {
        try request.require("os_compute_api:os-flavor-access:add_tenant_access", request.callerTarget)
        try await compute.verifyProject(project, for: request)
        let flavor = try await compute.flavor(for: request)
        guard !flavor.isPublic || request.microversion < Microversion(2, 7) else {
            throw ComputeError.conflict("Can not add access to a public flavor.")
        }
        return answer(flavor, try await compute.database.write { transaction in
            guard try FlavorRecords.find(flavor.id, in: transaction) != nil else { throw ComputeError.flavorNotFound(flavor.id) }
            guard try FlavorRecords.allow(flavor.id, projectID: project, in: transaction) else {
                throw ComputeError.conflict(
                    "Flavor access already exists for flavor \(flavor.id) and project \(project) combination.")
            }
            return try FlavorRecords.projects(flavor.id, in: transaction)
        })
    }

    /// Unlike giving access, taking it away asks nothing of the project, which may be gone.
    private func remove(_ project: String, _ request: APIRequest) async throws -> APIResponse {
        try request.require("os_compute_api:os-flavor-access:remove_tenant_access", request.callerTarget)
        let flavor = try await compute.flavor(for: request)
        return answer(flavor, try await compute.database.write { transaction in
            guard try FlavorRecords.disallow(flavor.id, projectID: project, in: transaction) else {
                throw ComputeError.notFound("Flavor access not found for \(flavor.id) / \(project) combination.")
            }
            return try FlavorRecords.projects(flavor.id, in: transaction)
        })
    }
}
