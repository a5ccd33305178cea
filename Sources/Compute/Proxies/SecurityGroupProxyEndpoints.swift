import CloudAPI
import CloudCore
import CloudPolicy

/// Security groups as nova showed them before 2.36.
struct SecurityGroupProxyEndpoints: Sendable {
    let compute: Compute.Parts

    private static let group: Schema = .object(
        [
            (
                "security_group",
                .object(
                    [("name", .string(length: 0...255)), ("description", .string(length: 0...255))],
                    required: ["name", "description"], additional: .any)
            )
        ], required: ["security_group"], additional: .any)

    private static let query = QueryRules(
        [("limit", .integer(0...Int.max)), ("offset", .integer(0...Int.max)), ("all_tenants", .string())], strictFrom: .max)

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/os-security-groups", "/v2.1/os-security-groups/{security_group_id}")
        func rule(_ name: String) -> Access { .rule("os_compute_api:os-security-groups:\(name)") }
        return [
            Endpoint(.get, list, "List security groups", microversions: .proxied, access: rule("get"), handler: index),
            Endpoint(
                .post, list, "Create a security group", microversions: .proxied, access: rule("create"), body: .json(Self.group),
                handler: create),
            Endpoint(.get, one, "Show a security group", microversions: .proxied, access: rule("show"), handler: show),
            Endpoint(
                .put, one, "Change a security group", microversions: .proxied, access: rule("update"), body: .json(Self.group),
                handler: update),
            Endpoint(
                .delete, one, "Delete a security group", microversions: .proxied, access: rule("delete"), success: .accepted,
                handler: delete),
        ]
    }

    private func path(_ request: APIRequest) throws -> String {
        try Self.path(request["security_group_id"])
    }

    /// - Throws: 404 for no id, 400 for what is no UUID.
    static func path(_ id: String) throws -> String {
        guard !id.isEmpty else { throw ComputeError.notFound("The resource could not be found.") }
        guard Identifier.isUUID(id) else { throw ComputeError.badRequest("Security group id should be uuid") }
        return "/v2.0/security-groups/\(PathSegment.escape(id))"
    }

    private func answer(_ group: JSON, _ client: ServiceClient) async throws -> APIResponse {
        .json("security_group", SecurityGroupView(group: group, sources: try await Self.sources([group], client)))
    }

    /// Groups by their ids, those that the caller may see.
    static func groups(_ ids: [String], _ client: ServiceClient) async throws -> [JSON] {
        guard !ids.isEmpty else { return [] }
        return try await client.list(.network, "/v2.0/security-groups", "security_groups", query: ids.map { ("id", $0) })
    }

    /// The groups that groups' rules are open to, by id; unknown ones are asked for together.
    static func sources(_ groups: [JSON], _ client: ServiceClient) async throws -> [String: JSON] {
        var known = Dictionary(groups.map { ($0["id"]?.string ?? "", $0) }, uniquingKeysWith: { $1 })
        let unknown = Set(groups.flatMap(SecurityGroupView.sources)).subtracting(known.keys).sorted()
        for group in try await Self.groups(unknown, client) { known[group["id"]?.string ?? ""] = group }
        return known
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try Self.query.check(request)
        let client = ServiceClient(compute, for: request)
        let isForAll = request.token?.isAdmin == true && request.query["all_tenants"] != nil
        let all = try await client.list(
            .network, "/v2.0/security-groups", "security_groups",
            query: isForAll ? [] : [("project_id", request.token?.projectID ?? "")])
        let limit = min(request.query["limit"].flatMap { Int($0) } ?? .max, compute.options.maximumListLength)
        let offset = request.query["offset"].flatMap { Int($0) } ?? 0
        let page = all.dropFirst(offset).prefix(limit == 0 ? compute.options.maximumListLength : limit).sorted {
            ($0["tenant_id"]?.string ?? "", $0["name"]?.string ?? "") < ($1["tenant_id"]?.string ?? "", $1["name"]?.string ?? "")
        }
        let sources = try await Self.sources(all, client)
        return .json {
            $0.object {
                $0.member("security_groups") { json in
                    json.array { json in for group in page { json.write(SecurityGroupView(group: group, sources: sources)) } }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        return try await answer(try await client.send(.network, .get, path(request))["security_group"] ?? .null, client)
    }

    private func body(_ request: APIRequest) -> JSON {
        let wanted = request.body["security_group"]
        return ["security_group": ["name": wanted?["name"] ?? "", "description": wanted?["description"] ?? ""]]
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        do {
            let made = try await client.send(.network, .post, "/v2.0/security-groups", body: body(request))
            return try await answer(made["security_group"] ?? .null, client)
        } catch let refusal as ServiceRefusal where refusal.status == 409 {
            throw ComputeError.forbidden(refusal.message)
        }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        let path = try path(request)
        let changed = try await Self.invalidForConflict {
            try await client.send(.network, .put, path, body: body(request))
        }
        return try await answer(changed["security_group"] ?? .null, client)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let (client, path) = (ServiceClient(compute, for: request), try path(request))
        _ = try await Self.invalidForConflict { try await client.send(.network, .delete, path) }
        return .empty()
    }

    /// What Neutron calls a conflict, as with a group that is in use, nova calls invalid.
    static func invalidForConflict(_ body: () async throws -> JSON) async throws -> JSON {
        do {
            return try await body()
        } catch let refusal as ServiceRefusal where refusal.status == 409 {
            throw ComputeError.badRequest(refusal.message)
        }
    }
}
