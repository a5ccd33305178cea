import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The attributes of groups that are not extra.
enum GroupFieldNames {
    static let known: Set<String> = ["id", "name", "domain_id", "description", "links"]
}

extension Identity.GroupFields {
    /// The fields of a body that the schema admits.
    init(_ body: JSONObject) {
        name = body["name"]?.string
        description = body["description"]
        extra = body.extra(besides: GroupFieldNames.known)
    }
}

/// `/v3/groups` and who is in them.
extension Identity {
    private static let fields: [(name: String, schema: Schema)] = [
        ("name", Shape.name(64)), ("domain_id", Shape.identifier), ("description", Shape.text),
    ]

    var groupEndpoints: [Endpoint] { groupResourceEndpoints + membershipEndpoints }

    private var groupResourceEndpoints: [Endpoint] {
        [
            .guarded(.get, "/groups", "List groups", rule: "identity:list_groups") { request, gate in
                try gate.open(request.domainTarget("target.group.domain_id"))
                let query = try request.listQuery(GroupRecords.filters, options)
                return .listing(try await listGroups(query, inDomain: request.token?.domainID), request, query)
            },
            .guarded(
                .post, "/groups", "Create a group", rule: "identity:create_group",
                body: Shape.resource("group", Self.fields, required: ["name"]), success: .created
            ) { request, gate in
                try gate.open(request.target(ofBody: "group"))
                let body = request.body["group"]?.object ?? [:]
                return .showing(try await createGroup(inDomain: request.domainID(for: body), GroupFields(body)), request)
            },
            .guarded(.get, "/groups/{group_id}", "Show a group", rule: "identity:get_group") { request, gate in
                try await openGroup(request, gate)
                return .showing(try await group(id: request["group_id"]), request)
            },
            .guarded(
                .patch, "/groups/{group_id}", "Change a group", rule: "identity:update_group",
                body: Shape.resource("group", Self.fields), handler: updateGroup),
            .guarded(.delete, "/groups/{group_id}", "Delete a group", rule: "identity:delete_group", success: .noContent) { request, gate in
                // As upstream, a group that does not exist is 404 to everybody here, not only to those let through.
                try gate.open(try await group(id: request["group_id"]).target)
                try await deleteGroup(request["group_id"])
                return .empty()
            },
        ]
    }

    private var membershipEndpoints: [Endpoint] {
        [
            .guarded(.get, "/users/{user_id}/groups", "List a user's groups", rule: "identity:list_groups_for_user") { request, gate in
                try await openUser(request, gate)
                let user = try await user(id: request["user_id"])
                let query = try request.listQuery(GroupRecords.filters, options)
                return .listing(try await groups(ofUser: user.id, query, inDomain: request.token?.domainID), request, query)
            },
            .guarded(.get, "/groups/{group_id}/users", "List a group's members", rule: "identity:list_users_in_group") { request, gate in
                try await openGroup(request, gate)
                let group = try await group(id: request["group_id"])
                let query = try request.listQuery(Self.userFilters, options)
                return .listing(try await users(inGroup: group.id, query, inDomain: request.token?.domainID), request, query)
            },
            .guarded(
                .get, "/groups/{group_id}/users/{user_id}", "Check whether a user is in a group",
                rule: "identity:check_user_in_group", success: .noContent
            ) { request, gate in
                try await openMembership(request, gate)
                _ = (try await group(id: request["group_id"]), try await user(id: request["user_id"]))
                try await checkMembership(request["user_id"], request["group_id"])
                return .empty()
            },
            .guarded(
                .put, "/groups/{group_id}/users/{user_id}", "Add a user to a group", rule: "identity:add_user_to_group",
                success: .noContent
            ) { request, gate in
                try await openMembership(request, gate)
                try await addUser(request["user_id"], toGroup: request["group_id"])
                return .empty()
            },
            .guarded(
                .delete, "/groups/{group_id}/users/{user_id}", "Remove a user from a group",
                rule: "identity:remove_user_from_group", success: .noContent
            ) { request, gate in
                try await openMembership(request, gate)
                try await removeUser(request["user_id"], fromGroup: request["group_id"])
                return .empty()
            },
        ]
    }

    private static let reader =
        "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.group.domain_id)s)"
    private static let manager = "(\(Check.admin)) or (role:manager and domain_id:%(target.group.domain_id)s)"
    private static let membershipManager =
        "(\(Check.admin)) or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"

    static let groupRules = [
        rule("get_group", reader, "Show a group."),
        rule("list_groups", reader, "List groups."),
        rule(
            "list_groups_for_user",
            "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.user.domain_id)s) or "
                + "user_id:%(user_id)s", "List a user's groups."),
        rule("create_group", manager, "Create a group."),
        rule("update_group", manager, "Change a group."),
        rule("delete_group", manager, "Delete a group."),
        rule("list_users_in_group", reader, "List a group's members."),
        rule("remove_user_from_group", membershipManager, "Remove a user from a group."),
        rule(
            "check_user_in_group",
            "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.group.domain_id)s and "
                + "domain_id:%(target.user.domain_id)s)", "Check whether a user is in a group."),
        rule("add_user_to_group", membershipManager, "Add a user to a group."),
    ]

    private func openGroup(_ request: APIRequest, _ gate: Gate) async throws {
        try gate.open(try await Sought { try await group(id: request["group_id"]) }.found?.target ?? [:])
    }

    private func openMembership(_ request: APIRequest, _ gate: Gate) async throws {
        let soughtGroup = try await Sought { try await group(id: request["group_id"]) }
        let soughtUser = try await Sought { try await user(id: request["user_id"]) }
        try gate.open((soughtGroup.found?.target ?? [:]) + (soughtUser.found?.target ?? [:]))
    }

    private func updateGroup(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try await openGroup(request, gate)
        let body = request.body["group"]?.object ?? [:]
        let group = try await group(id: request["group_id"])
        guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'group': nothing to change.") }
        if let id = body["id"], id != .string(group.id) { throw IdentityError.invalid("Cannot change ID") }
        if let domain = body["domain_id"], domain.string != group.domainID { throw IdentityError.invalid("Cannot change Domain ID") }
        return .showing(try await updateGroup(group.id, GroupFields(body)), request)
    }
}
