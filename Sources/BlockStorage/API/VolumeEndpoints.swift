import CloudAPI
import CloudCore
import CloudStore

/// Volumes: making, showing, listing, changing and removing them.
struct VolumeEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        [
            Endpoint(.get, "/volumes", "List volumes", access: .rule("volume:get_all"), handler: list),
            Endpoint(.get, "/volumes/detail", "List volumes in detail", access: .rule("volume:get_all"), handler: listDetail),
            Endpoint(
                .get, "/volumes/summary", "Sum volumes up", microversions: .from(3, 12), access: .rule("volume:get_all"),
                handler: summary),
            Endpoint(.get, "/volumes/{volume_id}", "Show a volume", access: .ruleOnResource("volume:get"), handler: show),
            Endpoint(
                .post, "/volumes", "Create a volume", access: .rule("volume:create"), body: VolumeCreation.body, success: .accepted
            ) { [storage] request in try await VolumeCreation(storage: storage, request: request).create() },
            Endpoint(
                .put, "/volumes/{volume_id}", "Change a volume", access: .ruleOnResource("volume:update"), body: VolumeChanges.body,
                handler: update),
            Endpoint(
                .delete, "/volumes/{volume_id}", "Delete a volume", access: .ruleOnResource("volume:delete"), success: .accepted,
                handler: delete),
        ]
    }

    // MARK: Showing

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let volume = try await storage.volume(request)
        let view = try await storage.database.read { try VolumeView([volume], for: request, in: $0) }
        return .json { json in json.object { $0.member("volume") { view.write(volume, to: &$0) } } }
    }

    // MARK: Changing

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let id = try await storage.volume(request).id
        let body = request.body["volume"] ?? .null
        let (volume, view) = try await storage.database.write { transaction in
            guard var volume = try VolumeRecords.find(id, in: transaction) else { throw BlockStorageError.volumeNotFound(id) }
            try VolumeChanges.apply(body, to: &volume)
            try VolumeRecords.update(volume, in: transaction)
            volume.updatedAt = .now
            return (volume, try VolumeView([volume], for: request, in: transaction))
        }
        return .json { json in json.object { $0.member("volume") { view.write(volume, extended: false, to: &$0) } } }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let cascade = try ListQuery.boolean("cascade", request.query)
        let force = try request.isFrom(23) && ListQuery.boolean("force", request.query)
        let volume = try await storage.volume(request)
        if force { try request.require("volume:force_delete", volume.target) }
        let removal = VolumeRemoval(
            storage: storage, isForced: force, isCascading: cascade, isAdmin: request.isAdmin, requestID: request.requestID)
        try await storage.database.write { try removal.begin(volume.id, in: $0) }
        return .empty()
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse { try await list(request, isDetailed: false) }

    @Sendable private func listDetail(_ request: APIRequest) async throws -> APIResponse { try await list(request, isDetailed: true) }

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let query = try VolumeFilters.query(request, maximum: storage.options.maximumListLength)
        let selection = try VolumeFilters.selection(query, request)
        let (volumes, count, view) = try await storage.database.read { reader in
            let volumes = try VolumeRecords.list(selection, in: reader)
            let count = query.wantsCount ? try VolumeRecords.sum(selection, in: reader).count : nil
            return (volumes, count, try VolumeView(volumes, for: request, in: reader))
        }
        return .json { json in
            json.object {
                $0.member("volumes") { json in
                    json.array { json in
                        for volume in volumes {
                            if isDetailed { view.write(volume, to: &json) } else { view.writeSummary(volume, to: &json) }
                        }
                    }
                }
                request.writeNextLink("volumes_links", query, ids: volumes.map(\.id), to: &$0)
                if let count { $0.member("count", count) }
            }
        }
    }

    @Sendable private func summary(_ request: APIRequest) async throws -> APIResponse {
        let query = try VolumeFilters.query(request, maximum: storage.options.maximumListLength)
        let selection = try VolumeFilters.selection(query, request)
        let (sum, metadata) = try await storage.database.read { reader in
            let sum = try VolumeRecords.sum(selection, in: reader)
            return (sum, request.isFrom(36) ? try VolumeRecords.distinctMetadata(selection, in: reader) : [:])
        }
        return .json { json in
            json.object {
                $0.member("volume-summary") { json in
                    json.object {
                        $0.member("total_count", sum.count)
                        $0.member("total_size", sum.size)
                        if request.isFrom(36) {
                            $0.member("metadata", JSON.object(JSONObject(metadata.mapValues { .array($0.map { .string($0) }) })))
                        }
                    }
                }
            }
        }
    }
}

extension BlockStorage.Parts {
    /// The volume of a request under `.ruleOnResource`, once its rule has admitted the caller.
    func volume(_ request: APIRequest) async throws -> Volume {
        let volume = try await volume(request["volume_id"], for: request)
        try request.authorize(volume.target)
        return volume
    }

    /// The snapshot of a request under `.ruleOnResource`, likewise.
    func snapshot(_ request: APIRequest) async throws -> Snapshot {
        let snapshot = try await snapshot(request["snapshot_id"], for: request)
        try request.authorize(snapshot.target)
        return snapshot
    }
}

extension JSONObject {
    /// An object with the members of a dictionary, by name.
    init(_ members: [String: JSON]) {
        self.init()
        for (name, value) in members.sorted(by: { $0.key < $1.key }) { self[name] = value }
    }
}
