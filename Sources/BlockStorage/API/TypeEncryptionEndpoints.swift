import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// How a volume type is encrypted.
struct TypeEncryptionEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let (list, one) = ("/types/{type_id}/encryption", "/types/{type_id}/encryption/{key}")
        func rule(_ name: String) -> Access { .rule("volume_extension:volume_type_encryption:\(name)") }
        return [
            Endpoint(.get, list, "Show how a volume type is encrypted", access: rule("get"), handler: index),
            Endpoint(
                .post, list, "Make a volume type encrypted", access: rule("create"), body: .json(CatalogueSchemas.createEncryption),
                handler: create),
            Endpoint(.get, one, "Show one thing of a volume type's encryption", access: rule("get"), handler: show),
            Endpoint(
                .put, one, "Change how a volume type is encrypted", access: rule("update"),
                body: .json(CatalogueSchemas.updateEncryption), handler: update),
            Endpoint(
                .delete, one, "Make a volume type no longer encrypted", access: rule("delete"), success: .accepted, handler: delete),
        ]
    }

    private static func notFound(_ id: String) -> BlockStorageError { .notFound("Volume type encryption for type \(id) does not exist.") }

    private func members(_ encryption: TypeEncryption, _ type: VolumeType) -> JSON {
        [
            "volume_type_id": .string(type.id), "encryption_id": .string(encryption.id), "provider": .string(encryption.provider),
            "control_location": .string(encryption.controlLocation), "cipher": encryption.cipher.map { .string($0) } ?? .null,
            "key_size": encryption.keySize.map { .int($0) } ?? .null, "deleted": false, "deleted_at": nil,
            "created_at": .string(encryption.createdAt.iso8601Naive),
            "updated_at": encryption.updatedAt.map { .string($0.iso8601Naive) } ?? .null,
        ]
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        let type = try await storage.volumeType(for: request)
        let view = type.encryption.map { members($0, type) } ?? [:]
        return .json { $0.write(view) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let (type, key) = (try await storage.volumeType(for: request), request["key"])
        guard let value = type.encryption.flatMap({ members($0, type)[key] }) else { throw Self.notFound(type.id) }
        return .json(key, value)
    }

    /// Changes the encryption of a type that no volume has.
    /// - Parameter verb: what is refused to be done where one has it.
    private func change(
        _ request: APIRequest, _ verb: String, _ change: @escaping @Sendable (inout TypeEncryption?) throws -> Void
    ) async throws {
        let id = request["type_id"]
        try await storage.database.write { transaction in
            guard var type = try VolumeTypeRecords.find(id, in: transaction) else { throw BlockStorageError.typeNotFound(id) }
            guard try !CatalogueUse.hasVolumes(type: id, in: transaction) else {
                throw BlockStorageError.badRequest("Cannot \(verb) encryption specs. Volume type in use.")
            }
            try change(&type.encryption)
            try VolumeTypeRecords.update(type, in: transaction)
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let (id, body) = (request["type_id"], request.body["encryption"] ?? .null)
        let encryption = TypeEncryption(
            id: Identifier.uuid(), provider: body["provider"]?.string ?? "", controlLocation: body["control_location"]?.string ?? "",
            cipher: body["cipher"]?.string, keySize: body["key_size"]?.lenientInt, createdAt: .now)
        try await change(request, "create") {
            guard $0 == nil else {
                throw BlockStorageError.badRequest("Volume type encryption for type \(id) already exists.")
            }
            $0 = encryption
        }
        return echo(request, with: ["volume_type_id": .string(id), "encryption_id": .string(encryption.id)])
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (id, body) = (request["type_id"], request.body["encryption"] ?? .null)
        try await change(request, "update") {
            guard var encryption = $0 else { throw Self.notFound(id) }
            if let provider = body["provider"]?.string { encryption.provider = provider }
            if let location = body["control_location"]?.string { encryption.controlLocation = location }
            if let cipher = body["cipher"] { encryption.cipher = cipher.string }
            if let size = body["key_size"] { encryption.keySize = size.lenientInt }
            encryption.updatedAt = .now
            $0 = encryption
        }
        return echo(request)
    }

    /// What was asked for, with the key's size as a number, and what it is known by.
    private func echo(_ request: APIRequest, with names: JSONObject = [:]) -> APIResponse {
        let members = (request.body["encryption"]?.object ?? [:]).map { $0 } + names.map { $0 }
        return .json {
            $0.object {
                $0.member("encryption") { json in
                    json.object { json in
                        for member in members {
                            let size = member.name == "key_size" ? member.value.lenientInt.map { JSON.int($0) } : nil
                            json.member(member.name, size ?? member.value)
                        }
                    }
                }
            }
        }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["type_id"]
        try await change(request, "delete") {
            guard $0 != nil else { throw Self.notFound(id) }
            $0 = nil
        }
        return .empty()
    }
}
