import CloudAPI
import CloudCore
import CloudStore

/// Kinds of resources.
struct ResourceClassEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        let path = "/resource_classes", one = "/resource_classes/{name}", rule = PlacementPolicies.Name.classes
        return [
            Endpoint(.get, path, "List resource classes", microversions: .from(1, 2), access: .rule(rule + ":list"), handler: list),
            Endpoint(
                .post, path, "Create a resource class", microversions: .from(1, 2), access: .rule(rule + ":create"),
                body: .json(PlacementSchemas.resourceClass), success: .created, handler: create),
            Endpoint(.get, one, "Show a resource class", microversions: .from(1, 2), access: .rule(rule + ":show"), handler: show),
            Endpoint(
                .put, one, "Rename a resource class", microversions: .between(Microversion(1, 2), Microversion(1, 6)),
                access: .rule(rule + ":update"), body: .json(PlacementSchemas.resourceClass), handler: rename),
            Endpoint(
                .put, one, "Make sure of a resource class", microversions: .from(1, 7), access: .rule(rule + ":update"),
                success: .noContent, handler: ensure),
            Endpoint(
                .delete, one, "Delete a resource class", microversions: .from(1, 2), access: .rule(rule + ":delete"),
                success: .noContent, handler: delete),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let classes = try await database.read { try ResourceClassRecords.list(in: $0) }
        return .json(headers: request.freshness(classes.map(\.updatedAt).latest)) {
            $0.object { $0.member("resource_classes", array: classes.map { ResourceClassView(name: $0.name) }) }
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let name = request.body["name"]?.string ?? ""
        guard try await make(name) else {
            throw PlacementError.conflict("Conflicting resource class already exists: \(name)")
        }
        return .empty(headers: location(name, request))
    }

    /// - Returns: whether the class is new.
    private func make(_ name: String) async throws -> Bool {
        try await database.write { transaction in
            guard try ResourceClassRecords.updatedAt(name, in: transaction) == nil else { return false }
            try ResourceClassRecords.insert(name, now: .now, in: transaction)
            return true
        }
    }

    private func location(_ name: String, _ request: APIRequest) -> HTTPFields {
        [.location: "\(request.serviceURL)/resource_classes/\(name)"]
    }

    private static func get(_ name: String, in reader: any Reader) throws -> Timestamp {
        guard let updatedAt = try ResourceClassRecords.updatedAt(name, in: reader) else {
            throw PlacementError.notFound("No such resource class \(name).")
        }
        return updatedAt
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let name = request["name"]
        let updatedAt = try await database.read { try Self.get(name, in: $0) }
        return .json(headers: request.freshness(updatedAt)) { $0.write(ResourceClassView(name: name)) }
    }

    @Sendable private func rename(_ request: APIRequest) async throws -> APIResponse {
        let (name, newName) = (request["name"], request.body["name"]?.string ?? "")
        try await database.write { transaction in
            _ = try Self.get(name, in: transaction)
            guard name.isCustom else { throw PlacementError.badRequest("Cannot update standard resource class \(name)") }
            guard try ResourceClassRecords.updatedAt(newName, in: transaction) == nil else {
                throw PlacementError.conflict("Resource class already exists: \(newName)")
            }
            try ResourceClassRecords.rename(name, to: newName, now: .now, in: transaction)
        }
        return .json { $0.write(ResourceClassView(name: newName)) }
    }

    @Sendable private func ensure(_ request: APIRequest) async throws -> APIResponse {
        let name = request["name"]
        try PlacementSchemas.customName.validate(.string(name))
        return .empty(status: try await make(name) ? .created : .noContent, headers: location(name, request))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let name = request["name"]
        try await database.write { transaction in
            _ = try Self.get(name, in: transaction)
            guard name.isCustom else {
                throw PlacementError.badRequest(
                    "Error in delete resource class: Cannot delete standard resource class \(name).")
            }
            guard try !ResourceClassRecords.isInUse(name, in: transaction) else {
                throw PlacementError.conflict(
                    "Error in delete resource class: Cannot delete resource class \(name). Class is in use in inventory.")
            }
            try ResourceClassRecords.delete(name, in: transaction)
        }
        return .empty()
    }
}

/// A resource class as clients see it.
private struct ResourceClassView: JSONWritable {
    let name: String

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("name", name)
            $0.member("links") {
                $0.array {
                    $0.object {
                        $0.member("rel", "self")
                        $0.member("href", "\(PlacementAPI.path)/resource_classes/\(name)")
                    }
                }
            }
        }
    }
}
