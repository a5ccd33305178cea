import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Server groups.
struct ServerGroupEndpoints: Sendable {
    let compute: Compute.Parts

    private static let listQuery = QueryRules(
        [("all_projects", .string()), ("limit", .integer(0...Int.max)), ("offset", .integer(0...Int.max))], strictFrom: 75)

    var table: [Endpoint] {
        let path = "/v2.1/os-server-groups"
        return [
            Endpoint(.get, path, "List server groups", access: .rule("os_compute_api:os-server-groups:index"), handler: list),
            Endpoint(
                .post, path, "Create a server group", access: .rule("os_compute_api:os-server-groups:create"),
                body: .versioned(HostSchemas.createServerGroup), handler: create),
            Endpoint(
                .get, path + "/{group_id}", "Show a server group", access: .ruleOnResource("os_compute_api:os-server-groups:show"),
                handler: show),
            Endpoint(
                .delete, path + "/{group_id}", "Delete a server group",
                access: .ruleOnResource("os_compute_api:os-server-groups:delete"), success: .noContent, handler: delete),
        ]
    }

    // MARK: Reading

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try Self.listQuery.check(request)
        var projectID: String? = request.token?.projectID ?? ""
        if request.query["all_projects"] != nil, request.token?.isAdmin == true {
            try request.require("os_compute_api:os-server-groups:index:all_projects", request.callerTarget)
            projectID = nil
        }
        let maximum = compute.options.maximumListLength
        let limit = request.query["limit"].flatMap { Int($0) } ?? maximum
        let offset = request.query["offset"].flatMap { Int($0) } ?? 0
        let (groups, members) = try await compute.database.read { [projectID] reader in
            let groups = try ServerGroupRecords.list(
                projectID: projectID, limit: limit == 0 ? maximum : min(limit, maximum), offset: offset, in: reader)
            return (groups, try ServerGroupRecords.members(of: groups.map(\.id), in: reader))
        }
        return .json {
            $0.object {
                $0.member("server_groups") { json in
                    json.array { json in
                        for group in groups { write(group, (members[group.id] ?? []).map(\.server), request, to: &json) }
                    }
                }
            }
        }
    }

    /// The group, if the caller may do with it what the endpoint does.
    private func find(_ request: APIRequest) async throws -> ServerGroup {
        let id = request["group_id"]
        let found = Schema.isUUID(id) ? try await compute.database.read { try ServerGroupRecords.find(id, in: $0) } : nil
        guard let group = found else {
            try request.authorize(request.callerTarget)
            throw ComputeError.notFound("Instance group \(id) could not be found.")
        }
        try request.authorize(["project_id": .string(group.projectID)])
        return group
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let group = try await find(request)
        let members = try await compute.database.read { try ServerGroupRecords.members(of: [group.id], in: $0) }
        return answer(group, (members[group.id] ?? []).map(\.server), request)
    }

    private func answer(_ group: ServerGroup, _ members: [String], _ request: APIRequest) -> APIResponse {
        .json { $0.object { $0.member("server_group") { write(group, members, request, to: &$0) } } }
    }

    private func write(_ group: ServerGroup, _ members: [String], _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("id", group.id)
            $0.member("name", group.name)
            if request.isAtLeast(64) {
                $0.member("policy", group.policy.rawValue)
                $0.member("rules") { json in
                    json.object { json in if let maximum = group.maximumPerHost { json.member("max_server_per_host", maximum) } }
                }
            } else {
                $0.member("policies", array: [group.policy.rawValue])
                $0.member("metadata") { $0.object { _ in } }
            }
            $0.member("members", array: members)
            if request.isAtLeast(13) {
                $0.member("project_id", group.projectID)
                $0.member("user_id", group.userID)
            }
        }
    }

    // MARK: Changing

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["server_group"] ?? .null
        let name = body["policy"]?.string ?? body["policies"]?[0]?.string ?? ""
        let maximum = body["rules"]?.lenientInt("max_server_per_host")
        guard let policy = ServerGroup.Policy(rawValue: name) else { throw ComputeError.badRequest("Unknown policy \(name)") }
        guard policy == .antiAffinity || maximum == nil else {
            throw ComputeError.badRequest("Only anti-affinity policy supports rules.")
        }
        let (projectID, userID) = (request.token?.projectID ?? "", request.token?.userID ?? "")
        let group = ServerGroup(
            id: Identifier.uuid(), name: body["name"]?.string ?? "", projectID: projectID, userID: userID, policy: policy,
            maximumPerHost: maximum, createdAt: .now)
        let allowance = try await compute.limits(project: projectID, user: userID)
        try await compute.database.write { transaction in
            try allowance.checkServerGroups(
                { try ServerGroupRecords.count(projectID: projectID, userID: $0, in: transaction) }, in: transaction)
            try ServerGroupRecords.insert(group, in: transaction)
        }
        return answer(group, [], request)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let group = try await find(request)
        try await compute.database.write { try ServerGroupRecords.delete(group.id, in: $0) }
        return .empty()
    }
}
