import CloudAPI
import CloudCore
import CloudStore

/// The access list of a secret or container. Without one, the project's members may read it.
struct AccessListEndpoints: Sendable {
    let parts: KeyManager.Parts
    let kind: Holder.Kind

    var table: [Endpoint] {
        let path = "/v1/\(kind.collection)/{\(kind.rawValue)_id}/acl"
        let rule = "\(kind.rawValue)_acls"
        return [
            Endpoint(.get, path, "Show a \(kind.rawValue)'s access list", access: .ruleOnResource("\(rule):get"), handler: show),
            Endpoint(
                .put, path, "Replace a \(kind.rawValue)'s access list", access: .ruleOnResource("\(rule):put_patch"),
                body: .json(Self.schema), handler: replace),
            Endpoint(
                .patch, path, "Change a \(kind.rawValue)'s access list", access: .ruleOnResource("\(rule):put_patch"),
                body: .json(Self.schema), handler: update),
            Endpoint(
                .delete, path, "Delete a \(kind.rawValue)'s access list", access: .ruleOnResource("\(rule):delete"), handler: delete),
        ]
    }

    private static let schema: Schema = .object([
        (
            "read",
            .object([("users", .array(.string(length: 0...255), count: 0...1_000)), ("project-access", .boolean())])
        )
    ])

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let list = try await parts.database.read { [parts, kind] reader in
            try HolderRecords.access(to: try parts.holder(kind, request, in: reader).id, in: reader)
        }
        return .json {
            $0.object {
                $0.member("read") {
                    $0.object {
                        $0.member("project-access", list.map(\.projectAccess) ?? true)
                        guard let list else { return }
                        $0.member("users", list.users.sorted())
                        $0.times(list.createdAt, list.updatedAt)
                    }
                }
            }
        }
    }

    /// What is not named gets its default; a body that names no operation leaves no list.
    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        let read = request.trimmedBody["read"]?.object
        return try await change(request) { current, now in
            guard let read, !read.isEmpty else { return nil }
            return AccessList(
                projectAccess: read["project-access"]?.bool ?? true, users: Self.users(read) ?? [],
                createdAt: current?.createdAt ?? now, updatedAt: now)
        }
    }

    /// What is not named stays.
    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let read = request.trimmedBody["read"]?.object
        return try await change(request) { current, now in
            guard let read, !read.isEmpty else { return current }
            return AccessList(
                projectAccess: read["project-access"]?.bool ?? current?.projectAccess, users: Self.users(read) ?? current?.users ?? [],
                createdAt: current?.createdAt ?? now, updatedAt: now)
        }
    }

    private static func users(_ read: JSONObject) -> Set<String>? {
        read["users"]?.array.map { Set($0.compactMap(\.string)) }
    }

    private func change(
        _ request: APIRequest, _ change: @escaping @Sendable (AccessList?, Timestamp) -> AccessList?
    ) async throws -> APIResponse {
        try await parts.database.write { [parts, kind] transaction in
            let id = try parts.holder(kind, request, in: transaction).id
            let current = try HolderRecords.access(to: id, in: transaction)
            if let list = change(current, .now) {
                try HolderRecords.setAccess(list, to: id, in: transaction)
            } else {
                try HolderRecords.deleteAccess(of: id, in: transaction)
            }
        }
        return .json("acl_ref", request.reference("\(kind.collection)/\(request["\(kind.rawValue)_id"])/acl"))
    }

    /// As upstream, success is 200 with a body of JSON's null.
    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.database.write { [parts, kind] transaction in
            try HolderRecords.deleteAccess(of: try parts.holder(kind, request, in: transaction).id, in: transaction)
        }
        return .json { $0.write(JSON.null) }
    }
}
