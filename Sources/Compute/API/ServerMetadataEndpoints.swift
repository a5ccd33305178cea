import CloudAPI
import CloudCore
import CloudStore

/// The metadata of a server: text by name, which its guest can read.
struct ServerMetadataEndpoints: Sendable {
    let compute: Compute.Parts

    private static let all: Schema = .object([("metadata", ServerSchemas.metadata)], required: ["metadata"])
    private static let item: Schema = .object([("meta", ServerSchemas.metadata)], required: ["meta"])

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/servers/{server_id}/metadata", "/v2.1/servers/{server_id}/metadata/{key}")
        func rule(_ name: String) -> Access { .ruleOnResource("os_compute_api:server-metadata:\(name)") }
        return [
            Endpoint(.get, list, "List a server's metadata", access: rule("index"), handler: index),
            Endpoint(.post, list, "Add metadata to a server", access: rule("create"), body: .json(Self.all), handler: add),
            Endpoint(.put, list, "Replace a server's metadata", access: rule("update_all"), body: .json(Self.all), handler: replace),
            Endpoint(.get, one, "Show a metadata item", access: rule("show"), handler: show),
            Endpoint(.put, one, "Set a metadata item", access: rule("update"), body: .json(Self.item), handler: set),
            Endpoint(
                .delete, one, "Remove a metadata item", access: rule("delete"), success: .noContent, handler: remove),
        ]
    }

    private func server(_ request: APIRequest) async throws -> Server {
        try await compute.server(request["server_id"], for: request)
    }

    private var missing: ComputeError { .notFound("Metadata item was not found") }

    /// Changes the metadata of the request's server.
    private func change(
        _ request: APIRequest, _ action: String, _ change: @escaping @Sendable (inout [String: String]) throws -> Void
    ) async throws -> [String: String] {
        let found = try await server(request)
        let limits = try await compute.limits(project: found.projectID)
        let isAdmin = request.token?.isAdmin ?? false
        let changed = try await compute.database.write { transaction in
            try ServerRecords.change(found.id, in: transaction) { server in
                guard !server.isLocked || isAdmin else { throw ComputeError.conflict("Instance \(server.id) is locked") }
                try server.requireState(in: Server.settledStates, idle: true, for: action)
                let count = server.metadata.count
                try change(&server.metadata)
                // What takes items away is never too much.
                guard server.metadata.count >= count else { return }
                try limits.checkMetadata(count: server.metadata.count, in: transaction)
            }
        }
        guard let changed else { throw ComputeError.serverNotFound(found.id) }
        return changed.metadata
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return .json("metadata", try await server(request).metadata)
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let new = request.body["metadata"]?.stringDictionary ?? [:]
        return .json("metadata", try await change(request, "update metadata") { $0.merge(new) { $1 } })
    }

    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        let new = request.body["metadata"]?.stringDictionary ?? [:]
        return .json("metadata", try await change(request, "update metadata") { $0 = new })
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let key = request["key"]
        guard let value = try await server(request).metadata[key] else { throw missing }
        return .json("meta", [key: value])
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let (key, new) = (request["key"], request.body["meta"]?.stringDictionary ?? [:])
        guard let value = new[key], new.count == 1 else { throw ComputeError.badRequest("Request body and URI mismatch") }
        _ = try await change(request, "update metadata") { $0[key] = value }
        return .json("meta", new)
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let (key, missing) = (request["key"], missing)
        _ = try await change(request, "delete metadata") { metadata in
            guard metadata.removeValue(forKey: key) != nil else { throw missing }
        }
        return .empty()
    }
}
