import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Snapshots of groups.
struct GroupSnapshotEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let storage = storage
        let (since, one) = (MicroversionRange.from(3, 14), "/group_snapshots/{group_snapshot_id}")
        let get = Access.rule("group:get_all_group_snapshots")
        let actions = ActionTable(storage: storage, [Self.reset]) { request, rule in
            try await storage.groupSnapshot(request["group_snapshot_id"], for: request, rule: rule)
        }
        return [
            Endpoint(.get, "/group_snapshots", "List group snapshots", microversions: since, access: get) {
                try await list($0, isDetailed: false)
            },
            Endpoint(.get, "/group_snapshots/detail", "List group snapshots in detail", microversions: since, access: get) {
                try await list($0, isDetailed: true)
            },
            Endpoint(
                .post, "/group_snapshots", "Create a group snapshot", microversions: since,
                access: .ruleOnResource("group:create_group_snapshot"), body: .json(GroupSchemas.createSnapshot), success: .accepted,
                handler: create),
            Endpoint(
                .get, one, "Show a group snapshot", microversions: since, access: .ruleOnResource("group:get_group_snapshot"),
                handler: show),
            Endpoint(
                .delete, one, "Delete a group snapshot", microversions: since, access: .ruleOnResource("group:delete_group_snapshot"),
                success: .accepted, handler: delete),
            actions.endpoint("\(one)/action", "Act on a group snapshot"),
        ]
    }

    private static let reset = ResourceAction<GroupSnapshot>(
        "reset_status", rule: "group:reset_group_snapshot_status", from: 19,
        .object([("status", .string(length: 1...255))], required: ["status"])
    ) { call in
        let text = call.value["status"]?.string?.lowercased() ?? ""
        guard let status = GroupSnapshot.Status(rawValue: text) else {
            throw BlockStorageError.badRequest("Group snapshot status: \(text) is invalid.")
        }
        let id = call.resource.id
        try await call.storage.database.write { try GroupSnapshotRecords.end(id, status, in: $0) }
        return .empty()
    }

    // MARK: Listing

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let (all, query) = try await storage.groupSnapshots(request)
        let older = try await storage.consistencyType()?.id
        let shown = all.filter { $0.groupTypeID != older }
        return .json {
            $0.object {
                $0.member("group_snapshots") { json in
                    json.array { json in
                        for snapshot in shown {
                            if isDetailed { write(snapshot, request, to: &json) } else { writeSummary(snapshot, to: &json) }
                        }
                    }
                }
                request.writeNextLink("group_snapshot_links", query, ids: all.map(\.id), to: &$0)
            }
        }
    }

    private func writeSummary(_ snapshot: GroupSnapshot, withType: Bool = false, to json: inout JSONWriter) {
        json.object {
            $0.member("id", snapshot.id)
            $0.member("name", snapshot.name)
            if withType { $0.member("group_type_id", snapshot.groupTypeID) }
        }
    }

    private func write(_ snapshot: GroupSnapshot, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("id", snapshot.id)
            $0.member("group_id", snapshot.groupID)
            $0.member("group_type_id", snapshot.groupTypeID)
            $0.member("status", snapshot.status.rawValue)
            $0.member("created_at", snapshot.createdAt.iso8601Naive)
            $0.member("name", snapshot.name)
            $0.member("description", snapshot.description)
            if request.isFrom(58), request.allows("group:group_snapshot_project_attribute", request.callerTarget) {
                $0.member("project_id", snapshot.projectID)
            }
        }
    }

    // MARK: One

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["group_snapshot"] ?? .null
        let group = try await storage.group(body["group_id"]?.string ?? "", for: request)
        try request.authorize(group.target)
        try await storage.refuseConsistency(group.typeID)
        let snapshot = try await storage.makeSnapshot(of: group, body, request)
        return .json { $0.object { $0.member("group_snapshot") { writeSummary(snapshot, withType: true, to: &$0) } } }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let snapshot = try await storage.groupSnapshot(request["group_snapshot_id"], for: request)
        try request.authorize(snapshot.target)
        try await storage.refuseConsistency(snapshot.groupTypeID)
        return .json { $0.object { $0.member("group_snapshot") { write(snapshot, request, to: &$0) } } }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let snapshot = try await storage.groupSnapshot(request["group_snapshot_id"], for: request)
        try request.authorize(snapshot.target)
        try await storage.refuseConsistency(snapshot.groupTypeID)
        try await storage.removeSnapshot(snapshot, request)
        return .empty()
    }
}

extension BlockStorage.Parts {
    /// The groups' snapshots that a request lists; pages and filters came with 3.29.
    func groupSnapshots(_ request: APIRequest) async throws -> ([GroupSnapshot], ListQuery) {
        let query = try ListQuery(
            request, resource: "group_snapshot", table: GroupSnapshotRecords.table,
            beyond: ["id", "name", "status", "description", "group_id", "group_type_id", "user_id"], maximum: options.maximumListLength)
        var selection = query.selection(missing: { .groupSnapshotNotFound($0) })
        for filter in query.filters where request.isFrom(29) {
            selection.conditions.append(ListSelection.match("COALESCE(\(SQL(stringLiteral: filter.name)), '')", filter))
        }
        return (try await database.read { [selection] in try GroupSnapshotRecords.list(selection, in: $0) }, query)
    }

    /// Accepts a snapshot of a group.
    func makeSnapshot(of group: Group, _ body: JSON, _ request: APIRequest) async throws -> GroupSnapshot {
        let changes = GroupChanges(storage: self, requestID: request.requestID)
        let userID = request.token?.userID ?? ""
        return try await database.write {
            try changes.snapshot(
                group, name: body["name"]?.string, description: body["description"]?.string, userID: userID, in: $0)
        }
    }

    /// Begins the removal of a group's snapshot.
    func removeSnapshot(_ snapshot: GroupSnapshot, _ request: APIRequest) async throws {
        let changes = GroupChanges(storage: self, requestID: request.requestID)
        try await database.write { try changes.delete(snapshot: snapshot.id, in: $0) }
    }
}
