import CloudAPI
import CloudCore
import CloudStore

/// Snapshots: making, showing, listing, changing and removing them.
struct SnapshotEndpoints: Sendable {
    let storage: BlockStorage.Parts

    private static let names: [(name: String, schema: Schema)] = [
        ("name", FieldSchemas.optionalName), ("display_name", FieldSchemas.optionalName), ("description", FieldSchemas.optionalName),
    ]
    private static let creation: Schema = .object(
        [
            (
                "snapshot",
                .object(
                    names + [
                        ("volume_id", FieldSchemas.optionalID), ("force", FieldSchemas.boolean),
                        ("metadata", .nullable(FieldSchemas.metadata)),
                    ], required: ["volume_id"])
            )
        ], required: ["snapshot"])
    private static let changes: Schema = .object(
        [("snapshot", .object(names + [("display_description", FieldSchemas.optionalName)]))], required: ["snapshot"])

    var table: [Endpoint] {
        let one = "/snapshots/{snapshot_id}"
        return [
            Endpoint(.get, "/snapshots", "List snapshots", access: .rule("volume:get_all_snapshots")) { [self] in
                try await list($0, isDetailed: false)
            },
            Endpoint(.get, "/snapshots/detail", "List snapshots in detail", access: .rule("volume:get_all_snapshots")) { [self] in
                try await list($0, isDetailed: true)
            },
            Endpoint(
                .post, "/snapshots", "Create a snapshot", access: .ruleOnResource("volume:create_snapshot"), body: .json(Self.creation),
                success: .accepted, handler: create),
            Endpoint(.get, one, "Show a snapshot", access: .ruleOnResource("volume:get_snapshot"), handler: show),
            Endpoint(
                .put, one, "Change a snapshot", access: .ruleOnResource("volume:update_snapshot"), body: .json(Self.changes),
                handler: update),
            Endpoint(
                .delete, one, "Delete a snapshot", access: .ruleOnResource("volume:delete_snapshot"), success: .accepted,
                handler: delete),
        ]
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let snapshot = try await storage.snapshot(request)
        return Self.answer(snapshot, request)
    }

    private static func answer(_ snapshot: Snapshot, _ request: APIRequest, extended: Bool = true) -> APIResponse {
        .json { json in
            json.object { $0.member("snapshot") { SnapshotView(request: request).write(snapshot, extended: extended, to: &$0) } }
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["snapshot"] ?? .null
        let volume = try await storage.volume(body["volume_id"]?.string ?? "", for: request)
        try request.authorize(volume.target)
        let force = body["force"].map { _ in body.lenientBool("force") ?? false }
        if request.isFrom(66), force == false {
            throw BlockStorageError.badRequest("Since microversion 3.66 the 'force' flag is invalid for this request.")
        }
        let order = SnapshotOrder(
            volumeID: volume.id, projectID: request.token?.projectID ?? volume.projectID, userID: request.token?.userID ?? "",
            name: VolumeCreation.text(body, "name", "display_name"), description: body["description"]?.string?.trimmed,
            metadata: body["metadata"]?.stringDictionary ?? [:], allowsInUse: force == true || request.isFrom(66))
        let requestID = request.requestID
        let snapshot = try await storage.database.write { [storage] in
            try storage.beginSnapshot(order, requestID: requestID, in: $0)
        }
        return Self.answer(snapshot, request, extended: false)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let id = try await storage.snapshot(request).id
        let body = request.body["snapshot"] ?? .null
        guard body.object?.isEmpty == false else {
            throw BlockStorageError.badRequest("Invalid input for field/attribute snapshot. There is nothing to change.")
        }
        let changed = try await storage.database.write { transaction in
            try SnapshotRecords.change(id, in: transaction) { snapshot in
                for name in ["display_name", "name"] { if let value = body[name] { snapshot.name = value.string?.trimmed } }
                for name in ["display_description", "description"] {
                    if let value = body[name] { snapshot.description = value.string?.trimmed }
                }
            }
        }
        guard let changed else { throw BlockStorageError.snapshotNotFound(id) }
        return Self.answer(changed, request, extended: false)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = try await storage.snapshot(request).id
        let removal = SnapshotRemoval(storage: storage, requestID: request.requestID)
        try await storage.database.write { try removal.begin(id, in: $0) }
        return .empty()
    }

    // MARK: Listing

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let query = try ListQuery(
            request, resource: "snapshot", table: SnapshotRecords.table, beyond: ["id", "user_id", "display_name", "volume_size"],
            maximum: storage.options.maximumListLength)
        let selection = try Self.selection(query, request)
        let (snapshots, count) = try await storage.database.read { reader in
            let count = query.wantsCount ? try SnapshotRecords.count(selection, in: reader) : nil
            return (try SnapshotRecords.list(selection, in: reader), count)
        }
        let view = SnapshotView(request: request)
        return .json { json in
            json.object {
                $0.member("snapshots") { json in
                    json.array { json in
                        for snapshot in snapshots {
                            if isDetailed { view.write(snapshot, to: &json) } else { view.writeSummary(snapshot, to: &json) }
                        }
                    }
                }
                request.writeNextLink("snapshots_links", query, ids: snapshots.map(\.id), to: &$0)
                if let count { $0.member("count", count) }
            }
        }
    }

    private static func selection(_ query: ListQuery, _ request: APIRequest) throws -> ListSelection {
        var selection = query.selection { .snapshotNotFound($0) }
        for filter in query.filters {
            switch filter.name {
            case "name", "display_name": selection.conditions.append(ListSelection.match("COALESCE(name, '')", filter))
            case "status": selection.conditions.append(ListSelection.match("status", filter))
            case "volume_id": selection.conditions.append(ListSelection.match("volume_id", filter))
            case "user_id": selection.conditions.append(ListSelection.match("user_id", filter))
            case "id": selection.conditions.append(ListSelection.match("id", filter))
            case "volume_size": selection.conditions.append(Int(filter.value).map { size -> SQL in "volume_size = \(size)" } ?? "0 = 1")
            case "metadata" where request.isFrom(22):
                selection.conditions += ListSelection.holds("metadata", try PythonDictionary.parse(filter.value, of: filter.name))
            case "consumes_quota" where request.isFrom(65):
                guard let flag = LenientBoolean.parse(filter.value) else {
                    throw BlockStorageError.badRequest("Value '\(filter.value)' for 'consumes_quota' is not a boolean value.")
                }
                selection.conditions.append("uses_quota = \(flag)")
            case "availability_zone":
                selection.conditions.append(
                    "volume_id IN (SELECT v.id FROM volumes v WHERE v.availability_zone = \(filter.value))")
            default: break
            }
        }
        return selection
    }
}

/// What the API says of a snapshot.
struct SnapshotView: Sendable {
    let request: APIRequest

    /// What every microversion has.
    func writeSummary(_ snapshot: Snapshot, to json: inout JSONWriter) { json.object { writeFacts(snapshot, to: &$0) } }

    /// A snapshot with everything.
    /// - Parameter extended: whether with what extensions add, which the answer to its making lacks.
    func write(_ snapshot: Snapshot, extended: Bool = true, to json: inout JSONWriter) {
        json.object {
            writeFacts(snapshot, to: &$0)
            if request.isFrom(14) { $0.member("group_snapshot_id", snapshot.groupSnapshotID) }
            if request.isFrom(41) { $0.member("user_id", snapshot.userID) }
            if request.isFrom(65) { $0.member("consumes_quota", snapshot.usesQuota) }
            if extended, request.allows("volume_extension:extended_snapshot_attributes", snapshot.target) {
                $0.member("os-extended-snapshot-attributes:project_id", snapshot.projectID)
                $0.member("os-extended-snapshot-attributes:progress", snapshot.progress)
            }
        }
    }

    private func writeFacts(_ snapshot: Snapshot, to json: inout JSONWriter) {
        json.member("id", snapshot.id)
        json.member("created_at", snapshot.createdAt.iso8601Naive)
        json.member("updated_at", snapshot.updatedAt?.iso8601Naive)
        json.member("name", snapshot.name)
        json.member("description", snapshot.description)
        json.member("volume_id", snapshot.volumeID)
        json.member("status", snapshot.status.rawValue)
        json.member("size", snapshot.volumeSize)
        json.member("metadata", JSON(snapshot.metadata))
    }
}
