import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/users/{user_id}/access_rules`: rules come with application credentials, and stay when these go.
extension Identity {
    var accessRuleEndpoints: [Endpoint] {
        let (collection, member) = ("/users/{user_id}/access_rules", "/users/{user_id}/access_rules/{access_rule_id}")
        return [
            .guarded(.get, collection, "List a user's access rules", rule: "identity:list_access_rules") { request, gate in
                try await openAccessRules(request, gate)
                let query = try request.listQuery(AccessRuleRecords.filters, options)
                let page = try await listAccessRules(query, ofUser: request["user_id"])
                let views = page.elements.map { AccessRuleView(rule: $0, userID: request["user_id"]) }
                return .listing(Page(elements: views, isFull: page.isFull), request, query)
            },
            .guarded(.get, member, "Show an access rule", rule: "identity:get_access_rule") { request, gate in
                try await openAccessRules(request, gate)
                let rule = try await accessRule(id: request["access_rule_id"], ofUser: request["user_id"])
                return .showing(AccessRuleView(rule: rule, userID: request["user_id"]), request)
            },
            .guarded(
                .delete, member, "Delete an access rule", rule: "identity:delete_access_rule", success: .noContent
            ) { request, gate in
                try await openAccessRules(request, gate)
                try await deleteAccessRule(request["access_rule_id"], ofUser: request["user_id"])
                return .empty()
            },
        ]
    }

    private static let owner = "user_id:%(target.user.id)s"

    static let accessRuleRules = [
        rule("get_access_rule", "(\(Check.systemReader)) or \(owner)", .systemOrProject, "Show an access rule."),
        rule("list_access_rules", "(\(Check.systemReader)) or \(owner)", .systemOrProject, "List a user's access rules."),
        rule(
            "delete_access_rule", "(role:admin and system_scope:all) or \(owner)", .systemOrProject, "Delete an access rule."),
    ]

    private func openAccessRules(_ request: APIRequest, _ gate: Gate) async throws {
        try await openUser(request, gate)
        try await callerToken(request).checkMayUseApplicationCredentials(changing: false)
    }
}

extension StoredAccessRule: JSONWritable {
    func write(to json: inout JSONWriter) { json.object { writeMembers(to: &$0) } }

    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("service", rule.service)
        json.member("path", rule.path)
        json.member("method", rule.method)
    }
}

/// An access rule under its own address.
struct AccessRuleView: ResourceView, Sendable {
    static let singular = "access_rule"
    static let collection = "access_rules"

    let rule: StoredAccessRule
    let userID: String
    var id: String { rule.id }
    var path: String { "/users/\(userID)/access_rules/\(id)" }
    var linkedPaths: [(name: String, path: String)] { [("self", path)] }

    func writeMembers(to json: inout JSONWriter) { rule.writeMembers(to: &json) }
}
