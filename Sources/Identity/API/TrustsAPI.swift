import CloudAPI
import CloudCore
import CloudPolicy

/// The attributes of trusts that are not extra.
private enum TrustFieldNames {
    static let known: Set<String> = [
        "id", "trustor_user_id", "trustee_user_id", "project_id", "impersonation", "expires_at", "remaining_uses", "deleted_at",
        "redelegated_trust_id", "redelegation_count", "allow_redelegation", "roles", "roles_links", "links",
    ]
}

/// `/v3/OS-TRUST/trusts`. A trust that does not exist is 404 to everyone, before any rule.
extension Identity {
    private static let roleReference: Schema = .anyOf([
        .object([("id", Shape.identifier)], required: ["id"]), .object([("name", Shape.name())], required: ["name"]),
    ])

    private static let fields: [(name: String, schema: Schema)] = [
        ("trustor_user_id", .string(length: 1...255)), ("trustee_user_id", .string(length: 1...255)), ("impersonation", .boolean()),
        ("project_id", .nullable(.string(length: 0...64))), ("remaining_uses", .nullable(.integer(1...Int(Int32.max)))),
        ("expires_at", .nullable(.string(length: 0...64))), ("allow_redelegation", .nullable(.boolean())),
        ("redelegation_count", .nullable(.integer(0...Int(Int32.max)))), ("redelegated_trust_id", .nullable(.string(length: 0...64))),
        ("roles", .array(roleReference, count: 0...1000)),
    ]

    var trustEndpoints: [Endpoint] {
        [
            .guarded(.get, "/OS-TRUST/trusts", "List trusts", rule: "identity:list_trusts", handler: listTrusts),
            .guarded(
                .post, "/OS-TRUST/trusts", "Create a trust", rule: "identity:create_trust",
                body: Shape.resource("trust", Self.fields, required: ["trustor_user_id", "trustee_user_id", "impersonation"]),
                success: .created, handler: createTrust),
            .guarded(.get, "/OS-TRUST/trusts/{trust_id}", "Show a trust", rule: "identity:get_trust") { request, gate in
                let trust = try await openTrust(request, gate)
                return .showing(TrustView(trust: trust, roles: try await roles(of: trust), links: Links(request)), request)
            },
            .guarded(
                .delete, "/OS-TRUST/trusts/{trust_id}", "Delete a trust", rule: "identity:delete_trust", success: .noContent
            ) { request, gate in
                try await deleteTrust(try await openTrust(request, gate).id)
                return .empty()
            },
            .guarded(
                .get, "/OS-TRUST/trusts/{trust_id}/roles", "List a trust's roles", rule: "identity:list_roles_for_trust"
            ) { request, gate in
                .listing(try await roles(of: try await openTrust(request, gate)), request)
            },
            .guarded(
                .get, "/OS-TRUST/trusts/{trust_id}/roles/{role_id}", "Show a trust's role", rule: "identity:get_role_for_trust"
            ) { request, gate in
                let trust = try await openTrust(request, gate)
                guard trust.roleIDs.contains(request["role_id"]) else { throw IdentityError.notFound("role", id: request["role_id"]) }
                return .showing(try await role(id: request["role_id"]), request)
            },
        ]
    }

    private static let trustor = "user_id:%(target.trust.trustor_user_id)s"
    private static let trustee = "user_id:%(target.trust.trustee_user_id)s"
    private static let either = "(\(Check.admin)) or (\(Check.systemReader) or \(trustor) or \(trustee))"

    static let trustRules = [
        rule("create_trust", trustor, [.project], "Create a trust."),
        rule("list_trusts", Check.adminOrSystemReader, .systemOrProject, "List all trusts."),
        rule(
            "list_trusts_for_trustor", "(\(Check.admin)) or (\(Check.systemReader) or \(trustor))", .systemOrProject,
            "List a trustor's trusts."),
        rule(
            "list_trusts_for_trustee", "(\(Check.admin)) or (\(Check.systemReader) or \(trustee))", .systemOrProject,
            "List a trustee's trusts."),
        rule("list_roles_for_trust", either, .systemOrProject, "List a trust's roles."),
        rule("get_role_for_trust", either, .systemOrProject, "Show a trust's role."),
        rule("delete_trust", "\(Check.admin) or \(trustor)", .systemOrProject, "Delete a trust."),
        rule("get_trust", either, .systemOrProject, "Show a trust."),
    ]

    /// Opens the gate for the trust in the path and answers it.
    private func openTrust(_ request: APIRequest, _ gate: Gate) async throws -> Trust {
        let trust = try await trust(id: request["trust_id"])
        try gate.open(trust.target)
        try await callerToken(request).checkMayManageTrusts()
        return trust
    }

    private func listTrusts(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        let (trustor, trustee) = (request.query["trustor_user_id"], request.query["trustee_user_id"])
        if let trustor, !trustor.isEmpty {
            try gate.open("identity:list_trusts_for_trustor", ["target.trust.trustor_user_id": .string(trustor)])
        } else if let trustee, !trustee.isEmpty {
            try gate.open("identity:list_trusts_for_trustee", ["target.trust.trustee_user_id": .string(trustee)])
        } else {
            try gate.open()
        }
        try await callerToken(request).checkMayManageTrusts()
        let trusts = try await listTrusts(
            trustorID: trustor.flatMap { $0.isEmpty ? nil : $0 }, trusteeID: trustee.flatMap { $0.isEmpty ? nil : $0 })
        return .listing(trusts.map { TrustView(trust: $0, roles: nil, links: Links(request)) }, request)
    }

    private func createTrust(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open(request.target(ofBody: "trust"))
        let token = try await callerToken(request)
        try token.checkMayManageTrusts()
        let body = request.body["trust"]?.object ?? [:]
        let references = (body["roles"]?.array ?? []).compactMap(DelegatedRole.init)
        var trust = Trust(
            id: Identifier.hex(), trustorID: body["trustor_user_id"]?.string ?? "", trusteeID: body["trustee_user_id"]?.string ?? "",
            projectID: body["project_id"]?.string.flatMap { $0.isEmpty ? nil : $0 },
            impersonates: body["impersonation"]?.bool ?? false, remainingUses: body["remaining_uses"]?.int, redelegationCount: 0)
        if trust.projectID != nil, references.isEmpty {
            throw IdentityError.forbidden(action: "At least one role should be specified")
        }
        guard trust.trustorID == request.callerID else {
            throw IdentityError.forbidden(action: "The authenticated user should match the trustor")
        }
        trust.expiresAt = try Timestamp(expiry: body["expires_at"])
        trust.extra = body.extra(besides: TrustFieldNames.known)
        let wish = TrustRules.Wish(
            allowsRedelegation: body["allow_redelegation"]?.bool ?? false, redelegationCount: body["redelegation_count"]?.int)
        let created = try await createTrust(trust, roles: references, wish, from: token.trust?.id)
        return .showing(TrustView(trust: created, roles: try await roles(of: created), links: Links(request)), request)
    }
}

extension Identity.DelegatedRole {
    /// `{"id": …}` or `{"name": …}`.
    init?(_ body: JSON) {
        if let id = body["id"]?.string {
            self = .id(id)
        } else if let name = body["name"]?.string {
            self = .name(name)
        } else {
            return nil
        }
    }
}

extension Timestamp {
    /// When something that is created shall end; nil for never.
    /// - Throws: `IdentityError.invalid` for what is no moment, or past.
    init?(expiry: JSON?) throws {
        guard let text = expiry?.string, !text.isEmpty else { return nil }
        guard let moment = Timestamp(iso8601: text) else {
            throw IdentityError.invalid(
                "Timestamp not in expected format. The server could not comply with the request since it is either malformed "
                    + "or otherwise incorrect. The client is assumed to be in error.")
        }
        guard moment > .now else {
            throw IdentityError.invalid(
                "The 'expires_at' must not be before now. The server could not comply with the request since it is either "
                    + "malformed or otherwise incorrect. The client is assumed to be in error.")
        }
        self = moment
    }
}

extension Trust {
    var target: PolicyTarget {
        [
            "target.trust.id": .string(id), "target.trust.trustor_user_id": .string(trustorID),
            "target.trust.trustee_user_id": .string(trusteeID), "target.trust.project_id": projectID.map { .string($0) } ?? .null,
        ]
    }
}

/// A trust as the API shows it; lists leave the roles out.
struct TrustView: ResourceView, Sendable {
    static let singular = "trust"
    static let collection = "trusts"

    let trust: Trust
    let roles: [Role]?
    let links: Links
    var id: String { trust.id }
    var path: String { "/OS-TRUST/trusts/\(id)" }
    var linkedPaths: [(name: String, path: String)] { [("self", path)] }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("trustor_user_id", trust.trustorID)
        json.member("trustee_user_id", trust.trusteeID)
        json.member("project_id", trust.projectID)
        json.member("impersonation", trust.impersonates)
        json.member("expires_at", trust.expiresAt?.iso8601Microseconds)
        json.member("remaining_uses", trust.remainingUses)
        // Deleted trusts are never shown, but clients look for the member.
        json.member("deleted_at", nil as String?)
        json.member("redelegated_trust_id", trust.redelegatedTrustID)
        json.member("redelegation_count", trust.redelegationCount)
        json.members(trust.extra, except: TrustFieldNames.known)
        guard let roles else { return }
        json.member("roles", array: roles.map { Linked(resource: $0, links: links) })
        json.member("roles_links") {
            $0.object {
                $0.member("self", links.url("\(path)/roles"))
                $0.member("next", nil as String?)
                $0.member("previous", nil as String?)
            }
        }
    }
}
