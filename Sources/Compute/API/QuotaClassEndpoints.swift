import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Quota classes; the limits of the class `default` are every project's defaults.
struct QuotaClassEndpoints: Sendable {
    let compute: Compute.Parts

    private static func update(from minor: Int) -> (from: Microversion, schema: Schema) {
        let version = Microversion(2, minor)
        // Server groups could be set before they were shown.
        let resources = minor < 50 ? QuotaResource.allCases : QuotaResource.ofClasses(at: version)
        let members = resources.map { ($0.rawValue, Schema.integer(-1...2_147_483_647, lenient: true)) }
        return (version, .object([("quota_class_set", .object(members))], required: ["quota_class_set"]))
    }

    var table: [Endpoint] {
        let one = "/v2.1/os-quota-class-sets/{class}"
        return [
            Endpoint(
                .get, one, "Show a quota class", access: .rule("os_compute_api:os-quota-class-sets:show"), handler: show),
            Endpoint(
                .put, one, "Set a quota class", access: .rule("os_compute_api:os-quota-class-sets:update"),
                body: .versioned([1, 50, 57].map(Self.update)), handler: set),
        ]
    }

    private func answer(_ quota: ComputeQuota, id: String?, _ request: APIRequest) -> APIResponse {
        .json {
            $0.object {
                $0.member("quota_class_set") { json in
                    json.object { json in
                        if let id { json.member("id", id) }
                        for resource in QuotaResource.ofClasses(at: request.microversion) {
                            json.member(resource.rawValue, quota[resource])
                        }
                    }
                }
            }
        }
    }

    private func quota(_ name: String) async throws -> ComputeQuota {
        guard !compute.options.usesUnifiedLimits else { return try await compute.defaultQuota() }
        let configured = compute.options.quota
        return try await compute.database.read { try QuotaRecords.quota(class: name, configured: configured, in: $0) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return answer(try await quota(request["class"]), id: request["class"], request)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let (name, body) = (request["class"], request.body["quota_class_set"] ?? .null)
        guard name.count <= 255 else {
            throw ComputeError.badRequest("quota_class_name has \(name.count) characters, more than 255.")
        }
        if !compute.options.usesUnifiedLimits {
            try await compute.database.write { transaction in
                for resource in QuotaResource.allCases {
                    guard let maximum = body.lenientInt(resource.rawValue) else { continue }
                    try QuotaRecords.set(resource, maximum, class: name, in: transaction)
                }
            }
        }
        return answer(try await quota(name), id: nil, request)
    }
}
