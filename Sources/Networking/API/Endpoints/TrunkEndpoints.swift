import CloudAPI
import CloudCore
import CloudStore

// Trunks: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let kind = ResourceKind(
        names: TrunkView.names, listing: TrunkRecords.listing,
        missing: { .notFound("TrunkNotFound", "Trunk", $0) }, find: TrunkRecords.find, list: TrunkRecords.list,
        load: TrunkView.load, standard: { $0.standard })

    var trunkEndpoints: [Endpoint] {
        let (all, one) = ("/v2.0/trunks", "/v2.0/trunks/{trunk_id}")
        return [
            Endpoint(.get, all, "List trunks", access: .listing) { try await list($0, Self.kind) },
            Endpoint(
                .post, all, "Create trunks", access: .ruleOnResource("create_trunk"),
                body: NetworkingSchemas.creation(TrunkView.names, NetworkingSchemas.trunkCreation, required: ["port_id"]),
                success: .created, handler: createTrunks),
            Endpoint(.get, one, "Show a trunk", access: .ruleOnResource("get_trunk")) { try await show($0, Self.kind) },
            Endpoint(
                .put, one, "Change a trunk", access: .ruleOnResource("update_trunk"),
                body: NetworkingSchemas.update(TrunkView.names, NetworkingSchemas.trunkUpdate), handler: updateTrunk),
            Endpoint(
                .delete, one, "Delete a trunk", access: .ruleOnResource("delete_trunk"), success: .noContent
            ) { try await delete($0, Self.kind) { [operations] in try operations.deleteTrunk($0, in: $1) } },
            Endpoint(
                .get, "\(one)/get_subports", "List a trunk's subports", access: .ruleOnResource("get_subports"),
                handler: listSubports),
            Endpoint(
                .put, "\(one)/add_subports", "Add subports to a trunk", access: .ruleOnResource("add_subports"),
                body: NetworkingSchemas.trunkSubports, handler: addSubports),
            Endpoint(
                .put, "\(one)/remove_subports", "Remove subports from a trunk", access: .ruleOnResource("remove_subports"),
                body: NetworkingSchemas.trunkSubports, handler: removeSubports),
        ]
    }

    private static func subports(_ json: JSON) -> [SubportDraft] {
        (json["sub_ports"]?.array ?? []).map { item in
            SubportDraft(
                portID: item["port_id"]?.string ?? "", segmentationType: item["segmentation_type"]?.string,
                segmentationID: item["segmentation_id"]?.lenientInt)
        }
    }

    private func createTrunks(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(TrunkView.names).map { attributes in
            var draft = TrunkDraft(
                projectID: try attributes.project(of: request), portID: attributes.text("port_id") ?? "")
            draft.name = attributes.text("name") ?? ""
            draft.description = attributes.text("description") ?? ""
            draft.isAdminUp = attributes.flag("admin_state_up") ?? true
            draft.subports = Self.subports(attributes.json)
            try SubportDraft.check(draft.subports)
            draft.tags = attributes.texts("tags") ?? []
            try request.authorizeCreation(
                of: "trunk", PolicySubject(projectID: draft.projectID), setting: attributes.present(["tags"]))
            return draft
        }
        let caller = request.caller
        return try await create(request, Self.kind) { [operations] transaction in
            try drafts.map { try operations.createTrunk($0, by: caller, in: transaction) }
        }
    }

    private func updateTrunk(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(TrunkView.names)
        let change = TrunkChange(
            name: attributes.text("name"), description: attributes.text("description"),
            isAdminUp: attributes.flag("admin_state_up"))
        return try await self.change(request, Self.kind) { [operations] trunk, transaction in
            try operations.updateTrunk(trunk, change, in: transaction)
        }
    }

    private func listSubports(_ request: APIRequest) async throws -> APIResponse {
        let trunk = try await database.read { try Self.changeable(request, Self.kind, in: $0) }
        return .json("sub_ports", trunk.subports)
    }

    private func addSubports(_ request: APIRequest) async throws -> APIResponse {
        let (drafts, caller) = (Self.subports(request.body), request.caller)
        return try await changeSubports(request) { [operations] trunk, transaction in
            try operations.addSubports(drafts, to: trunk, by: caller, in: transaction)
        }
    }

    private func removeSubports(_ request: APIRequest) async throws -> APIResponse {
        let drafts = Self.subports(request.body)
        return try await changeSubports(request) { [operations] trunk, transaction in
            try operations.removeSubports(drafts, from: trunk, in: transaction)
        }
    }

    /// The actions answer with the trunk itself, not within a member of its name.
    private func changeSubports(
        _ request: APIRequest, _ change: @escaping @Sendable (Trunk, any Transaction) throws -> Trunk
    ) async throws -> APIResponse {
        let view = try await database.write { transaction in
            let trunk = try Self.changeable(request, Self.kind, in: transaction)
            return try Self.kind.view(try change(trunk, transaction), in: transaction)
        }
        return .json { $0.object(view, ViewFilter()) }
    }
}
