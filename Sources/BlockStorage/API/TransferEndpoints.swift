import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import Logging

/// Transfers of volumes between projects, under the path of the older API and that of 3.55.
struct TransferEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] { table("/os-volume-transfer", isNew: false) + table("/volume-transfers", isNew: true) }

    private func table(_ path: String, isNew: Bool) -> [Endpoint] {
        let one = path + "/{transfer_id}"
        return [
            Endpoint(.get, path, "List transfers of volumes", access: .rule("volume:get_all_transfers")) {
                try await list($0, isDetailed: false)
            },
            Endpoint(.get, path + "/detail", "List transfers of volumes in detail", access: .rule("volume:get_all_transfers")) {
                try await list($0, isDetailed: true)
            },
            Endpoint(
                .post, path, "Offer a volume to another project", access: .ruleOnResource("volume:create_transfer"),
                body: isNew ? Self.newBody : .json(Self.schema(Self.members)), success: .accepted
            ) { try await create($0, isNew: isNew) },
            Endpoint(.get, one, "Show a transfer", access: .rule("volume:get_transfer"), handler: show),
            Endpoint(
                .delete, one, "Call a transfer off", access: .ruleOnResource("volume:delete_transfer"), success: .accepted,
                handler: delete),
            Endpoint(
                .post, one + "/accept", "Accept a volume", access: .rule("volume:accept_transfer"), body: .json(Self.acceptance),
                success: .accepted, handler: accept),
        ]
    }

    private static let members: [(name: String, schema: Schema)] = [("volume_id", .uuid), ("name", FieldSchemas.text)]
    private static let newBody: RequestBody = .versioned([
        (Microversion(3, 0), schema(members)),
        (Microversion(3, 55), schema(members + [("no_snapshots", FieldSchemas.boolean)])),
    ])
    private static func schema(_ members: [(name: String, schema: Schema)]) -> Schema {
        .object([("transfer", .object(members, required: ["volume_id"]))], required: ["transfer"])
    }
    private static let acceptance: Schema = .object(
        [("accept", .object([("auth_key", .anyOf([.string(length: 0...255), .integer()]))], required: ["auth_key"]))],
        required: ["accept"])

    private static func notFound(_ id: String) -> BlockStorageError { .notFound("Transfer \(id) could not be found.") }

    // MARK: Showing

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let query = request.isFrom(59) ? request.query : request.query.removing(["marker", "offset", "sort", "sort_key", "sort_dir"])
        let page = try PageRequest(
            query,
            PageRules(
                .cinder, maximumLimit: storage.options.maximumListLength, sortKeys: Set(TransferRecords.table.keys.keys),
                defaultSort: [SortKey("created_at"), SortKey("id")]))
        var selection = ListSelection(page: page, offset: max(0, query["offset"].flatMap { Int($0) } ?? 0)) { Self.notFound($0) }
        let isWhole = try request.isAdmin && ListQuery.boolean("all_tenants", query)
        if !isWhole { selection.conditions.append("source_project_id = \(request.token?.projectID ?? "")") }
        let filters: [(String, SQL)] = [("id", "id"), ("name", "COALESCE(name, '')"), ("volume_id", "volume_id")]
        for (name, column) in filters { if let value = query[name] { selection.conditions.append("\(column) = \(value)") } }
        let transfers = try await storage.database.read { [selection] in try TransferRecords.list(selection, in: $0) }
        let isFull = page.limit > 0 && transfers.count >= page.limit
        return .json {
            $0.object {
                $0.member("transfers") { json in
                    json.array { json in
                        for transfer in transfers { write(transfer, isDetailed: isDetailed, request, to: &json) }
                    }
                }
                PageLinks(request, page, ids: transfers.map(\.id), hasMore: isFull).writeNext("transfers_links", to: &$0)
            }
        }
    }

    /// - Parameter key: the key, for the answer to an offer alone.
    private func write(
        _ transfer: VolumeTransfer, isDetailed: Bool, key: Secret<String>? = nil, _ request: APIRequest, to json: inout JSONWriter
    ) {
        json.object {
            $0.member("id", transfer.id)
            $0.member("name", transfer.name)
            $0.member("volume_id", transfer.volumeID)
            request.writeLinks("os-volume-transfer", transfer.id, to: &$0)
            if let key { $0.member("auth_key", key.reveal()) }
            guard isDetailed else { return }
            $0.member("created_at", transfer.createdAt.iso8601Naive)
            if request.isFrom(55) { $0.member("no_snapshots", transfer.leavesSnapshots) }
            if request.isFrom(57) {
                $0.member("destination_project_id", String?.none)
                $0.member("source_project_id", transfer.sourceProjectID)
                $0.member("accepted", false)
            }
        }
    }

    /// The transfer of the path; another project's is as if it were not there.
    private func transfer(_ request: APIRequest) async throws -> VolumeTransfer {
        let id = request["transfer_id"]
        guard let transfer = try await storage.database.read({ try TransferRecords.find(id, in: $0) }),
            request.isAdmin || transfer.sourceProjectID == request.token?.projectID
        else { throw Self.notFound(id) }
        return transfer
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let transfer = try await transfer(request)
        return .json { $0.object { $0.member("transfer") { write(transfer, isDetailed: true, request, to: &$0) } } }
    }

    // MARK: Offering

    private func create(_ request: APIRequest, isNew: Bool) async throws -> APIResponse {
        let body = request.body["transfer"] ?? .null
        let volume = try await storage.volume(body["volume_id"]?.string ?? "", for: request)
        try request.authorize(volume.target)
        let leavesSnapshots = isNew && (body.lenientBool("no_snapshots") ?? false)
        let allowsEncrypted = isNew && request.isFrom(70)
        let (key, salt) = (RandomBytes.make(8).hexadecimal, RandomBytes.make(4).hexadecimal)
        let transfer = VolumeTransfer(
            id: Identifier.uuid(), volumeID: volume.id, name: body["name"]?.string?.trimmed, salt: salt,
            digest: Self.digest(key, salt: salt), leavesSnapshots: leavesSnapshots, sourceProjectID: volume.projectID, createdAt: .now)
        try await storage.database.write { transaction in
            guard var volume = try VolumeRecords.find(transfer.volumeID, in: transaction) else {
                throw BlockStorageError.volumeNotFound(transfer.volumeID)
            }
            try Self.check(volume, transfer, allowsEncrypted: allowsEncrypted, in: transaction)
            volume.status = .awaitingTransfer
            try VolumeRecords.update(volume, in: transaction)
            // Whoever set the volume's state by hand has taken an older offer back.
            try TransferRecords.delete(volume: volume.id, in: transaction)
            try TransferRecords.insert(transfer, in: transaction)
        }
        return .json {
            $0.object { $0.member("transfer") { write(transfer, isDetailed: true, key: Secret(key), request, to: &$0) } }
        }
    }

    private static func check(
        _ volume: Volume, _ transfer: VolumeTransfer, allowsEncrypted: Bool, in reader: any Reader
    ) throws {
        guard volume.status == .available else { throw BlockStorageError.invalidVolume("status must be available") }
        try volume.requireAtRest()
        if volume.isEncrypted {
            guard allowsEncrypted else { throw BlockStorageError.invalidVolume("transferring encrypted volume is not supported") }
            guard !transfer.leavesSnapshots else {
                throw BlockStorageError.invalidVolume("transferring an encrypted volume without its snapshots is not supported")
            }
        }
        guard !transfer.leavesSnapshots else { return }
        for snapshot in try SnapshotRecords.of(volume: volume.id, in: reader) where snapshot.status != .available {
            throw BlockStorageError.invalidSnapshot("snapshot: \(snapshot.id) status must be available")
        }
    }

    /// What is kept of a key: enough to know it again. It has 64 random bits, so a plain keyed digest will do.
    private static func digest(_ key: String, salt: String) -> String {
        MessageAuthentication.code(.sha256, key: Array(salt.utf8), message: Array(key.utf8)).hexadecimal
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let transfer = try await transfer(request)
        let volume = try await storage.volume(transfer.volumeID, for: request)
        try request.authorize(volume.target)
        try await storage.database.write { transaction in
            try VolumeRecords.change(transfer.volumeID, in: transaction) { if $0.status == .awaitingTransfer { $0.status = .available } }
            try TransferRecords.delete(transfer.id, in: transaction)
        }
        return .empty()
    }

    // MARK: Accepting

    @Sendable private func accept(_ request: APIRequest) async throws -> APIResponse {
        let (id, storage) = (request["transfer_id"], storage)
        guard let token = request.token, let projectID = token.projectID else {
            throw BlockStorageError.badRequest("A volume belongs to a project: the token has none.")
        }
        let given = request.body["accept"]?["auth_key"]
        let key = given?.string ?? given?.int.map { String($0) } ?? ""
        let (transfer, keys) = try await storage.database.write { transaction in
            guard let transfer = try TransferRecords.find(id, in: transaction) else { throw Self.notFound(id) }
            guard ConstantTime.equal(Self.digest(key, salt: transfer.salt), transfer.digest) else {
                throw BlockStorageError.badRequest("Invalid auth key: Attempt to transfer \(id) with invalid auth key.")
            }
            let keys = try Acceptance(storage: storage, transfer: transfer, projectID: projectID, userID: token.userID)
                .accept(in: transaction)
            return (transfer, keys)
        }
        for key in keys { await giveKey(key, to: token) }
        return .json { $0.object { $0.member("transfer") { write(transfer, isDetailed: false, request, to: &$0) } } }
    }

    /// A key that stays with the project it was of still opens the volume: the service looks keys up by their ids.
    private func giveKey(_ key: String, to token: TokenContext) async {
        do {
            try await storage.neighbours.keys.giveKey(key, to: token)
        } catch {
            storage.logger.warning("a transferred volume's key stays where it was", metadata: ["key": "\(key)", "error": "\(error)"])
        }
    }
}

/// The change of hands of a volume with its snapshots.
private struct Acceptance {
    let storage: BlockStorage.Parts
    let transfer: VolumeTransfer
    let projectID: String
    let userID: String

    /// - Returns: the keys that go with it.
    /// - Throws: 400 for a volume in a group, or no longer offered; 413 for a quota.
    func accept(in transaction: any Transaction) throws -> [String] {
        guard var volume = try VolumeRecords.find(transfer.volumeID, in: transaction) else {
            throw BlockStorageError.volumeNotFound(transfer.volumeID)
        }
        guard volume.groupID == nil else {
            throw BlockStorageError.invalidVolume("Volume \(volume.id) must not be part of a consistency group.")
        }
        guard volume.status == .awaitingTransfer else { throw BlockStorageError.invalidVolume("status must be awaiting-transfer") }
        let snapshots = transfer.leavesSnapshots ? [] : try SnapshotRecords.of(volume: volume.id, in: transaction)
        let snapshotSize = storage.options.countsSnapshotGigabytes ? snapshots.map(\.volumeSize).reduce(0, +) : 0
        if volume.projectID != projectID {
            try storage.checkQuota(
                project: projectID, type: volume.typeID, volumes: 1, snapshots: snapshots.count, gigabytes: volume.size + snapshotSize,
                whole: volume.size, in: transaction)
        }
        (volume.projectID, volume.userID, volume.status) = (projectID, userID, .available)
        try VolumeRecords.update(volume, in: transaction)
        for snapshot in snapshots {
            try SnapshotRecords.change(snapshot.id, in: transaction) { ($0.projectID, $0.userID) = (projectID, userID) }
        }
        try TransferRecords.delete(transfer.id, in: transaction)
        return [volume.encryptionKeyID].compactMap(\.self)
    }
}
