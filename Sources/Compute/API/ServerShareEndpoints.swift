import CloudAPI
import CloudCore

/// File shares of a server (microversion 2.97). This cloud has no shared file systems, so no share exists.
struct ServerShareEndpoints: Sendable {
    let compute: Compute.Parts

    private static let create: Schema = .object(
        [
            (
                "share",
                .object(
                    [("share_id", .uuid), ("tag", .string(length: 1...255, pattern: "[a-zA-Z0-9-]*"))], required: ["share_id"])
            )
        ], required: ["share"])

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/servers/{server_id}/shares", "/v2.1/servers/{server_id}/shares/{share_id}")
        let versions = MicroversionRange.from(2, 97)
        func rule(_ name: String) -> Access { .ruleOnResource("os_compute_api:os-server-shares:" + name) }
        return [
            Endpoint(.get, list, "List a server's shares", microversions: versions, access: rule("index"), handler: index),
            Endpoint(
                .post, list, "Attach a share to a server", microversions: versions, access: rule("create"),
                body: .json(Self.create), success: .created, handler: attach),
            Endpoint(.get, one, "Show a share of a server", microversions: versions, access: rule("show"), handler: show),
            Endpoint(.delete, one, "Detach a share from a server", microversions: versions, access: rule("delete"), handler: detach),
        ]
    }

    private static func missing(_ id: String) -> ComputeError { .notFound("Share \(id) could not be found.") }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules(strictFrom: 97).check(request)
        _ = try await compute.server(request["server_id"], for: request)
        return .json { $0.object { $0.member("shares") { $0.array { _ in } } } }
    }

    @Sendable private func attach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try server.requireState(in: [.stopped], idle: false, for: "create share")
        throw Self.missing(request.body["share"]?["share_id"]?.string ?? "")
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules(strictFrom: 97).check(request)
        _ = try await compute.server(request["server_id"], for: request)
        throw Self.missing(request["share_id"])
    }

    @Sendable private func detach(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        try server.requireState(in: [.stopped, .error], idle: false, for: "delete share")
        throw Self.missing(request["share_id"])
    }
}
