import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The tags of a server, from microversion 2.26 on.
struct ServerTagEndpoints: Sendable {
    let compute: Compute.Parts

    private static let all: Schema = .object(
        [("tags", .array(TextSchemas.tag, count: 0...ServerTagRecords.maximumCount))], required: ["tags"])

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/servers/{server_id}/tags", "/v2.1/servers/{server_id}/tags/{tag}")
        let versions = MicroversionRange.from(2, 26)
        func rule(_ name: String) -> Access { .ruleOnResource("os_compute_api:os-server-tags:\(name)") }
        return [
            Endpoint(.get, list, "List a server's tags", microversions: versions, access: rule("index"), handler: index),
            Endpoint(
                .put, list, "Replace a server's tags", microversions: versions, access: rule("update_all"), body: .json(Self.all),
                handler: replace),
            Endpoint(
                .delete, list, "Remove all tags of a server", microversions: versions, access: rule("delete_all"),
                success: .noContent, handler: clear),
            Endpoint(
                .get, one, "Whether a server has a tag", microversions: versions, access: rule("show"), success: .noContent,
                handler: show),
            Endpoint(
                .put, one, "Add a tag to a server", microversions: versions, access: rule("update"), success: .created,
                handler: add),
            Endpoint(
                .delete, one, "Remove a tag of a server", microversions: versions, access: rule("delete"), success: .noContent,
                handler: remove),
        ]
    }

    /// The request's server, once the rule has admitted the caller to it.
    private func server(_ request: APIRequest) async throws -> Server {
        try await compute.server(request["server_id"], for: request)
    }

    /// Changes tags of the request's server within a transaction that has seen it in a fitting state.
    private func change<Answer: Sendable>(
        _ request: APIRequest, _ action: String, _ body: @escaping @Sendable (Server, any Transaction) throws -> Answer
    ) async throws -> Answer {
        let id = try await server(request).id
        return try await compute.database.write { transaction in
            guard let server = try ServerRecords.find(id, in: transaction) else { throw ComputeError.serverNotFound(id) }
            try server.requireState(in: Server.settledStates, idle: false, for: action)
            return try body(server, transaction)
        }
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let id = try await server(request).id
        return .json("tags", try await compute.database.read { try ServerTagRecords.tags(server: id, in: $0) })
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let (id, tag) = (try await server(request).id, request["tag"])
        guard try await compute.database.read({ try ServerTagRecords.tags(server: id, in: $0) }).contains(tag) else {
            throw ComputeError.notFound("Server \(id) has no tag '\(tag)'")
        }
        return .empty()
    }

    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        let tags = request.body["tags"]?.array?.compactMap(\.string) ?? []
        let kept = try await change(request, "update tags") { server, transaction in
            try ServerTagRecords.replace(tags, server: server.id, in: transaction)
            return try ServerTagRecords.tags(server: server.id, in: transaction)
        }
        return .json("tags", kept)
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let tag = request["tag"]
        let isNew = try await change(request, "update tag") { server, transaction in
            try Self.check(tag)
            let tags = try ServerTagRecords.tags(server: server.id, in: transaction)
            guard tags.count < ServerTagRecords.maximumCount else {
                throw ComputeError.badRequest(
                    "The number of tags exceeded the per-server limit \(ServerTagRecords.maximumCount)")
            }
            guard !tags.contains(tag) else { return false }
            try ServerTagRecords.add(tag, server: server.id, in: transaction)
            return true
        }
        guard isNew else { return .empty(status: .noContent) }
        return .empty(headers: [.location: request.url])
    }

    /// - Throws: 400 for a text that can be no tag.
    private static func check(_ tag: String) throws {
        do {
            try TextSchemas.tag.validate(.string(tag))
        } catch {
            throw ComputeError.badRequest(
                "Tag '\(tag)' is invalid. It must be a non empty string without the characters '/' and ',': it \(error.reason).")
        }
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let tag = request["tag"]
        try await change(request, "delete tag") { server, transaction in
            guard try ServerTagRecords.remove(tag, server: server.id, in: transaction) else {
                throw ComputeError.notFound("Instance \(server.id) has no tag '\(tag)'")
            }
        }
        return .empty()
    }

    @Sendable private func clear(_ request: APIRequest) async throws -> APIResponse {
        try await change(request, "delete tags") { try ServerTagRecords.clear(server: $0.id, in: $1) }
        return .empty()
    }
}

extension ServerTagFilter {
    /// The tag filters of a query for servers, each a list with commas; before microversion 2.26 they are not known.
    init(_ query: QueryItems, at version: Microversion) {
        guard version >= Microversion(2, 26) else { return }
        func tags(_ name: String) -> [String] {
            query[name].map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? []
        }
        (all, any, notAll, notAny) = (tags("tags"), tags("tags-any"), tags("not-tags"), tags("not-tags-any"))
    }
}
