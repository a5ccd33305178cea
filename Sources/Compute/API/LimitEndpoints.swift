import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The limits of a project and what it has of them.
struct LimitEndpoints: Sendable {
    let compute: Compute.Parts

    private static let query = QueryRules([("tenant_id", .string())], strictFrom: 75)

    var table: [Endpoint] {
        [Endpoint(.get, "/v2.1/limits", "Show limits and usage", access: .rule("os_compute_api:limits"), handler: show)]
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try Self.query.check(request)
        var projectID = request.token?.projectID ?? ""
        if let other = request.query["tenant_id"] {
            try request.require("os_compute_api:limits:other_project", request.callerTarget)
            projectID = other
        }
        let allowance = try await compute.limits(project: projectID)
        let (quota, usage) = try await compute.database.read { [projectID] reader in
            (try allowance.quota(in: reader), try QuotaRecords.wholeUsage(projectID: projectID, in: reader))
        }
        let values = Self.values(quota, usage, at: request.microversion)
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

    /// The limits under the names of this operation. Networking's ended with 2.35, that of images' metadata with 2.38,
    /// those of injected files with 2.56.
    static func values(_ quota: ComputeQuota, _ usage: QuotaUsage, at version: Microversion) -> [(String, Int)] {
        var values: [(String, Int)] = [
            ("maxServerMeta", quota.metadataItems), ("maxTotalInstances", quota.instances), ("maxTotalCores", quota.cores),
            ("maxTotalRAMSize", quota.ram), ("maxTotalKeypairs", quota.keyPairs), ("maxServerGroups", quota.serverGroups),
            ("maxServerGroupMembers", quota.serverGroupMembers),
        ]
        if version < Microversion(2, 57) {
            values += [("maxPersonality", quota.injectedFiles), ("maxPersonalitySize", quota.injectedFileContentBytes)]
        }
        if version < Microversion(2, 39) { values.append(("maxImageMeta", quota.metadataItems)) }
        if version < Microversion(2, 36) {
            values += [
                ("maxTotalFloatingIps", quota.floatingIPs), ("maxSecurityGroups", quota.securityGroups),
                ("maxSecurityGroupRules", quota.securityGroupRules), ("totalFloatingIpsUsed", 0), ("totalSecurityGroupsUsed", 0),
            ]
        }
        return values + [
            ("totalInstancesUsed", usage.instances), ("totalCoresUsed", usage.cores), ("totalRAMUsed", usage.ram),
            ("totalServerGroupsUsed", usage.serverGroups),
        ]
    }
}
