import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Consistency groups and their snapshots: the API that groups have replaced. What it makes are groups of one reserved type.
struct ConsistencyGroupEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] { groups + snapshots }

    private var groups: [Endpoint] {
        let (all, one) = ("/consistencygroups", "/consistencygroups/{group_id}")
        return [
            Endpoint(.get, all, "List consistency groups", access: .rule("group:get_all")) { try await list($0, isDetailed: false) },
            Endpoint(.get, "\(all)/detail", "List consistency groups in detail", access: .rule("group:get_all")) {
                try await list($0, isDetailed: true)
            },
            Endpoint(
                .post, all, "Create a consistency group", access: .rule("group:create"), body: .json(GroupSchemas.createConsistency),
                success: .accepted, handler: create),
            Endpoint(
                .post, "\(all)/create_from_src", "Create a consistency group of another one or of its snapshot",
                access: .rule("group:create"), body: .json(GroupSchemas.createConsistencyFromSource), success: .accepted,
                handler: createFromSource),
            Endpoint(.get, one, "Show a consistency group", access: .ruleOnResource("group:get"), handler: show),
            Endpoint(
                .post, "\(one)/delete", "Delete a consistency group", access: .ruleOnResource("group:delete"),
                body: .json(GroupSchemas.deleteConsistency), success: .accepted, handler: delete),
            Endpoint(
                .put, "\(one)/update", "Change a consistency group", access: .ruleOnResource("group:update"),
                body: .json(GroupSchemas.updateConsistency), success: .accepted, handler: update),
            // As upstream's routes have it, and its client uses.
            Endpoint(
                .put, one, "Change a consistency group, without saying so in the path", access: .ruleOnResource("group:update"),
                body: .json(GroupSchemas.updateConsistency), success: .accepted, handler: update),
        ]
    }

    private var snapshots: [Endpoint] {
        let (all, one) = ("/cgsnapshots", "/cgsnapshots/{group_snapshot_id}")
        let get = Access.rule("group:get_all_group_snapshots")
        return [
            Endpoint(.get, all, "List snapshots of consistency groups", access: get) { try await listSnapshots($0, isDetailed: false) },
            Endpoint(.get, "\(all)/detail", "List snapshots of consistency groups in detail", access: get) {
                try await listSnapshots($0, isDetailed: true)
            },
            Endpoint(
                .post, all, "Create a snapshot of a consistency group", access: .ruleOnResource("group:create_group_snapshot"),
                body: .json(GroupSchemas.createConsistencySnapshot), success: .accepted, handler: createSnapshot),
            Endpoint(
                .get, one, "Show a snapshot of a consistency group", access: .ruleOnResource("group:get_group_snapshot"),
                handler: showSnapshot),
            Endpoint(
                .delete, one, "Delete a snapshot of a consistency group", access: .ruleOnResource("group:delete_group_snapshot"),
                success: .accepted, handler: deleteSnapshot),
        ]
    }

    // MARK: Groups

    private func write(_ group: Group, to json: inout JSONWriter) {
        json.object {
            $0.member("id", group.id)
            $0.member("status", group.status.rawValue)
            $0.member("availability_zone", group.availabilityZone)
            $0.member("created_at", group.createdAt.iso8601Naive)
            $0.member("name", group.name)
            $0.member("description", group.description)
            $0.member("volume_types", array: group.volumeTypeIDs)
        }
    }

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let (groups, query) = try await storage.groups(request)
        return .json {
            $0.object {
                $0.member("consistencygroups") { json in
                    json.array { json in
                        for group in groups { if isDetailed { write(group, to: &json) } else { GroupView.writeSummary(group, to: &json) } }
                    }
                }
                request.writeNextLink("consistencygroup_links", query, ids: groups.map(\.id), to: &$0)
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let group = try await storage.group(request["group_id"], for: request)
        try request.authorize(group.target)
        return .json { $0.object { $0.member("consistencygroup") { write(group, to: &$0) } } }
    }

    private func make(_ order: GroupOrder, _ request: APIRequest) async throws -> APIResponse {
        let group = try await storage.groupMaking(request).make(order)
        return .json { $0.object { $0.member("consistencygroup") { GroupView.writeSummary(group, to: &$0) } } }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["consistencygroup"] ?? .null
        let types = (body["volume_types"]?.string ?? "").split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
        guard !types.isEmpty else {
            throw BlockStorageError.badRequest(
                "volume_types must be provided to create consistency group \(body["name"]?.string ?? "").")
        }
        guard let type = try await storage.consistencyType() else {
            throw BlockStorageError.badRequest("Group type \(GroupType.consistencyName) not found.")
        }
        let order = GroupOrder(
            name: body["name"]?.string?.trimmed, description: body["description"]?.string?.trimmed,
            source: .blank(type: type.id, volumeTypes: types, zone: body["availability_zone"]?.string))
        return try await make(order, request)
    }

    @Sendable private func createFromSource(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["consistencygroup-from-src"] ?? .null
        let source: GroupOrder.Source
        switch (body["cgsnapshot_id"]?.string, body["source_cgid"]?.string) {
        case (let id?, nil): source = .snapshot(try await storage.groupSnapshot(id, for: request))
        case (nil, let id?): source = .group(try await storage.group(id, for: request))
        case (nil, nil):
            throw BlockStorageError.badRequest("Either 'cgsnapshot_id' or 'source_cgid' must be provided to create a consistency group.")
        default:
            throw BlockStorageError.badRequest("Cannot provide both 'cgsnapshot_id' and 'source_cgid' to create a consistency group.")
        }
        let order = GroupOrder(
            name: body["name"]?.string?.trimmed, description: body["description"]?.string?.trimmed, source: source)
        return try await make(order, request)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let group = try await storage.group(request["group_id"], for: request)
        try request.authorize(group.target)
        let isForced = request.body["consistencygroup"]?["force"]?.lenientBool ?? false
        let changes = GroupChanges(storage: storage, requestID: request.requestID)
        try await storage.database.write { try changes.delete(group.id, withVolumes: isForced, in: $0) }
        return .empty()
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let group = try await storage.group(request["group_id"], for: request)
        try request.authorize(group.target)
        let body = request.body["consistencygroup"] ?? .null
        guard ["name", "description", "add_volumes", "remove_volumes"].contains(where: { body[$0]?.string?.isEmpty == false }) else {
            throw BlockStorageError.badRequest(
                "Name, description, add_volumes, and remove_volumes can not be all empty in the request body.")
        }
        try await storage.update(group, body, request)
        return .empty()
    }

    // MARK: Snapshots

    private func writeSummary(_ snapshot: GroupSnapshot, to json: inout JSONWriter) {
        json.object {
            $0.member("id", snapshot.id)
            $0.member("name", snapshot.name)
        }
    }

    private func write(_ snapshot: GroupSnapshot, to json: inout JSONWriter) {
        json.object {
            $0.member("id", snapshot.id)
            $0.member("consistencygroup_id", snapshot.groupID)
            $0.member("status", snapshot.status.rawValue)
            $0.member("created_at", snapshot.createdAt.iso8601Naive)
            $0.member("name", snapshot.name)
            $0.member("description", snapshot.description)
        }
    }

    private func listSnapshots(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let (snapshots, query) = try await storage.groupSnapshots(request)
        return .json {
            $0.object {
                $0.member("cgsnapshots") { json in
                    json.array { json in
                        for snapshot in snapshots {
                            if isDetailed { write(snapshot, to: &json) } else { writeSummary(snapshot, to: &json) }
                        }
                    }
                }
                request.writeNextLink("cgsnapshot_links", query, ids: snapshots.map(\.id), to: &$0)
            }
        }
    }

    @Sendable private func createSnapshot(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["cgsnapshot"] ?? .null
        let group = try await storage.group(body["consistencygroup_id"]?.string ?? "", for: request)
        try request.authorize(group.target)
        let snapshot = try await storage.makeSnapshot(of: group, body, request)
        return .json { $0.object { $0.member("cgsnapshot") { writeSummary(snapshot, to: &$0) } } }
    }

    @Sendable private func showSnapshot(_ request: APIRequest) async throws -> APIResponse {
        let snapshot = try await storage.groupSnapshot(request["group_snapshot_id"], for: request)
        try request.authorize(snapshot.target)
        return .json { $0.object { $0.member("cgsnapshot") { write(snapshot, to: &$0) } } }
    }

    @Sendable private func deleteSnapshot(_ request: APIRequest) async throws -> APIResponse {
        let snapshot = try await storage.groupSnapshot(request["group_snapshot_id"], for: request)
        try request.authorize(snapshot.target)
        try await storage.removeSnapshot(snapshot, request)
        return .empty()
    }
}
