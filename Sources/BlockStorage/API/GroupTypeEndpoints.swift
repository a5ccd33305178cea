import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Group types and their specs.
struct GroupTypeEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let (types, one) = ("/group_types", "/group_types/{group_type_id}")
        let (specs, spec) = ("\(one)/group_specs", "\(one)/group_specs/{key}")
        let open: Access = .authenticated(because: "upstream registers no rule")
        func endpoint(
            _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ access: Access, body: RequestBody = .none,
            success: HTTPResponse.Status = .ok, _ handler: @escaping Endpoint.Handler
        ) -> Endpoint {
            Endpoint(
                method, path, summary, microversions: .from(3, 11), access: access, body: body, success: success, handler: handler)
        }
        func rule(_ name: String) -> Access { .rule("group:\(name)") }
        let body = RequestBody.json(CatalogueSchemas.wrapped("group_specs", CatalogueSchemas.tightSpecs))
        return [
            endpoint(.get, types, "List group types", open, list),
            endpoint(
                .post, types, "Create a group type", rule("group_types:create"), body: .json(CatalogueSchemas.createGroupType),
                success: .accepted, create),
            endpoint(.get, one, "Show a group type, or the default one", open, show),
            endpoint(.put, one, "Change a group type", rule("group_types:update"), body: .json(CatalogueSchemas.updateGroupType), update),
            endpoint(.delete, one, "Delete a group type", rule("group_types:delete"), success: .accepted, delete),
            endpoint(.get, specs, "List a group type's specs", rule("group_types_specs:get_all"), index),
            endpoint(.post, specs, "Set specs of a group type", rule("group_types_specs:create"), body: body, success: .accepted, add),
            endpoint(.get, spec, "Show a spec of a group type", rule("group_types_specs:get"), showSpec),
            endpoint(
                .put, spec, "Change a spec of a group type", rule("group_types_specs:update"), body: .json(CatalogueSchemas.oneSpec), set),
            endpoint(.delete, spec, "Remove a spec of a group type", rule("group_types_specs:delete"), success: .accepted, remove),
        ]
    }

    private static func notFound(_ id: String) -> BlockStorageError { .notFound("Group type \(id) could not be found.") }

    private func write(_ type: GroupType, _ showsSpecs: Bool, to json: inout JSONWriter) {
        json.object {
            $0.member("id", type.id)
            $0.member("name", type.name)
            $0.member("description", type.description)
            $0.member("is_public", type.isPublic)
            if showsSpecs { $0.member("group_specs", JSON(type.specs)) }
        }
    }

    private func answer(_ type: GroupType, _ request: APIRequest) -> APIResponse {
        let showsSpecs = request.allows("group:access_group_types_specs", request.callerTarget)
        return .json { $0.object { $0.member("group_type") { write(type, showsSpecs, to: &$0) } } }
    }

    // MARK: Types

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let visibility = try TypeVisibility.asked(request)
        // Upstream's list takes no filter but is_public, and looks at no other parameter.
        let query = try ListQuery(
            request, resource: "volume_type", table: GroupTypeRecords.table, beyond: Set(request.query.items.map(\.name)),
            maximum: storage.options.maximumListLength)
        var selection = ListSelection(page: query.page, offset: query.offset, missing: Self.notFound)
        selection.conditions = visibility.conditions(
            access: "volume_group_type_access", request.token?.projectID)
        let types = try await storage.database.read { [selection] in try GroupTypeRecords.list(selection, in: $0) }
        let showsSpecs = request.allows("group:access_group_types_specs", request.callerTarget)
        return .json {
            $0.object {
                $0.member("group_types") { json in json.array { json in for type in types { write(type, showsSpecs, to: &json) } } }
                request.writeNextLink("group_type_links", query, ids: types.map(\.id), to: &$0)
            }
        }
    }

    /// The group type of the path.
    private func type(_ request: APIRequest) async throws -> GroupType {
        let (id, project) = (request["group_type_id"], request.isAdmin ? nil : request.token?.projectID ?? "")
        let type = try await storage.database.read { reader -> GroupType? in
            guard let type = try GroupTypeRecords.find(id, in: reader) else { return nil }
            return try GroupTypeRecords.isUsable(type, by: project, in: reader) ? type : nil
        }
        guard let type else { throw Self.notFound(id) }
        return type
    }

    /// A default group type there is only where an operator names one, which no setting does.
    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        guard request["group_type_id"] != "default" else { throw BlockStorageError.notFound("Default group type can not be found.") }
        return answer(try await type(request), request)
    }

    private static func exists(_ name: String) -> BlockStorageError { .conflict("Group Type \(name) already exists.") }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["group_type"] ?? .null
        let type = GroupType(
            id: Identifier.uuid(), name: body["name"]?.string ?? "", description: body["description"]?.string,
            isPublic: body["is_public"]?.lenientBool ?? true, specs: body["group_specs"]?.specs ?? [:], createdAt: .now)
        try await storage.database.write { transaction in
            guard try GroupTypeRecords.find(name: type.name, in: transaction) == nil else { throw Self.exists(type.name) }
            try GroupTypeRecords.insert(type, in: transaction)
        }
        return answer(type, request)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["group_type"] ?? .null
        let (name, description, isPublic) = (body["name"]?.string, body["description"]?.string, body["is_public"]?.lenientBool)
        if let name, name.trimmed.isEmpty { throw BlockStorageError.badRequest("Group type name can not be empty.") }
        guard name != nil || description != nil || isPublic != nil else {
            throw BlockStorageError.badRequest("Specify group type name, description or a combination thereof.")
        }
        let type = try await change(request["group_type_id"]) { type, transaction in
            if let name, name != type.name {
                guard try GroupTypeRecords.find(name: name, in: transaction) == nil else { throw Self.exists(name) }
                type.name = name
            }
            if let description { type.description = description }
            if let isPublic { type.isPublic = isPublic }
        }
        return answer(type, request)
    }

    private func change(
        _ id: String, _ change: @escaping @Sendable (inout GroupType, any Transaction) throws -> Void
    ) async throws -> GroupType {
        try await storage.database.write { transaction in
            guard var type = try GroupTypeRecords.find(id, in: transaction) else { throw Self.notFound(id) }
            try change(&type, transaction)
            try GroupTypeRecords.update(type, in: transaction)
            return type
        }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["group_type_id"]
        try await storage.database.write { transaction in
            guard try GroupTypeRecords.find(id, in: transaction) != nil else { throw Self.notFound(id) }
            guard try !GroupTypeRecords.isUsed(id, in: transaction) else {
                throw BlockStorageError.badRequest("Target group type is still in use.")
            }
            try GroupTypeRecords.delete(id, in: transaction)
        }
        return .empty()
    }

    // MARK: Specs

    private static func missing(_ key: String, _ id: String) -> BlockStorageError {
        .notFound("Group Type \(id) has no extra spec with key \(key).")
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        .json("group_specs", JSON(try await type(request).specs))
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let specs = request.body["group_specs"]?.specs ?? [:]
        _ = try await change(request["group_type_id"]) { type, _ in type.specs.merge(specs) { $1 } }
        return .json { $0.write(request.body) }
    }

    @Sendable private func showSpec(_ request: APIRequest) async throws -> APIResponse {
        let (type, key) = (try await type(request), request["key"])
        guard let value = type.specs[key] else { throw Self.missing(key, type.id) }
        return .json(key, value)
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let key = request["key"]
        guard request.body.object?.count == 1, let value = request.body[key] else {
            throw BlockStorageError.badRequest("Request body and URI mismatch")
        }
        let text = value.string ?? ""
        _ = try await change(request["group_type_id"]) { type, _ in type.specs[key] = text }
        return .json { $0.write(request.body) }
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let key = request["key"]
        _ = try await change(request["group_type_id"]) { type, _ in
            guard type.specs.removeValue(forKey: key) != nil else { throw Self.missing(key, type.id) }
        }
        return .empty()
    }
}
