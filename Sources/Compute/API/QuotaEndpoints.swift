import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Limits and quota sets, counted from the rows.
struct QuotaEndpoints: Sendable {
    let compute: Compute.Parts

    private static let update: Schema = .object(
        [
            (
                "quota_set",
                .object(
                    QuotaRecords.resources.map { ($0.name, .integer(-1...2_147_483_647, lenient: true)) }
                        + [("force", .boolean(lenient: true))])
            )
        ], required: ["quota_set"])

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/limits", "Show limits and usage", access: .rule("os_compute_api:limits"), handler: limits),
            Endpoint(
                .get, "/v2.1/os-quota-sets/{project_id}", "Show a project's quotas",
                access: .ruleOnResource("os_compute_api:os-quota-sets:show"), handler: show),
            Endpoint(
                .get, "/v2.1/os-quota-sets/{project_id}/detail", "Show a project's quotas and usage",
                access: .ruleOnResource("os_compute_api:os-quota-sets:detail"), handler: detail),
            Endpoint(
                .get, "/v2.1/os-quota-sets/{project_id}/defaults", "Show the default quotas",
                access: .rule("os_compute_api:os-quota-sets:defaults"), handler: defaults),
            Endpoint(
                .put, "/v2.1/os-quota-sets/{project_id}", "Set a project's quotas",
                access: .rule("os_compute_api:os-quota-sets:update"), body: .json(Self.update), handler: set),
            Endpoint(
                .delete, "/v2.1/os-quota-sets/{project_id}", "Set a project's quotas back",
                access: .rule("os_compute_api:os-quota-sets:delete"), success: .accepted, handler: reset),
        ]
    }

    private func quota(_ projectID: String) async throws -> ComputeQuota {
        let defaults = compute.options.quota
        return try await compute.database.read { try QuotaRecords.quota(projectID: projectID, defaults: defaults, in: $0) }
    }

    private func usage(_ projectID: String) async throws -> [String: Int] {
        let usage = try await compute.database.read { try ServerRecords.usage(projectID: projectID, in: $0) }
        return ["instances": usage.instances, "cores": usage.cores, "ram": usage.ram]
    }

    @Sendable private func limits(_ request: APIRequest) async throws -> APIResponse {
        var projectID = request.token?.projectID ?? ""
        if let other = request.query["tenant_id"], other != projectID {
            try request.require("os_compute_api:limits:other_project", request.callerTarget)
            projectID = other
        }
        let (quota, usage) = (try await quota(projectID), try await usage(projectID))
        let values: [(String, Int)] = [
            ("maxServerMeta", quota.metadataItems), ("maxTotalInstances", quota.instances),
            ("maxTotalCores", quota.cores), ("maxTotalRAMSize", quota.ram), ("maxTotalKeypairs", quota.keyPairs),
            ("maxServerGroups", quota.serverGroups), ("maxServerGroupMembers", quota.serverGroupMembers),
            ("totalInstancesUsed", usage["instances"] ?? 0), ("totalCoresUsed", usage["cores"] ?? 0),
            ("totalRAMUsed", usage["ram"] ?? 0), ("totalServerGroupsUsed", 0),
        ]
        return .json {
            $0.object {
                $0.member("limits") {
                    $0.object {
                        $0.member("rate") { $0.array { _ in } }
                        $0.member("absolute") { json in
                            json.object { json in for (name, value) in values { json.member(name, value) } }
                        }
                    }
                }
            }
        }
    }

    private func answer(_ quota: ComputeQuota, id: String?) -> APIResponse {
        .json {
            $0.object {
                $0.member("quota_set") { json in
                    json.object { json in
                        if let id { json.member("id", id) }
                        for resource in QuotaRecords.resources { json.member(resource.name, quota[keyPath: resource.path]) }
                    }
                }
            }
        }
    }

    private func authorized(_ request: APIRequest) throws -> String {
        let projectID = request["project_id"]
        try request.authorize(["project_id": .string(projectID)])
        return projectID
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let projectID = try authorized(request)
        return answer(try await quota(projectID), id: projectID)
    }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        let projectID = try authorized(request)
        let (quota, usage) = (try await quota(projectID), try await usage(projectID))
        return .json {
            $0.object {
                $0.member("quota_set") { json in
                    json.object { json in
                        json.member("id", projectID)
                        for resource in QuotaRecords.resources {
                            json.member(resource.name) {
                                $0.object {
                                    $0.member("limit", quota[keyPath: resource.path])
                                    $0.member("in_use", usage[resource.name] ?? 0)
                                    $0.member("reserved", 0)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Sendable private func defaults(_ request: APIRequest) async throws -> APIResponse {
        answer(compute.options.quota, id: request["project_id"])
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let (projectID, body) = (request["project_id"], request.body["quota_set"] ?? .null)
        let defaults = compute.options.quota
        let quota = try await compute.database.write { transaction -> ComputeQuota in
            for resource in QuotaRecords.resources {
                guard let maximum = body.lenientInt(resource.name) else { continue }
                try QuotaRecords.set(resource.name, maximum, projectID: projectID, in: transaction)
            }
            return try QuotaRecords.quota(projectID: projectID, defaults: defaults, in: transaction)
        }
        return answer(quota, id: nil)
    }

    @Sendable private func reset(_ request: APIRequest) async throws -> APIResponse {
        let projectID = request["project_id"]
        try await compute.database.write { try QuotaRecords.reset(projectID: projectID, in: $0) }
        return .empty()
    }
}
