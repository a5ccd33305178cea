import CloudAPI
import CloudCore
import CloudStore

/// `POST /volumes`.
struct VolumeCreation: Sendable {
    let storage: BlockStorage.Parts
    let request: APIRequest

    private static let common: [(name: String, schema: Schema)] = [
        ("name", FieldSchemas.text), ("description", FieldSchemas.text), ("display_name", FieldSchemas.text),
        ("display_description", FieldSchemas.text), ("volume_type", FieldSchemas.optionalName),
        ("metadata", .nullable(FieldSchemas.metadata)), ("snapshot_id", FieldSchemas.optionalID),
        ("source_volid", FieldSchemas.optionalID), ("consistencygroup_id", FieldSchemas.optionalID),
        ("size", .nullable(FieldSchemas.size)), ("availability_zone", .nullable(.string(length: 1...255))),
        ("multiattach", .nullable(FieldSchemas.boolean)), ("image_id", FieldSchemas.optionalName), ("imageRef", FieldSchemas.optionalName),
    ]
    private static let group: [(name: String, schema: Schema)] = [("group_id", FieldSchemas.optionalName)]
    private static let backup: [(name: String, schema: Schema)] = [("backup_id", FieldSchemas.optionalID)]

    static let body: RequestBody = .versioned([
        (Microversion(3, 0), schema(common, additional: .any)),
        (Microversion(3, 13), schema(common + group, additional: .any)),
        (Microversion(3, 47), schema(common + group + backup, additional: .any)),
        (Microversion(3, 53), schema(common + group + backup, additional: nil)),
    ])

    private static func schema(_ members: [(name: String, schema: Schema)], additional: Schema?) -> Schema {
        .object(
            [("volume", .object(members, additional: additional)), ("OS-SCH-HNT:scheduler_hints", .nullable(hints))],
            required: ["volume"])
    }

    private static let hints: Schema = .object(
        [
            ("different_host", .anyOf([.string(), .array(.string()), .null])),
            ("same_host", .anyOf([.string(), .array(.string()), .null])),
            ("local_to_instance", .nullable(.string(format: .uuid))), ("query", .any),
        ], additional: .any)

    func create() async throws -> APIResponse {
        guard let token = request.token, let projectID = token.projectID else {
            throw BlockStorageError.badRequest("A volume belongs to a project: the token has none.")
        }
        let body = request.body["volume"] ?? .null
        guard body.lenientBool("multiattach") != true else {
            throw BlockStorageError.badRequest(
                "The parameter multiattach is gone: volumes that several servers can have are of a volume type that allows it.")
        }
        if body["source_replica"]?.isNull == false {
            throw BlockStorageError.invalidInput("Creating a volume from a replica source is no longer available.")
        }
        var order = VolumeOrder(projectID: projectID, userID: token.userID)
        order.name = Self.text(body, "name", "display_name")
        order.description = Self.text(body, "description", "display_description")
        order.size = body.lenientInt("size")
        order.typeName = body["volume_type"]?.string
        order.metadata = body["metadata"]?.stringDictionary ?? [:]
        order.zone = body["availability_zone"]?.string
        order.hints = Self.hints(of: request.body["OS-SCH-HNT:scheduler_hints"] ?? body["scheduler_hints"])
        order.groupID = body["group_id"]?.string ?? body["consistencygroup_id"]?.string
        order.source = try await source(body, token)
        try await checkGroup(order)
        let volume = try await make(order, body)
        let view = try await storage.database.read { try VolumeView([volume], for: request, in: $0) }
        return .json { json in json.object { $0.member("volume") { view.write(volume, extended: false, to: &$0) } } }
    }

    private func make(_ order: VolumeOrder, _ body: JSON) async throws -> Volume {
        if request.isFrom(47), let id = body["backup_id"]?.string, !id.isEmpty {
            let backup = try await storage.backup(id, for: request)
            return try await BackupRestoration(storage: storage, request: request).restore(backup, as: order)
        }
        let maker = VolumeMaking(
            storage: storage, order: order, requestID: request.requestID, isAdmin: request.isAdmin, token: request.token)
        return try await maker.make(checking: requireMultiattach)
    }

    @Sendable private func requireMultiattach(_ volume: Volume) throws {
        if volume.isMultiattach { try request.require("volume:multiattach", request.callerTarget) }
    }

    /// The first of two members that is there, without white space at its ends.
    static func text(_ body: JSON, _ name: String, _ older: String) -> String? {
        (body[name]?.string ?? body[older]?.string)?.trimmed
    }

    private static func hints(of value: JSON?) -> [String: [String]] {
        var hints: [String: [String]] = [:]
        for name in ["same_host", "different_host"] {
            let ids = value?[name]?.array?.compactMap(\.string) ?? value?[name]?.string.map { [$0] } ?? []
            if !ids.isEmpty { hints[name] = ids }
        }
        return hints
    }

    // MARK: Sources

    private func source(_ body: JSON, _ token: TokenContext) async throws -> VolumeOrder.Source {
        func id(_ name: String) -> String? { body[name]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        let (snapshot, source, image) = (id("snapshot_id"), id("source_volid"), id("imageRef") ?? id("image_id"))
        let backup = request.isFrom(47) ? id("backup_id") : nil
        guard [snapshot, source, image, backup].compactMap(\.self).count <= 1 else {
            throw BlockStorageError.invalidInput(
                "The options snapshot, imageRef, source volume, backup are mutually exclusive: only one of them can be given.")
        }
        if let snapshot { return try await self.snapshot(snapshot) }
        if let source {
            let volume = try await storage.volume(source, for: request)
            guard [.available, .inUse].contains(volume.status) else {
                throw BlockStorageError.invalidVolume("Originating source volume status must be one of 'available, in-use' values")
            }
            return .volume(volume)
        }
        if let image {
            try request.require("volume:create_from_image", request.callerTarget)
            return try await self.image(image, token)
        }
        return .blank
    }

    private func snapshot(_ id: String) async throws -> VolumeOrder.Source {
        let snapshot = try await storage.snapshot(id, for: request)
        guard snapshot.status == .available else {
            throw BlockStorageError.invalidSnapshot("Originating snapshot status must be one of 'available' values")
        }
        guard let volume = try await storage.database.read({ try VolumeRecords.find(snapshot.volumeID, in: $0) }) else {
            throw BlockStorageError.volumeNotFound(snapshot.volumeID)
        }
        return .snapshot(snapshot, of: volume)
    }

    private func image(_ reference: String, _ token: TokenContext) async throws -> VolumeOrder.Source {
        let image = try await VolumeImageLookup(storage: storage, token: token).find(reference)
        // Images of servers that boot from volumes name a snapshot instead of having bytes (from 3.46 on).
        guard request.isFrom(46), let snapshot = image.bootSnapshotID else { return .image(image) }
        do {
            return try await self.snapshot(snapshot)
        } catch BlockStorageError.notFound {
            throw BlockStorageError.notFound("Nova specific image is found, but boot volume snapshot id:\(snapshot) not found.")
        }
    }

    private func checkGroup(_ order: VolumeOrder) async throws {
        guard let group = order.groupID else { return }
        guard let type = order.typeName, !type.isEmpty else {
            throw BlockStorageError.invalidInput("volume_type must be provided when creating a volume in a group.")
        }
        try await storage.checkGroup(group, takes: type, for: request)
    }
}

extension VolumeMaking {
    /// Makes the volume once a check of what it will be has passed.
    func make(checking check: @Sendable (Volume) throws -> Void) async throws -> Volume {
        let volume = try await volume()
        try check(volume)
        return try await make(volume)
    }
}

/// Finds the images that requests name.
struct VolumeImageLookup: Sendable {
    let storage: BlockStorage.Parts
    let token: TokenContext

    /// An image by its id, its address or its name.
    /// - Throws: 400 when there is none, 409 when several have the name.
    func find(_ reference: String) async throws -> VolumeImage {
        let images = storage.neighbours.images
        let id = reference.split(separator: "/").last.map(String.init) ?? reference
        if Identifier.isUUID(id), let image = try await images.image(id, for: token) { return image }
        let named = try await images.images(named: reference, for: token)
        guard named.count <= 1 else {
            throw BlockStorageError.conflict("Multiple matches found for '\(reference)', use an ID to be more specific.")
        }
        guard let id = named.first, let image = try await images.image(id, for: token) else {
            throw BlockStorageError.badRequest("Invalid image identifier or unable to access requested image.")
        }
        return image
    }
}

extension VolumeImage {
    /// The snapshot of the boot volume of a server that this is an image of; nil for an image with bytes.
    var bootSnapshotID: String? {
        guard let text = properties["block_device_mapping"], let devices = try? JSON(parsing: text) else { return nil }
        let boot = devices.array?.first { $0["source_type"]?.string == "snapshot" && $0["boot_index"]?.int == 0 }
        return boot?["snapshot_id"]?.string
    }
}
