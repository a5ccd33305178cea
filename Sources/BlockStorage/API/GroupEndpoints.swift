import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Groups of volumes.
struct GroupEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let storage = storage
        let since = MicroversionRange.from(3, 13)
        let actions = ActionTable(storage: storage, GroupActions.all) { request, rule in
            try await storage.group(request["group_id"], for: request, rule: rule)
        }
        return [
            Endpoint(.get, "/groups", "List groups", microversions: since, access: .rule("group:get_all"), handler: list),
            Endpoint(
                .get, "/groups/detail", "List groups in detail", microversions: since, access: .rule("group:get_all"), handler: detail),
            Endpoint(
                .post, "/groups", "Create a group", microversions: since, access: .rule("group:create"),
                body: .json(GroupSchemas.create), success: .accepted, handler: create),
            Endpoint(
                .post, "/groups/action", "Create a group of another one or of its snapshot", microversions: .from(3, 14),
                access: .rule("group:create"), body: .json(GroupSchemas.createFromSource), success: .accepted, handler: createFromSource),
            Endpoint(
                .get, "/groups/{group_id}", "Show a group", microversions: since, access: .ruleOnResource("group:get"), handler: show),
            Endpoint(
                .put, "/groups/{group_id}", "Change a group", microversions: since, access: .ruleOnResource("group:update"),
                body: .json(GroupSchemas.update), success: .accepted, handler: update),
            actions.endpoint("/groups/{group_id}/action", "Act on a group"),
        ]
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse { try await list(request, isDetailed: false) }
    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse { try await list(request, isDetailed: true) }

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let (groups, query) = try await storage.groups(request)
        let shown = try await Self.withoutConsistency(groups, storage)
        let view = try await GroupView(request, shown, storage)
        return .json {
            $0.object {
                $0.member("groups") { json in
                    json.array { json in
                        for group in shown { if isDetailed { view.write(group, to: &json) } else { view.writeSummary(group, to: &json) } }
                    }
                }
                request.writeNextLink("group_links", query, ids: groups.map(\.id), to: &$0)
            }
        }
    }

    /// Groups of the older kind are for the older API.
    private static func withoutConsistency(_ groups: [Group], _ storage: BlockStorage.Parts) async throws -> [Group] {
        let older = try await storage.consistencyType()?.id
        return groups.filter { $0.typeID != older }
    }

    // MARK: One group

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let group = try await storage.group(request["group_id"], for: request)
        try request.authorize(group.target)
        try await storage.refuseConsistency(group.typeID)
        let view = try await GroupView(request, [group], storage)
        return .json { $0.object { $0.member("group") { view.write(group, to: &$0) } } }
    }

    private func answer(_ group: Group) -> APIResponse {
        .json { $0.object { $0.member("group") { GroupView.writeSummary(group, to: &$0) } } }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["group"] ?? .null
        let order = GroupOrder(
            name: body["name"]?.string?.trimmed, description: body["description"]?.string?.trimmed,
            source: .blank(
                type: body["group_type"]?.string?.trimmed ?? "", volumeTypes: (body["volume_types"]?.array ?? []).compactMap(\.string),
                zone: body["availability_zone"]?.string?.trimmed))
        let type = body["group_type"]?.string?.trimmed ?? ""
        if let older = try await storage.consistencyType(), [older.id, older.name].contains(type) {
            throw BlockStorage.Parts.reserved(type)
        }
        return answer(try await storage.groupMaking(request).make(order))
    }

    @Sendable private func createFromSource(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["create-from-src"] ?? .null
        let source: GroupOrder.Source
        if let id = body["group_snapshot_id"]?.string {
            let snapshot = try await storage.groupSnapshot(id, for: request)
            try await storage.refuseConsistency(snapshot.groupTypeID)
            source = .snapshot(snapshot)
        } else {
            let group = try await storage.group(body["source_group_id"]?.string ?? "", for: request)
            try await storage.refuseConsistency(group.typeID)
            source = .group(group)
        }
        let order = GroupOrder(
            name: body["name"]?.string?.trimmed, description: body["description"]?.string?.trimmed, source: source)
        return answer(try await storage.groupMaking(request).make(order))
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let group = try await storage.group(request["group_id"], for: request)
        try request.authorize(group.target)
        try await storage.refuseConsistency(group.typeID)
        try await storage.update(group, request.body["group"] ?? .null, request)
        return .empty()
    }
}

/// What can be done to a group.
enum GroupActions {
    private static let flag: Schema = .object([("delete-volumes", FieldSchemas.boolean)])
    private static let nothing: Schema = .object([], additional: .any)

    static let all: [ResourceAction<Group>] = [
        ResourceAction("delete", rule: "group:delete", from: 13, flag, handler: delete),
        ResourceAction(
            "reset_status", rule: "group:reset_status", from: 20, .object([("status", .string(length: 1...255))], required: ["status"]),
            handler: resetStatus),
        ResourceAction("enable_replication", rule: "group:enable_replication", from: 38, nothing, handler: refuseReplication),
        ResourceAction("disable_replication", rule: "group:disable_replication", from: 38, nothing, handler: refuseReplication),
        ResourceAction(
            "failover_replication", rule: "group:failover_replication", from: 38,
            .object([("allow_attached_volume", FieldSchemas.boolean), ("secondary_backend_id", FieldSchemas.optionalName)]),
            handler: refuseReplication),
        ResourceAction("list_replication_targets", rule: "group:list_replication_targets", from: 38, nothing, handler: refuseReplication),
    ]

    @Sendable private static func delete(_ call: ActionCall<Group>) async throws -> APIResponse {
        try await call.storage.refuseConsistency(call.resource.typeID)
        let (id, withVolumes) = (call.resource.id, call.value["delete-volumes"]?.lenientBool ?? false)
        let changes = GroupChanges(storage: call.storage, requestID: call.request.requestID)
        try await call.storage.database.write { try changes.delete(id, withVolumes: withVolumes, in: $0) }
        return .empty()
    }

    /// The statuses that upstream lets a group be set to are those of a group's snapshot.
    @Sendable private static func resetStatus(_ call: ActionCall<Group>) async throws -> APIResponse {
        let text = call.value["status"]?.string?.lowercased() ?? ""
        guard GroupSnapshot.Status(rawValue: text) != nil, let status = Group.Status(rawValue: text) else {
            throw BlockStorageError.badRequest("Group status: \(text) is invalid.")
        }
        let id = call.resource.id
        try await call.storage.database.write { try GroupRecords.end(id, status, in: $0) }
        return .empty()
    }

    /// No back end replicates groups, so no group of a type that asks for it exists, and others are refused as upstream does.
    @Sendable private static func refuseReplication(_ call: ActionCall<Group>) async throws -> APIResponse {
        throw BlockStorageError.badRequest(
            "Invalid group type: Group \(call.resource.id) is not a replication group type.")
    }
}

/// How groups look.
struct GroupView: Sendable {
    private let request: APIRequest
    private let volumes: [String: [String]]?
    private let showsProject: Bool

    init(_ request: APIRequest, _ groups: [Group], _ storage: BlockStorage.Parts) async throws {
        self.request = request
        let listsVolumes = try request.isFrom(25) && ListQuery.boolean("list_volume", request.query)
        let ids = groups.map(\.id)
        volumes = listsVolumes ? try await storage.database.read { try GroupRecords.volumeIDs(ids, in: $0) } : nil
        showsProject = request.isFrom(58) && request.allows("group:group_project_attribute", request.callerTarget)
    }

    func writeSummary(_ group: Group, to json: inout JSONWriter) { Self.writeSummary(group, to: &json) }

    static func writeSummary(_ group: Group, to json: inout JSONWriter) {
        json.object {
            $0.member("id", group.id)
            $0.member("name", group.name)
        }
    }

    func write(_ group: Group, to json: inout JSONWriter) {
        json.object {
            $0.member("id", group.id)
            $0.member("status", group.status.rawValue)
            $0.member("availability_zone", group.availabilityZone)
            $0.member("created_at", group.createdAt.iso8601Naive)
            $0.member("name", group.name)
            $0.member("description", group.description)
            $0.member("group_type", group.typeID)
            $0.member("volume_types", array: group.volumeTypeIDs)
            if request.isFrom(14) {
                $0.member("group_snapshot_id", group.groupSnapshotID)
                $0.member("source_group_id", group.sourceGroupID)
            }
            if let volumes { $0.member("volumes", array: volumes[group.id] ?? []) }
            if request.isFrom(38) { $0.member("replication_status", "disabled") }
            if showsProject { $0.member("project_id", group.projectID) }
        }
    }
}

/// What requests about groups may say (cinder.api.schemas.groups, group_snapshots, consistencygroups).
enum GroupSchemas {
    private static let describing: [(name: String, schema: Schema)] = [
        ("name", FieldSchemas.optionalName), ("description", CatalogueSchemas.description),
    ]
    static let create: Schema = CatalogueSchemas.wrapped(
        "group",
        .object(
            describing + [
                ("group_type", .string(length: 1...255, pattern: #"[\s\S]*\S[\s\S]*"#)),
                ("volume_types", .array(.string(length: 0...255), count: 1...Int(Int32.max), unique: true)),
                ("availability_zone", .nullable(.string(length: 1...255, pattern: #"[\s\S]*\S[\s\S]*"#))),
            ], required: ["group_type", "volume_types"]))
    /// One of the two sources; clients say that the other is null.
    static let createFromSource: Schema = CatalogueSchemas.wrapped(
        "create-from-src",
        .anyOf(
            [("group_snapshot_id", "source_group_id"), ("source_group_id", "group_snapshot_id")].map { source, other in
                .object(describing + [(source, .uuid), (other, .null)], required: [source])
            }))
    static let update: Schema = CatalogueSchemas.wrapped(
        "group",
        .anyOf(
            ["name", "description", "add_volumes", "remove_volumes"].map { name in
                .object(describing + ["add_volumes", "remove_volumes"].map { ($0, .nullable(.string())) }, required: [name])
            }))
    static let createSnapshot: Schema = CatalogueSchemas.wrapped(
        "group_snapshot", .object(describing + [("group_id", .uuid)], required: ["group_id"]))

    // The older API.
    static let createConsistency: Schema = .object(
        [("consistencygroup", .object(describing + [("volume_types", .any)], required: ["volume_types"], additional: .any))],
        required: ["consistencygroup"], additional: .any)
    static let createConsistencyFromSource: Schema = .object(
        [
            (
                "consistencygroup-from-src",
                .object(describing + ["cgsnapshot_id", "source_cgid"].map { ($0, .string()) }, additional: .any)
            ),
        ], required: ["consistencygroup-from-src"], additional: .any)
    static let updateConsistency: Schema = .object(
        [
            (
                "consistencygroup",
                .object(describing + ["add_volumes", "remove_volumes"].map { ($0, .nullable(.string())) }, additional: .any)
            ),
        ], required: ["consistencygroup"], additional: .any)
    static let deleteConsistency: Schema = .anyOf([
        .object([("consistencygroup", .object([("force", FieldSchemas.boolean)], additional: .any))], additional: .any), .null,
    ])
    static let createConsistencySnapshot: Schema = .object(
        [
            (
                "cgsnapshot",
                .object(
                    [("consistencygroup_id", .string()), ("name", .nullable(.string())), ("description", .nullable(.string()))],
                    required: ["consistencygroup_id"], additional: .any)
            ),
        ], required: ["cgsnapshot"], additional: .any)
}

extension Group {
    /// What policies look at.
    var target: PolicyTarget { ["project_id": .string(projectID), "user_id": .string(userID)] }
}

extension GroupSnapshot {
    /// What policies look at.
    var target: PolicyTarget { ["project_id": .string(projectID), "user_id": .string(userID)] }
}

extension BlockStorage.Parts {
    /// A group that the caller may see, once `group:get` and the given rule admit the caller to it.
    func group(_ id: String, for request: APIRequest, rule: String? = nil) async throws -> Group {
        let found = try await database.read { try GroupRecords.find(id, in: $0) }
        return try admit(request, to: found, project: found?.projectID, user: found?.userID, rules: ["group:get", rule]) {
            .groupNotFound(id)
        }
    }

    /// A group's snapshot that the caller may see, likewise.
    func groupSnapshot(_ id: String, for request: APIRequest, rule: String? = nil) async throws -> GroupSnapshot {
        let found = try await database.read { try GroupSnapshotRecords.find(id, in: $0) }
        return try admit(
            request, to: found, project: found?.projectID, user: found?.userID, rules: ["group:get_group_snapshot", rule]
        ) { .groupSnapshotNotFound(id) }
    }

    /// Whether a group takes volumes of a type.
    /// - Throws: 404 for a group that is not there, 400 for one that is not available and for a type that is none of its.
    func checkGroup(_ id: String, takes type: String, for request: APIRequest) async throws {
        let group = try await self.group(id, for: request)
        let found = try await database.read { try VolumeTypeRecords.find(named: type, usableBy: nil, in: $0) }
        guard let found else { throw BlockStorageError.typeNotFound(type) }
        guard group.volumeTypeIDs.contains(found.id) else {
            throw BlockStorageError.invalidInput(
                "Invalid volume_type provided: \(type) (requested type must be supported by this group).")
        }
        guard group.host != nil else { throw BlockStorageError.invalidInput("The group \(id) is on no back end.") }
    }

    /// The groups that a request lists.
    func groups(_ request: APIRequest) async throws -> ([Group], ListQuery) {
        let query = try ListQuery(
            request, resource: "group", table: GroupRecords.table,
            beyond: ["id", "name", "status", "description", "availability_zone", "group_type_id", "host", "user_id", "source_group_id"],
            maximum: options.maximumListLength)
        var selection = query.selection(missing: { .groupNotFound($0) })
        for filter in query.filters {
            let column = filter.name == "group_type_id" ? "type_id" : filter.name
            selection.conditions.append(ListSelection.match("COALESCE(\(SQL(stringLiteral: column)), '')", filter))
        }
        return (try await database.read { [selection] in try GroupRecords.list(selection, in: $0) }, query)
    }

    func groupMaking(_ request: APIRequest) throws -> GroupMaking {
        guard let token = request.token, token.projectID != nil else {
            throw BlockStorageError.badRequest("A group belongs to a project: the token has none.")
        }
        return GroupMaking(storage: self, token: token, requestID: request.requestID)
    }

    /// Changes a group as a body says.
    func update(_ group: Group, _ body: JSON, _ request: APIRequest) async throws {
        let changes = GroupChanges(storage: self, requestID: request.requestID)
        try await database.write {
            try changes.update(
                group.id, name: body["name"]?.string?.trimmed, description: body["description"]?.string?.trimmed,
                added: body["add_volumes"]?.string, removed: body["remove_volumes"]?.string, in: $0)
        }
    }

    /// The type of consistency groups; nil where an administrator has removed it.
    func consistencyType() async throws -> GroupType? {
        try await database.read { try GroupTypeRecords.find(name: GroupType.consistencyName, in: $0) }
    }

    /// - Throws: 400 for the type of consistency groups, which have an API of their own.
    func refuseConsistency(_ typeID: String) async throws {
        guard try await consistencyType()?.id == typeID else { return }
        throw Self.reserved(typeID)
    }

    static func reserved(_ typeID: String) -> BlockStorageError {
        .badRequest("Group_type \(typeID) is reserved for migrating CGs to groups. Migrated group can only be operated by CG APIs.")
    }
}
