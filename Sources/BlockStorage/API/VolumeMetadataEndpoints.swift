import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// Metadata of volumes and of snapshots, which are alike.
struct MetadataEndpoints: Sendable {
    /// Whose metadata it is.
    struct Owner: Sendable {
        let id: String
        let metadata: [String: String]
    }

    let storage: BlockStorage.Parts
    /// The collection: volumes or snapshots.
    let collection: String
    let parameter: String
    /// The rules: show, create, update, delete.
    let rules: (show: String, create: String, update: String, delete: String)
    /// The request's resource, once the endpoint's rule has admitted the caller.
    let find: @Sendable (APIRequest) async throws -> Owner
    /// Changes a resource's metadata.
    let change: @Sendable (String, any Transaction, (inout [String: String]) throws -> Void) throws -> [String: String]
    /// Whether answers carry ETags from 3.15 on.
    let hasTags: Bool
    let missing: @Sendable (_ id: String, _ key: String) -> BlockStorageError

    private static let all: Schema = .object([("metadata", FieldSchemas.metadata)], required: ["metadata"])
    private static let one: Schema = .object([("meta", FieldSchemas.metadata)], required: ["meta"])

    var table: [Endpoint] {
        let (list, item) = ("/\(collection)/{\(parameter)}/metadata", "/\(collection)/{\(parameter)}/metadata/{key}")
        let noun = collection.dropLast()
        return [
            Endpoint(.get, list, "List a \(noun)'s metadata", access: .ruleOnResource(rules.show), handler: index),
            Endpoint(
                .post, list, "Add metadata to a \(noun)", access: .ruleOnResource(rules.create), body: .json(Self.all), handler: create),
            Endpoint(
                .put, list, "Replace a \(noun)'s metadata", access: .ruleOnResource(rules.update), body: .json(Self.all),
                handler: replace),
            Endpoint(.get, item, "Show a metadata item of a \(noun)", access: .ruleOnResource(rules.show), handler: show),
            Endpoint(
                .put, item, "Set a metadata item of a \(noun)", access: .ruleOnResource(rules.update), body: .json(Self.one),
                handler: update),
            Endpoint(.delete, item, "Remove a metadata item of a \(noun)", access: .ruleOnResource(rules.delete), handler: remove),
        ]
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        let metadata = try await find(request).metadata
        var headers: HTTPFields = [:]
        if hasTags, request.isFrom(15) { headers[.eTag] = Self.tag(metadata) }
        return .json(headers: headers, "metadata", JSON(metadata))
    }

    private static func tag(_ metadata: [String: String]) -> String { Digest.of(JSON(metadata).bytes, .md5).hexadecimal }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let new = request.body["metadata"]?.stringDictionary ?? [:]
        return try await save(request) { $0.merge(new) { $1 } }
    }

    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        let new = request.body["metadata"]?.stringDictionary ?? [:]
        return try await save(request) { $0 = new }
    }

    private func save(
        _ request: APIRequest, _ body: @escaping @Sendable (inout [String: String]) throws -> Void
    ) async throws -> APIResponse {
        let owner = try await find(request)
        guard matches(request, owner) else { return .empty(status: .preconditionFailed) }
        return .json("metadata", JSON(try await storage.database.write { try change(owner.id, $0, body) }))
    }

    /// Whether the request's precondition (from 3.15 on) holds.
    private func matches(_ request: APIRequest, _ owner: Owner) -> Bool {
        guard hasTags, request.isFrom(15), let wanted = request.head.headerFields[.ifMatch] else { return true }
        let tags = wanted.split(separator: ",").map { $0.filter { !" \"".contains($0) } }
        return tags.contains("*") || tags.contains(Self.tag(owner.metadata))
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let owner = try await find(request)
        guard let value = owner.metadata[request["key"]] else { throw missing(owner.id, request["key"]) }
        return .json("meta", JSON([request["key"]: value]))
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let owner = try await find(request)
        guard matches(request, owner) else { return .empty(status: .preconditionFailed) }
        let (key, items) = (request["key"], request.body["meta"]?.stringDictionary ?? [:])
        guard let value = items[key] else { throw BlockStorageError.badRequest("Request body and URI mismatch") }
        guard items.count == 1 else { throw BlockStorageError.badRequest("Request body contains too many items") }
        _ = try await storage.database.write { try change(owner.id, $0) { $0[key] = value } }
        return .json("meta", JSON(items))
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let (owner, key) = (try await find(request), request["key"])
        _ = try await storage.database.write { transaction in
            try change(owner.id, transaction) { metadata in
                guard metadata.removeValue(forKey: key) != nil else { throw missing(owner.id, key) }
            }
        }
        return .empty()
    }
}

extension MetadataEndpoints {
    /// Those of volumes.
    static func volumes(_ storage: BlockStorage.Parts) -> MetadataEndpoints {
        MetadataEndpoints(
            storage: storage, collection: "volumes", parameter: "volume_id",
            rules: (
                "volume:get_volume_metadata", "volume:create_volume_metadata", "volume:update_volume_metadata",
                "volume:delete_volume_metadata"
            ),
            find: { request in
                let volume = try await storage.volume(request)
                return Owner(id: volume.id, metadata: volume.metadata)
            },
            change: { id, transaction, body in
                let changed = try VolumeRecords.change(id, in: transaction) { volume in
                    guard volume.status != .maintenance, volume.status != .uploading else {
                        throw BlockStorageError.invalidVolume(
                            "Updating volume metadata is not allowed for volumes in \(volume.status.rawValue) status.")
                    }
                    try body(&volume.metadata)
                }
                guard let changed else { throw BlockStorageError.volumeNotFound(id) }
                return changed.metadata
            },
            hasTags: true, missing: { .notFound("Volume \($0) has no metadata with key \($1).") })
    }

    /// Those of snapshots.
    static func snapshots(_ storage: BlockStorage.Parts) -> MetadataEndpoints {
        MetadataEndpoints(
            storage: storage, collection: "snapshots", parameter: "snapshot_id",
            rules: (
                "volume:get_snapshot_metadata", "volume:update_snapshot_metadata", "volume:update_snapshot_metadata",
                "volume:delete_snapshot_metadata"
            ),
            find: { request in
                let snapshot = try await storage.snapshot(request)
                return Owner(id: snapshot.id, metadata: snapshot.metadata)
            },
            change: { id, transaction, body in
                guard let changed = try SnapshotRecords.change(id, in: transaction, { try body(&$0.metadata) }) else {
                    throw BlockStorageError.snapshotNotFound(id)
                }
                return changed.metadata
            },
            hasTags: false, missing: { .notFound("Snapshot \($0) has no metadata with key \($1).") })
    }
}

/// How a volume is encrypted: `/volumes/{id}/encryption`.
struct VolumeEncryptionEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let access = Access.ruleOnResource("volume_extension:volume_encryption_metadata")
        return [
            Endpoint(.get, "/volumes/{volume_id}/encryption", "Show how a volume is encrypted", access: access, handler: index),
            Endpoint(.get, "/volumes/{volume_id}/encryption/{key}", "Show one item of that", access: access, handler: show),
        ]
    }

    private func items(_ request: APIRequest) async throws -> JSONObject {
        let volume = try await storage.volume(request)
        var items: JSONObject = ["encryption_key_id": volume.encryptionKeyID.map { .string($0) } ?? .null]
        guard volume.isEncrypted else { return items }
        items["control_location"] = .string(volume.details.controlLocation ?? "front-end")
        items["cipher"] = volume.details.cipher.map { .string($0) } ?? .null
        items["key_size"] = volume.details.keyBits.map { .int($0) } ?? .null
        items["provider"] = .string(volume.details.encryptionProvider ?? "luks")
        return items
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        let items = try await items(request)
        return .json { $0.write(JSON.object(items)) }
    }

    /// The item's text alone, as upstream has it.
    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let item = try await items(request)[request["key"]]
        guard let item else { throw BlockStorageError.notFound("The resource could not be found.") }
        let text = item.string ?? (item.isNull ? "" : item.text)
        return APIResponse(headers: [.contentType: "text/plain; charset=UTF-8"], body: .bytes(Array(text.utf8)))
    }
}
