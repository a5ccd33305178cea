import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Quota sets: the limits of projects and of users in them.
struct QuotaEndpoints: Sendable {
    let compute: Compute.Parts

    private static let limit: Schema = .integer(-1...2_147_483_647, lenient: true)
    private static let userQuery = QueryRules([("user_id", .string())], strictFrom: 75)

    private static func update(from minor: Int) -> (from: Microversion, schema: Schema) {
        let version = Microversion(2, minor)
        let members = QuotaResource.ofSets(at: version).map { ($0.rawValue, limit) } + [("force", TextSchemas.boolean)]
        return (version, .object([("quota_set", .object(members))], required: ["quota_set"]))
    }

    var table: [Endpoint] {
        let one = "/v2.1/os-quota-sets/{project_id}"
        return [
            Endpoint(
                .get, one, "Show a project's quotas", access: .ruleOnResource("os_compute_api:os-quota-sets:show"), handler: show),
            Endpoint(
                .get, one + "/detail", "Show a project's quotas and usage",
                access: .ruleOnResource("os_compute_api:os-quota-sets:detail"), handler: detail),
            Endpoint(
                .get, one + "/defaults", "Show the default quotas",
                access: .ruleOnResource("os_compute_api:os-quota-sets:defaults"), handler: defaults),
            Endpoint(
                .put, one, "Set a project's quotas", access: .ruleOnResource("os_compute_api:os-quota-sets:update"),
                body: .versioned([1, 36, 57].map(Self.update)), handler: set),
            Endpoint(
                .delete, one, "Set a project's quotas back", access: .ruleOnResource("os_compute_api:os-quota-sets:delete"),
                success: .accepted, handler: reset),
        ]
    }

    /// The project and the user that are meant, once the rule admits the caller to it.
    private struct Subject {
        let projectID: String
        let userID: String?
    }

    private func subject(_ request: APIRequest, verifies: Bool = true) async throws -> Subject {
        let id = request["project_id"]
        try request.authorize(["project_id": .string(id)])
        if verifies { try await compute.verifyProject(id, for: request) }
        return Subject(projectID: id, userID: request.query.all("user_id").first)
    }

    private func quota(_ subject: Subject) async throws -> ComputeQuota {
        let allowance = try await compute.limits(project: subject.projectID, user: subject.userID)
        return try await compute.database.read { try allowance.effective(in: $0) }
    }

    private func answer(_ quota: ComputeQuota, id: String?, _ request: APIRequest) -> APIResponse {
        .json {
            $0.object {
                $0.member("quota_set") { json in
                    json.object { json in
                        if let id { json.member("id", id) }
                        for resource in QuotaResource.ofSets(at: request.microversion) {
                            json.member(resource.rawValue, quota[resource])
                        }
                    }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try Self.userQuery.check(request)
        let subject = try await subject(request)
        return answer(try await quota(subject), id: subject.projectID, request)
    }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        try Self.userQuery.check(request)
        let subject = try await subject(request)
        let allowance = try await compute.limits(project: subject.projectID, user: subject.userID)
        let (quota, usage) = try await compute.database.read { reader in
            (
                try allowance.effective(in: reader),
                try QuotaRecords.wholeUsage(projectID: subject.projectID, userID: subject.userID, in: reader)
            )
        }
        return .json {
            $0.object {
                $0.member("quota_set") { json in
                    json.object { json in
                        json.member("id", subject.projectID)
                        for resource in QuotaResource.ofSets(at: request.microversion) {
                            json.member(resource.rawValue) {
                                $0.object {
                                    $0.member("limit", quota[resource])
                                    $0.member("in_use", usage[resource])
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
        try QueryRules.none.check(request)
        let id = try await subject(request).projectID
        return answer(try await compute.defaultQuota(), id: id, request)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        try Self.userQuery.check(request)
        let (subject, body) = (try await subject(request), request.body["quota_set"] ?? .null)
        let allowance = try await compute.limits(project: subject.projectID, user: subject.userID)
        let wanted = QuotaResource.ofSets(at: request.microversion).compactMap { resource in
            body.lenientInt(resource.rawValue).map { (resource, $0) }
        }
        let force = body["force"]?.lenientBool ?? false
        let quota = try await compute.database.write { transaction -> ComputeQuota in
            // Unified limits are set in Identity; as upstream, nothing is changed then and the truth is answered.
            if allowance.unified == nil {
                if !force { try Self.check(wanted, subject, allowance, in: transaction) }
                for (resource, maximum) in wanted {
                    try QuotaRecords.set(
                        resource, maximum, projectID: subject.projectID, userID: subject.userID, in: transaction)
                }
            }
            return try allowance.effective(in: transaction)
        }
        return answer(quota, id: nil, request)
    }

    /// A project's limit can't be below what is used or promised to its users, nor a user's above what the project has left.
    private static func check(
        _ wanted: [(QuotaResource, Int)], _ subject: Subject, _ allowance: ComputeAllowance, in reader: any Reader
    ) throws {
        let project = try allowance.quota(in: reader)
        let promised = try QuotaRecords.sumOfUserLimits(subject.projectID, in: reader)
        let usage = try QuotaRecords.wholeUsage(projectID: subject.projectID, userID: subject.userID, in: reader)
        let own = try subject.userID.map { try QuotaRecords.userLimits(subject.projectID, $0, in: reader) }
        for (resource, maximum) in wanted {
            let limited = project[resource] >= 0
            let minimum = own == nil && limited ? max(usage[resource], promised[resource] ?? 0) : usage[resource]
            guard maximum < 0 || maximum >= minimum else {
                throw ComputeError.badRequest(
                    "Quota limit \(maximum) for \(resource.rawValue) must be greater than or equal to already used and "
                        + "reserved \(minimum).")
            }
            guard limited, let own else { continue }
            let left = max(0, project[resource] - (promised[resource] ?? 0)) + (own[resource] ?? 0)
            guard maximum >= 0, maximum <= left else {
                throw ComputeError.badRequest(
                    "Quota limit \(maximum) for \(resource.rawValue) must be less than or equal to \(left).")
            }
        }
    }

    @Sendable private func reset(_ request: APIRequest) async throws -> APIResponse {
        try Self.userQuery.check(request)
        let subject = try await subject(request, verifies: false)
        guard !compute.options.usesUnifiedLimits else { return .empty() }
        try await compute.database.write { transaction in
            if let userID = subject.userID {
                try QuotaRecords.reset(projectID: subject.projectID, userID: userID, in: transaction)
            } else {
                try QuotaRecords.reset(projectID: subject.projectID, in: transaction)
            }
        }
        return .empty()
    }
}

extension Compute.Parts {
    /// As upstream, those who may look at any project are told when one does not exist.
    /// - Throws: 400 when there is no such project.
    func verifyProject(_ id: String, for request: APIRequest) async throws {
        guard request.token?.isAdmin == true, let identity, try await !identity.projectExists(id) else { return }
        throw ComputeError.badRequest("Project ID \(id) is not a valid project.")
    }

    /// What a project has that has no limits of its own.
    func defaultQuota() async throws -> ComputeQuota {
        if options.usesUnifiedLimits {
            let unified = try await identity?.registeredLimits() ?? [:]
            return ComputeAllowance.quota(from: unified)
        }
        return try await database.read { [options] in try QuotaRecords.defaults(options.quota, in: $0) }
    }
}
