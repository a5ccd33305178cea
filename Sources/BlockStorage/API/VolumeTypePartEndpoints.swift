import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The extra specs of a volume type: what its volumes want of back ends.
struct TypeExtraSpecEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let (list, one) = ("/types/{type_id}/extra_specs", "/types/{type_id}/extra_specs/{key}")
        func rule(_ name: String) -> Access { .rule("volume_extension:types_extra_specs:\(name)") }
        return [
            Endpoint(.get, list, "List a volume type's extra specs", access: rule("index"), handler: index),
            Endpoint(
                .post, list, "Set extra specs", access: rule("create"),
                body: .json(CatalogueSchemas.wrapped("extra_specs", CatalogueSchemas.tightSpecs)), handler: add),
            Endpoint(.get, one, "Show an extra spec", access: rule("show"), handler: show),
            Endpoint(.put, one, "Change an extra spec", access: rule("update"), body: .json(CatalogueSchemas.oneSpec), handler: set),
            Endpoint(.delete, one, "Remove an extra spec", access: rule("delete"), success: .accepted, handler: remove),
        ]
    }

    private func missing(_ key: String, _ id: String) -> BlockStorageError {
        .notFound("Volume Type \(id) has no extra specs with key \(key).")
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        let type = try await storage.volumeType(for: request)
        return .json("extra_specs", JSON(VolumeTypeView(request).specs(type)))
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let (type, key) = (try await storage.volumeType(for: request), request["key"])
        guard let value = VolumeTypeView(request).specs(type)[key] else { throw missing(key, type.id) }
        return .json(key, value)
    }

    /// Changes the specs of a type that no volume has.
    private func change(_ request: APIRequest, _ change: @escaping @Sendable (inout [String: String]) throws -> Void) async throws {
        let id = request["type_id"]
        try await storage.database.write { transaction in
            guard var type = try VolumeTypeRecords.find(id, in: transaction) else { throw BlockStorageError.typeNotFound(id) }
            guard try !CatalogueUse.hasVolumes(type: id, in: transaction) else {
                throw BlockStorageError.badRequest("Volume Type is currently in use.")
            }
            try change(&type.extraSpecs)
            try Self.check(type.extraSpecs)
            try VolumeTypeRecords.update(type, in: transaction)
        }
    }

    private static func check(_ specs: [String: String]) throws {
        guard specs["multiattach"] != "<is> True" || specs["cacheable"] != "<is> True" else {
            throw BlockStorageError.badRequest("cacheable cannot be set with multiattach.")
        }
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let specs = request.body["extra_specs"]?.specs ?? [:]
        try await change(request) { $0.merge(specs) { $1 } }
        return .json { $0.write(request.body) }
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let key = request["key"]
        guard request.body.object?.count == 1, let value = request.body[key] else {
            throw BlockStorageError.badRequest("Request body and URI mismatch")
        }
        let text = value.string ?? ""
        try await change(request) { $0[key] = text }
        return .json { $0.write(request.body) }
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let (id, key) = (request["type_id"], request["key"])
        let missing = missing(key, id)
        try await change(request) { guard $0.removeValue(forKey: key) != nil else { throw missing } }
        return .empty()
    }
}

/// Who may use a private volume type.
struct TypeAccessEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/types/{type_id}/os-volume-type-access", "List who may use a private volume type",
                access: .rule("volume_extension:volume_type_access:get_all_for_type"), handler: list),
            Endpoint(
                .post, "/types/{type_id}/action", "Let a project use a volume type, or no longer",
                access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
                body: .json(CatalogueSchemas.access), success: .accepted, handler: change),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let type = try await storage.volumeType(for: request)
        guard !type.isPublic else { throw BlockStorageError.notFound("Access list not available for public volume types.") }
        let projects = try await storage.database.read { try VolumeTypeRecords.projects(type.id, in: $0) }
        return .json {
            $0.object {
                $0.member("volume_type_access") { json in
                    json.array { json in
                        for project in projects {
                            json.object {
                                $0.member("volume_type_id", type.id)
                                $0.member("project_id", project)
                            }
                        }
                    }
                }
            }
        }
    }

    @Sendable private func change(_ request: APIRequest) async throws -> APIResponse {
        let isAdded = request.body["addProjectAccess"] != nil
        let action = isAdded ? "addProjectAccess" : "removeProjectAccess"
        try request.require("volume_extension:volume_type_access:\(action)", request.callerTarget)
        let project = request.body[action]?["project"]?.string ?? ""
        let type = try await storage.volumeType(for: request)
        guard !type.isPublic else {
            throw BlockStorageError.badRequest(
                "Invalid volume type: Type access modification is not applicable to public volume type.")
        }
        try await storage.database.write { transaction in
            guard try VolumeTypeRecords.find(type.id, in: transaction) != nil else { throw BlockStorageError.typeNotFound(type.id) }
            if isAdded {
                guard try VolumeTypeRecords.allow(type.id, projectID: project, in: transaction) else {
                    throw BlockStorageError.conflict(
                        "Volume type access for \(type.id) / \(project) combination already exists.")
                }
            } else if try !VolumeTypeRecords.disallow(type.id, projectID: project, in: transaction) {
                throw BlockStorageError.notFound("Volume type access not found for \(type.id) / \(project) combination.")
            }
        }
        return .empty()
    }
}

/// Projects' own default volume types.
struct DefaultTypeEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        func endpoint(
            _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ rule: String, body: RequestBody = .none,
            success: HTTPResponse.Status = .ok, _ handler: @escaping Endpoint.Handler
        ) -> Endpoint {
            Endpoint(
                method, path, summary, microversions: .from(3, 62), access: .rule("volume_extension:\(rule)"), body: body,
                success: success, handler: handler)
        }
        let one = "/default-types/{default_project_id}"
        return [
            endpoint(.get, "/default-types", "List projects' default volume types", "default_get_all", list),
            endpoint(.get, one, "Show a project's default volume type", "default_get", show),
            endpoint(
                .put, one, "Set a project's default volume type", "default_set_or_update",
                body: .json(CatalogueSchemas.defaultType), set),
            endpoint(.delete, one, "Take a project's default volume type away", "default_unset", success: .noContent, unset),
        ]
    }

    private func write(_ project: String, _ type: String, to json: inout JSONWriter) {
        json.object {
            $0.member("project_id", project)
            $0.member("volume_type_id", type)
        }
    }

    private func answer(_ project: String, _ type: String) -> APIResponse {
        .json { $0.object { $0.member("default_type") { write(project, type, to: &$0) } } }
    }

    /// The project of the path, which must exist.
    private func project(_ request: APIRequest) async throws -> String {
        let project = request["default_project_id"]
        guard try await storage.neighbours.identity.projectExists(project) else {
            throw BlockStorageError.notFound("Project with id \(project) not found.")
        }
        return project
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let defaults = try await storage.database.read { try VolumeTypeRecords.projectDefaults(in: $0) }
        return .json {
            $0.object {
                $0.member("default_types") { json in
                    json.array { json in for entry in defaults { write(entry.projectID, entry.typeID, to: &json) } }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let project = try await project(request)
        guard let type = try await storage.database.read({ try VolumeTypeRecords.projectDefault(project, in: $0) }) else {
            throw BlockStorageError.notFound("Default type for project \(project) not found.")
        }
        return answer(project, type)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let (project, name) = (try await project(request), request.body["default_type"]?["volume_type"]?.string ?? "")
        let id = try await storage.database.write { transaction in
            guard let type = try VolumeTypeRecords.find(named: name, usableBy: nil, in: transaction) else {
                throw BlockStorageError.badRequest("Volume type \(name) could not be found.")
            }
            try VolumeTypeRecords.setProjectDefault(type.id, projectID: project, in: transaction)
            return type.id
        }
        return answer(project, id)
    }

    /// Asks nothing of the project, which may be gone.
    @Sendable private func unset(_ request: APIRequest) async throws -> APIResponse {
        let project = request["default_project_id"]
        try await storage.database.write { try VolumeTypeRecords.removeProjectDefault(project, in: $0) }
        return .empty()
    }
}
