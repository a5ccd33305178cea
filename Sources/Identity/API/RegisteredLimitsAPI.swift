import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/registered_limits`.
extension Identity {
    private static let fields = LimitShape.resource + LimitShape.value("default_limit")

    var registeredLimitEndpoints: [Endpoint] {
        [
            .guarded(.get, "/registered_limits", "List registered limits", rule: "identity:list_registered_limits") { request, gate in
                try request.check(query: LimitShape.filters)
                try gate.open()
                let query = try request.listQuery(RegisteredLimitRecords.filters, options)
                return .listing(try await listRegisteredLimits(query), request, query)
            },
            .guarded(
                .post, "/registered_limits", "Register limits", rule: "identity:create_registered_limits",
                body: LimitShape.batch("registered_limits", .object(Self.fields, required: ["service_id", "resource_name", "default_limit"])),
                success: .created
            ) { request, gate in
                try gate.open()
                let limits = (request.body["registered_limits"]?.array ?? []).map(RegisteredLimit.init(body:))
                return .created(try await createRegisteredLimits(limits), request)
            },
            .guarded(
                .get, "/registered_limits/{registered_limit_id}", "Show a registered limit", rule: "identity:get_registered_limit"
            ) { request, gate in
                try gate.open()
                return .showing(try await registeredLimit(id: request["registered_limit_id"]), request)
            },
            .guarded(
                .patch, "/registered_limits/{registered_limit_id}", "Change a registered limit",
                rule: "identity:update_registered_limit",
                body: .json(.object([("registered_limit", .object(Self.fields))], required: ["registered_limit"]))
            ) { request, gate in
                try gate.open()
                let fields = RegisteredLimitFields(request.body["registered_limit"]?.object ?? [:])
                return .showing(try await updateRegisteredLimit(request["registered_limit_id"], fields), request)
            },
            .guarded(
                .delete, "/registered_limits/{registered_limit_id}", "Delete a registered limit",
                rule: "identity:delete_registered_limit", success: .noContent
            ) { request, gate in
                try gate.open()
                try await deleteRegisteredLimit(request["registered_limit_id"])
                return .empty()
            },
        ]
    }

    static let registeredLimitRules = [
        rule("get_registered_limit", "", "Show a registered limit."),
        rule("list_registered_limits", "", "List registered limits."),
        rule("create_registered_limits", Check.admin, .systemOrProject, "Register limits."),
        rule("update_registered_limit", Check.admin, .systemOrProject, "Change a registered limit."),
        rule("delete_registered_limit", Check.admin, .systemOrProject, "Delete a registered limit."),
    ]
}

extension RegisteredLimit {
    fileprivate init(body: JSON) {
        self.init(id: Identifier.hex(), resource: LimitedResource(body: body), defaultLimit: body["default_limit"]?.int ?? 0)
        description = body["description"]?.string
    }
}

extension Identity.RegisteredLimitFields {
    fileprivate init(_ body: JSONObject) {
        serviceID = body["service_id"]?.string
        regionID = body["region_id"].map(\.string)
        resourceName = body["resource_name"]?.string
        defaultLimit = body["default_limit"]?.int
        description = body["description"].map(\.string)
    }
}

extension RegisteredLimit: ResourceView {
    static let singular = "registered_limit"
    static let collection = "registered_limits"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        resource.writeMembers(to: &json)
        json.member("default_limit", defaultLimit)
        json.member("description", description)
    }
}
