import CloudAPI
import CloudCore
import CloudStore

/// How much was given in all.
struct UsageEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/resource_providers/{uuid}/usages", "Show how much a provider has given",
                access: .rule(PlacementPolicies.Name.providerUsages), handler: ofProvider),
            Endpoint(
                .get, "/usages", "Show how much a project or user has", microversions: .from(1, 9),
                access: .ruleOnResource(PlacementPolicies.Name.usages), handler: ofProject),
        ]
    }

    @Sendable private func ofProvider(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["uuid"]
        let (provider, usages) = try await database.read { reader in
            (try Providers.get(uuid, in: reader), try AllocationRecords.usage(provider: uuid, in: reader))
        }
        return .json(headers: request.freshness(nil)) {
            $0.object {
                $0.member("resource_provider_generation", provider.generation)
                $0.member("usages") { json in
                    json.object { for usage in usages { $0.member(usage.resourceClass, usage.amount) } }
                }
            }
        }
    }

    /// A row of the usages: what consumers of one type have of one class.
    private typealias Usage = (type: String?, resourceClass: String, amount: Int)

    @Sendable private func ofProject(_ request: APIRequest) async throws -> APIResponse {
        try request.authorize(request.query["project_id"].map { ["project_id": .string($0)] } ?? [:])
        try request.checkAcceptsJSON()
        let hasTypes = request.isAtLeast(38)
        try request.checkQuery(PlacementSchemas.usages(hasTypes: hasTypes))
        let (project, user) = (request.query["project_id"] ?? "", request.query["user_id"])
        let (usages, counts) = try await database.read { reader in
            (try AllocationRecords.usage(project: project, user: user, in: reader),
                hasTypes ? try AllocationRecords.consumerCounts(project: project, user: user, in: reader) : [])
        }
        guard hasTypes else { return answer(total(usages), request) }
        return answer(grouped(usages, counts, request.query["consumer_type"]), request)
    }

    private func total(_ usages: [Usage]) -> JSON {
        var total: Resources = [:]
        for usage in usages { total[usage.resourceClass, default: 0] += usage.amount }
        return object(total)
    }

    /// The usages by the consumers' type: of all types, of one, of those without one (`unknown`), or summed up (`all`).
    private func grouped(_ usages: [Usage], _ counts: [(type: String?, count: Int)], _ wanted: String?) -> JSON {
        var (amounts, consumers): ([String: Resources], Resources) = ([:], [:])
        func key(_ type: String?) -> String? {
            if wanted == "all" { return "all" }
            let name = type ?? "unknown"
            return wanted == nil || wanted == name ? name : nil
        }
        for usage in usages {
            if let key = key(usage.type) { amounts[key, default: [:]][usage.resourceClass, default: 0] += usage.amount }
        }
        for count in counts { if let key = key(count.type) { consumers[key, default: 0] += count.count } }
        var result = JSONObject()
        for (type, amounts) in amounts.sorted(by: { $0.key < $1.key }) {
            var members = object(amounts).object ?? [:]
            members["consumer_count"] = .int(consumers[type] ?? 0)
            result[type] = .object(members)
        }
        return .object(result)
    }

    private func object(_ resources: Resources) -> JSON {
        var object = JSONObject()
        for (name, amount) in resources.sorted(by: { $0.key < $1.key }) { object[name] = .int(amount) }
        return .object(object)
    }

    private func answer(_ usages: JSON, _ request: APIRequest) -> APIResponse {
        .json(headers: request.freshness(nil)) { $0.object { $0.member("usages", usages) } }
    }
}
