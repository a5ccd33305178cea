import CloudAPI
import CloudCore
import CloudStore

/// Quotas: what the caller's project may have, and what is set for projects.
struct QuotaEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        let one = "/v1/project-quotas/{project_id}"
        return [
            Endpoint(.get, "/v1/quotas", "Show the own project's quotas", access: .rule("quotas:get"), handler: showOwn),
            Endpoint(.get, "/v1/project-quotas", "List projects' quotas", access: .rule("project_quotas:get"), handler: list),
            Endpoint(.get, one, "Show what is set for a project", access: .rule("project_quotas:get"), handler: show),
            Endpoint(
                .put, one, "Set a project's quotas", access: .rule("project_quotas:put"), body: .json(Self.schema), success: .noContent,
                handler: set),
            Endpoint(
                .delete, one, "Give a project the default quotas", access: .rule("project_quotas:delete"), success: .noContent,
                handler: delete),
        ]
    }

    private static let schema: Schema = .object(
        [("project_quotas", .object(QuotaKind.allCases.map { ($0.rawValue, .integer(-1_000_000_000...1_000_000_000)) }))],
        required: ["project_quotas"])

    private static let unknown = KeyManagerError.notFound("Project quotas not found.")

    @Sendable private func showOwn(_ request: APIRequest) async throws -> APIResponse {
        let projectID = try request.caller().projectID
        let amounts = try await parts.database.read { [options = parts.options] in
            try QuotaRecords.effective(projectID, options, in: $0)
        }
        return .json { $0.object { $0.member("quotas") { Self.write(amounts, to: &$0) } } }
    }

    private static func write(_ amounts: [QuotaKind: Int], to json: inout JSONWriter) {
        json.object { for kind in QuotaKind.allCases { $0.member(kind.rawValue, amounts[kind]) } }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let page = ListPage(request.query, parts.options)
        let (quotas, total) = try await parts.database.read { try QuotaRecords.list(page, in: $0) }
        return .json {
            $0.object { json in
                json.member("project_quotas") {
                    $0.array { json in
                        for project in quotas {
                            json.object {
                                $0.member("project_id", project.projectID)
                                $0.member("project_quotas") { Self.write(project.amounts, to: &$0) }
                            }
                        }
                    }
                }
                page.writeLinks(request, "project_quotas", total: total, isEmpty: quotas.isEmpty, to: &json)
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let quotas = try await parts.database.read { try QuotaRecords.find(request["project_id"], in: $0) }
        guard let quotas else { throw Self.unknown }
        return .json { $0.object { $0.member("project_quotas") { Self.write(quotas.amounts, to: &$0) } } }
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["project_quotas"]
        let pairs = QuotaKind.allCases.compactMap { kind in body?[kind.rawValue]?.int.map { (kind, $0) } }
        let quotas = ProjectQuotas(projectID: request["project_id"], amounts: Dictionary(uniqueKeysWithValues: pairs))
        try await parts.database.write { try QuotaRecords.set(quotas, now: .now, in: $0) }
        return .empty()
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        guard try await parts.database.write({ try QuotaRecords.delete(request["project_id"], in: $0) }) else { throw Self.unknown }
        return .empty()
    }
}
