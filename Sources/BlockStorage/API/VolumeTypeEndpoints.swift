import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Volume types.
struct VolumeTypeEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        [
            Endpoint(.get, "/types", "List volume types", access: .rule("volume_extension:type_get_all"), handler: list),
            Endpoint(
                .post, "/types", "Create a volume type", access: .rule("volume_extension:type_create"),
                body: .json(CatalogueSchemas.createType), handler: create),
            Endpoint(
                .get, "/types/{type_id}", "Show a volume type, or the default one", access: .rule("volume_extension:type_get"),
                handler: show),
            Endpoint(
                .put, "/types/{type_id}", "Change a volume type", access: .rule("volume_extension:type_update"),
                body: .json(CatalogueSchemas.updateType), handler: update),
            Endpoint(
                .delete, "/types/{type_id}", "Delete a volume type", access: .rule("volume_extension:type_delete"),
                success: .accepted, handler: delete),
        ]
    }

    // MARK: Listing

    private static let table = ListTable(
        "volume_types",
        keys: [
            "id": "id", "name": "name", "description": "COALESCE(description, '')", "created_at": "created_at",
            "updated_at": "COALESCE(updated_at, 0)", "is_public": "is_public", "qos_specs_id": "COALESCE(qos_specs_id, '')",
        ])

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let visibility = try TypeVisibility.asked(request)
        let query = try ListQuery(
            request, resource: "volume_type", table: Self.table, beyond: ["id", "name", "description", "qos_specs_id"],
            maximum: storage.options.maximumListLength)
        var selection = ListSelection(page: query.page, offset: query.offset, missing: { .typeNotFound($0) })
        selection.conditions = visibility.conditions(
            access: "volume_type_access", request.token?.projectID)
        let specs = try wantedSpecs(query.filters, request)
        for filter in query.filters {
            switch filter.name {
            case "id", "name": selection.conditions.append(ListSelection.match(SQL(stringLiteral: filter.name), filter))
            case "description": selection.conditions.append(ListSelection.match("COALESCE(description, '')", filter))
            case "qos_specs_id": selection.conditions.append(ListSelection.match("COALESCE(qos_specs_id, '')", filter))
            default: break
            }
        }
        let types = try await storage.database.read { [selection] reader in
            var selection = selection
            if let specs {
                let matching = try VolumeTypeRecords.all(in: reader).filter { $0.has(specs) }
                selection.conditions.append("id IN \(in: matching.map(\.id))")
            }
            return try VolumeTypeRecords.list(selection, Self.table, in: reader)
        }
        let view = VolumeTypeView(request)
        return .json {
            $0.object {
                $0.member("volume_types") { json in json.array { json in for type in types { view.write(type, to: &json) } } }
                request.writeNextLink("volume_type_links", query, ids: types.map(\.id), to: &$0)
            }
        }
    }

    /// The extra specs that a list is asked for; nil where it is for none. Specs that tell of the deployment find nothing for those
    /// who may not see them. From 3.52 on users may ask, before only administrators.
    private func wantedSpecs(_ filters: [ListFilter], _ request: APIRequest) throws -> SpecFilter? {
        guard let text = filters.last(where: { $0.name == "extra_specs" })?.value, request.isFrom(52) || request.isAdmin else { return nil }
        let specs = try PythonDictionary.parse(text, of: "extra_specs")
        let seesAll = request.allows("volume_extension:types_extra_specs:read_sensitive", request.callerTarget)
        return seesAll || specs.keys.allSatisfy(VolumeType.visibleSpecs.contains) ? .these(specs) : .nothing
    }

    // MARK: One type

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let type = request["type_id"] == "default" ? try await defaultType(request) : try await storage.volumeType(for: request)
        return VolumeTypeView(request).answer(type)
    }

    private func defaultType(_ request: APIRequest) async throws -> VolumeType {
        let (project, name) = (request.token?.projectID, storage.options.defaultVolumeType)
        let type = try await storage.database.read { try VolumeTypeRecords.defaultType(projectID: project, name: name, in: $0) }
        guard let type else { throw BlockStorageError.notFound("Default volume type can not be found.") }
        return type
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["volume_type"] ?? .null
        let type = VolumeType(
            name: body["name"]?.string ?? "", description: body["description"]?.string,
            isPublic: body["os-volume-type-access:is_public"]?.lenientBool ?? true, extraSpecs: body["extra_specs"]?.specs ?? [:])
        try await storage.database.write { transaction in
            guard try VolumeTypeRecords.find(name: type.name, in: transaction) == nil else { throw Self.exists(type.name) }
            try VolumeTypeRecords.insert(type, in: transaction)
        }
        return VolumeTypeView(request, showsQoS: false).answer(type)
    }

    private static func exists(_ name: String) -> BlockStorageError { .conflict("Volume Type \(name) already exists.") }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (id, body) = (request["type_id"], request.body["volume_type"] ?? .null)
        let (name, description) = (body["name"]?.string, body["description"]?.string)
        let isPublic = body["is_public"]?.lenientBool
        if let name, name.trimmed.isEmpty { throw BlockStorageError.badRequest("Volume type name can not be empty.") }
        guard name != nil || description != nil || isPublic != nil else {
            throw BlockStorageError.badRequest("Specify volume type name, description, is_public or a combination thereof.")
        }
        let type = try await storage.database.write { transaction in
            guard var type = try VolumeTypeRecords.find(id, in: transaction) else { throw BlockStorageError.typeNotFound(id) }
            if let name, name != type.name {
                guard try VolumeTypeRecords.find(name: name, in: transaction) == nil else { throw Self.exists(name) }
                try VolumeQuotaRecords.rename(type: type.name, to: name, in: transaction)
                type.name = name
            }
            if let description { type.description = description }
            if let isPublic { type.isPublic = isPublic }
            try VolumeTypeRecords.update(type, in: transaction)
            return type
        }
        return VolumeTypeView(request, showsQoS: false, showsAccess: false).answer(type)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["type_id"]
        try await storage.database.write { transaction in
            guard let type = try VolumeTypeRecords.find(id, in: transaction) else { throw BlockStorageError.typeNotFound(id) }
            let isDefault = try type.name == storage.options.defaultVolumeType || VolumeTypeRecords.isProjectDefault(id, in: transaction)
            guard !isDefault else {
                throw BlockStorageError.badRequest(
                    "The volume type \(id) is a default volume type and cannot be deleted.")
            }
            guard try !CatalogueUse.isUsed(type: id, in: transaction) else {
                throw BlockStorageError.badRequest("Target volume type is still in use.")
            }
            try VolumeTypeRecords.delete(id, in: transaction)
        }
        return .empty()
    }
}

extension BlockStorage.Parts {
    /// The volume type that a request's path names.
    /// - Throws: 404 when there is none, or it is private and not the caller's to use.
    func volumeType(for request: APIRequest) async throws -> VolumeType {
        let (id, project) = (request["type_id"], request.isAdmin ? nil : request.token?.projectID ?? "")
        let type = try await database.read { reader -> VolumeType? in
            guard let type = try VolumeTypeRecords.find(id, in: reader) else { return nil }
            return try VolumeTypeRecords.isUsable(type, by: project, in: reader) ? type : nil
        }
        guard let type else { throw BlockStorageError.typeNotFound(id) }
        return type
    }
}

/// Which types a list shows by whether they are public.
enum TypeVisibility: Sendable {
    /// Public types, and private ones that the project may use.
    case usable
    case privateOnly
    case all

    /// What a request asks for; only administrators are asked what they want.
    static func asked(_ request: APIRequest) throws -> TypeVisibility {
        guard request.isAdmin, let text = request.query["is_public"] else { return .usable }
        if text.lowercased() == "none" { return .all }
        guard let isPublic = JSON.string(text).lenientBool else {
            throw BlockStorageError.badRequest("Invalid is_public filter [\(text)]")
        }
        return isPublic ? .usable : .privateOnly
    }
}

/// What a list of types asks of extra specs.
enum SpecFilter: Sendable {
    case these([String: String])
    /// Nothing can match.
    case nothing
}

extension VolumeType {
    /// Whether its specs are what a list asks for. Zones are a list of names in one text, of which one is asked for.
    func has(_ filter: SpecFilter) -> Bool {
        guard case .these(let specs) = filter else { return false }
        return specs.allSatisfy { name, value in
            guard let own = extraSpecs[name] else { return false }
            return name == "RESKEY:availability_zones" ? own.contains(value) : own == value
        }
    }
}

/// How volume types look to a caller.
struct VolumeTypeView: Sendable {
    private let showsSpecs: Bool
    private let showsAllSpecs: Bool
    private let showsQoS: Bool
    private let showsAccess: Bool

    /// - Parameters:
    ///   - showsQoS: whether QoS specs are shown to those who may see them, which answers to a new type and to changes lack.
    ///   - showsAccess: whether access is shown likewise, which answers to changes lack.
    init(_ request: APIRequest, showsQoS: Bool = true, showsAccess: Bool = true) {
        let target = request.callerTarget
        showsSpecs = request.allows("volume_extension:access_types_extra_specs", target)
        showsAllSpecs = request.allows("volume_extension:types_extra_specs:read_sensitive", target)
        self.showsQoS = showsQoS && request.allows("volume_extension:access_types_qos_specs_id", target)
        self.showsAccess = showsAccess && request.allows("volume_extension:volume_type_access", target)
    }

    /// The specs that the caller may see.
    func specs(_ type: VolumeType) -> [String: String] {
        showsAllSpecs ? type.extraSpecs : type.extraSpecs.filter { VolumeType.visibleSpecs.contains($0.key) }
    }

    func write(_ type: VolumeType, to json: inout JSONWriter) {
        json.object {
            $0.member("id", type.id)
            $0.member("name", type.name)
            $0.member("is_public", type.isPublic)
            $0.member("description", type.description)
            if showsSpecs { $0.member("extra_specs", JSON(specs(type))) }
            if showsQoS { $0.member("qos_specs_id", type.qosSpecsID) }
            if showsAccess { $0.member("os-volume-type-access:is_public", type.isPublic) }
        }
    }

    func answer(_ type: VolumeType) -> APIResponse {
        .json { $0.object { $0.member("volume_type") { write(type, to: &$0) } } }
    }
}
