import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// QoS specs, and the volume types that have them.
struct QoSEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let one = "/qos-specs/{qos_id}"
        func rule(_ name: String) -> Access { .rule("volume_extension:qos_specs_manage:\(name)") }
        return [
            Endpoint(.get, "/qos-specs", "List QoS specs", access: rule("get_all"), handler: list),
            Endpoint(
                .post, "/qos-specs", "Create QoS specs", access: rule("create"), body: .json(CatalogueSchemas.createQoS), handler: create),
            Endpoint(.get, one, "Show QoS specs", access: rule("get"), handler: show),
            Endpoint(.put, one, "Change QoS specs", access: rule("update"), body: .json(CatalogueSchemas.updateQoS), handler: update),
            Endpoint(.delete, one, "Delete QoS specs", access: rule("delete"), success: .accepted, handler: delete),
            Endpoint(
                .put, "\(one)/delete_keys", "Remove some of QoS specs", access: rule("delete"),
                body: .json(CatalogueSchemas.qosKeys), success: .accepted, handler: deleteKeys),
            Endpoint(.get, "\(one)/associations", "List the volume types with QoS specs", access: rule("get_all"), handler: associations),
            Endpoint(
                .get, "\(one)/associate", "Give a volume type QoS specs", access: rule("update"), success: .accepted, handler: associate),
            Endpoint(
                .get, "\(one)/disassociate", "Take QoS specs from a volume type", access: rule("update"), success: .accepted,
                handler: disassociate),
            Endpoint(
                .get, "\(one)/disassociate_all", "Take QoS specs from all volume types", access: rule("update"), success: .accepted,
                handler: disassociateAll),
        ]
    }

    private static func notFound(_ id: String) -> BlockStorageError { .notFound("No such QoS spec \(id).") }

    private static func find(_ id: String, in reader: any Reader) throws -> QoSSpecs {
        guard let specs = try QoSSpecsRecords.find(id, in: reader) else { throw notFound(id) }
        return specs
    }

    private func write(_ specs: QoSSpecs, to json: inout JSONWriter) {
        json.object {
            $0.member("id", specs.id)
            $0.member("name", specs.name)
            $0.member("consumer", specs.consumer.rawValue)
            $0.member("specs", JSON(specs.specs))
        }
    }

    private func answer(_ specs: QoSSpecs, _ request: APIRequest) -> APIResponse {
        .json {
            $0.object {
                $0.member("qos_specs") { write(specs, to: &$0) }
                request.writeLinks("qos-specs", specs.id, to: &$0)
            }
        }
    }

    // MARK: The specs

    private static let table = ListTable(
        "volume_qos_specs", keys: ["id": "id", "name": "name", "consumer": "consumer", "created_at": "created_at"])

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let query = try ListQuery(
            request, resource: "qos_specs", table: Self.table, beyond: ["id", "name", "consumer"],
            maximum: storage.options.maximumListLength)
        var selection = ListSelection(page: query.page, offset: query.offset, missing: Self.notFound)
        for filter in query.filters { selection.conditions.append(ListSelection.match(SQL(stringLiteral: filter.name), filter)) }
        let all = try await storage.database.read { [selection] in try QoSSpecsRecords.list(selection, Self.table, in: $0) }
        return .json {
            $0.object {
                $0.member("qos_specs") { json in json.array { json in for specs in all { write(specs, to: &json) } } }
                request.writeNextLink("qos_specs_links", query, ids: all.map(\.id), to: &$0)
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let id = request["qos_id"]
        return answer(try await storage.database.read { try Self.find(id, in: $0) }, request)
    }

    /// Who keeps the promise, and the promises.
    /// - Throws: 400 for a consumer that there is not, and names and texts that are too long.
    private static func parts(_ body: JSON) throws -> (consumer: QoSSpecs.Consumer?, specs: [String: String]) {
        var (consumer, specs) = (QoSSpecs.Consumer?.none, [String: String]())
        for member in body.object ?? [:] where member.name != "name" {
            let text = member.value.string ?? (member.value.isNull ? "" : member.value.text)
            guard (1...255).contains(member.name.count), text.count <= 255 else {
                throw BlockStorageError.invalidInput("\(member.name) or its value has more than 255 characters, or none.")
            }
            guard member.name == "consumer" else {
                specs[member.name] = text
                continue
            }
            guard let known = QoSSpecs.Consumer(rawValue: text) else {
                let valid = QoSSpecs.Consumer.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
                throw BlockStorageError.badRequest(
                    "Invalid qos specs: Valid consumer of QoS specs are: [\(valid)]")
            }
            consumer = known
        }
        return (consumer, specs)
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["qos_specs"] ?? .null
        let parts = try Self.parts(body)
        let specs = QoSSpecs(
            id: Identifier.uuid(), name: body["name"]?.string?.trimmed ?? "", consumer: parts.consumer ?? .backEnd, specs: parts.specs,
            createdAt: .now)
        try await storage.database.write { transaction in
            guard try QoSSpecsRecords.find(name: specs.name, in: transaction) == nil else {
                throw BlockStorageError.conflict("QoS Specs \(specs.name) already exists.")
            }
            try QoSSpecsRecords.insert(specs, in: transaction)
        }
        return answer(specs, request)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (id, parts) = (request["qos_id"], try Self.parts(request.body["qos_specs"] ?? .null))
        try await storage.database.write { transaction in
            var specs = try Self.find(id, in: transaction)
            if let consumer = parts.consumer { specs.consumer = consumer }
            specs.specs.merge(parts.specs) { $1 }
            try QoSSpecsRecords.update(specs, in: transaction)
        }
        return .json { $0.write(request.body) }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let (id, isForced) = (request["qos_id"], try ListQuery.boolean("force", request.query))
        try await storage.database.write { transaction in
            _ = try Self.find(id, in: transaction)
            guard try isForced || VolumeTypeRecords.list(qosSpecsID: id, in: transaction).isEmpty else {
                throw BlockStorageError.badRequest("Qos specs still in use.")
            }
            try QoSSpecsRecords.delete(id, in: transaction)
        }
        return .empty()
    }

    /// Removes keys in order up to the first that is not there, as upstream does.
    @Sendable private func deleteKeys(_ request: APIRequest) async throws -> APIResponse {
        let (id, keys) = (request["qos_id"], (request.body["keys"]?.array ?? []).compactMap(\.string))
        let missing = try await storage.database.write { transaction -> String? in
            var specs = try Self.find(id, in: transaction)
            let missing = keys.first { specs.specs.removeValue(forKey: $0) == nil }
            try QoSSpecsRecords.update(specs, in: transaction)
            return missing
        }
        if let missing { throw BlockStorageError.notFound("QoS spec \(id) has no spec with key \(missing).") }
        return .empty()
    }

    // MARK: Volume types

    @Sendable private func associations(_ request: APIRequest) async throws -> APIResponse {
        let id = request["qos_id"]
        let types = try await storage.database.read { reader in
            _ = try Self.find(id, in: reader)
            return try VolumeTypeRecords.list(qosSpecsID: id, in: reader)
        }
        return .json {
            $0.object {
                $0.member("qos_associations") { json in
                    json.array { json in
                        for type in types {
                            json.object {
                                $0.member("association_type", "volume_type")
                                $0.member("name", type.name)
                                $0.member("id", type.id)
                            }
                        }
                    }
                }
            }
        }
    }

    private func typeID(_ request: APIRequest) throws -> String {
        guard let id = request.query["vol_type_id"], !id.isEmpty else {
            throw BlockStorageError.badRequest("Volume Type id must not be None.")
        }
        return id
    }

    @Sendable private func associate(_ request: APIRequest) async throws -> APIResponse {
        let (id, typeID) = (request["qos_id"], try typeID(request))
        try await storage.database.write { transaction in
            _ = try Self.find(id, in: transaction)
            guard let type = try VolumeTypeRecords.find(typeID, in: transaction) else { throw BlockStorageError.typeNotFound(typeID) }
            if let other = type.qosSpecsID, other != id {
                throw BlockStorageError.badRequest(
                    "Invalid volume type: Type \(typeID) is already associated with another qos specs: \(other)")
            }
            try QoSSpecsRecords.associate(id, typeID: typeID, in: transaction)
        }
        return .empty()
    }

    @Sendable private func disassociate(_ request: APIRequest) async throws -> APIResponse {
        let (id, typeID) = (request["qos_id"], try typeID(request))
        try await storage.database.write { transaction in
            _ = try Self.find(id, in: transaction)
            guard let type = try VolumeTypeRecords.find(typeID, in: transaction) else { throw BlockStorageError.typeNotFound(typeID) }
            if type.qosSpecsID == id { try QoSSpecsRecords.associate(nil, typeID: typeID, in: transaction) }
        }
        return .empty()
    }

    @Sendable private func disassociateAll(_ request: APIRequest) async throws -> APIResponse {
        let id = request["qos_id"]
        try await storage.database.write { transaction in
            _ = try Self.find(id, in: transaction)
            try QoSSpecsRecords.dissociate(id, in: transaction)
        }
        return .empty()
    }
}
