import CloudAPI
import CloudCore
import CloudPolicy

/// The attributes of credentials that are not extra.
enum CredentialFieldNames {
    static let known: Set<String> = ["id", "user_id", "project_id", "type", "blob", "links"]
}

/// `/v3/credentials`.
extension Identity {
    private static let blob: Schema = .string(length: 0...65_535)

    private static let newCredential = Shape.resource("credential", [
        ("blob", blob), ("type", .string(length: 0...255)), ("user_id", .string(length: 0...64)),
        ("project_id", .nullable(.string(length: 0...64))), ("id", .string()),
    ], required: ["blob", "type", "user_id"])

    /// Whose a credential is, where it counts and what it is for never change.
    private static let changedCredential: RequestBody = .json(
        .object(
            [
                (
                    "credential",
                    .object(
                        [("blob", blob), ("type", .string()), ("user_id", .string()), ("project_id", .nullable(.string()))],
                        required: ["blob"])
                )
            ], required: ["credential"]))

    /// Only the content may change; the client repeats the rest.
    private static func checkUnchanged(_ credential: Credential, _ body: JSON?) throws {
        let rest: [(name: String, value: String?)] = [
            ("type", credential.type), ("user_id", credential.userID), ("project_id", credential.projectID),
        ]
        for (name, value) in rest {
            guard let asked = body?[name], asked.string != value else { continue }
            throw IdentityError.invalid("The \(name) of a credential cannot be changed. Create a new credential instead.")
        }
    }

    var credentialEndpoints: [Endpoint] {
        [
            .guarded(.get, "/credentials", "List credentials", rule: "identity:list_credentials", handler: listCredentials),
            .guarded(
                .post, "/credentials", "Create a credential", rule: "identity:create_credential", body: Self.newCredential,
                success: .created, handler: createCredential),
            .guarded(.get, "/credentials/{credential_id}", "Show a credential", rule: "identity:get_credential") { request, gate in
                let credential = try await openCredential(request, gate)
                return .showing(try CredentialView(credential, vault), request)
            },
            .guarded(
                .patch, "/credentials/{credential_id}", "Change a credential's content", rule: "identity:update_credential",
                body: Self.changedCredential
            ) { request, gate in
                let credential = try await openCredential(request, gate)
                try Self.checkUnchanged(credential, request.body["credential"])
                let blob = Secret(request.body["credential"]?["blob"]?.string ?? "")
                return .showing(try CredentialView(try await updateCredential(credential.id, blob), vault), request)
            },
            .guarded(
                .delete, "/credentials/{credential_id}", "Delete a credential", rule: "identity:delete_credential",
                success: .noContent
            ) { request, gate in
                try await deleteCredential(try await openCredential(request, gate).id)
                return .empty()
            },
        ]
    }

    static let credentialRules = [
        rule("get_credential", Check.adminSystemReaderOrCredentialOwner, "Show a credential."),
        rule("list_credentials", Check.adminSystemReaderOrCredentialOwner, "List credentials."),
        rule("create_credential", Check.adminOrCredentialOwner, "Create a credential."),
        rule("update_credential", Check.adminOrCredentialOwner, "Change a credential's content."),
        rule("delete_credential", Check.adminOrCredentialOwner, "Delete a credential."),
    ]

    static let credentialDelegateRefusal = IdentityError.forbidden(action: "Delegated tokens cannot access credentials directly")

    /// Opens the gate for the credential in the path; whether it exists shows only to those let through.
    private func openCredential(_ request: APIRequest, _ gate: Gate) async throws -> Credential {
        let sought = try await Sought { try await credential(id: request["credential_id"]) }
        try gate.open(sought.found?.target ?? [:])
        try await refuseDelegates(request, Self.credentialDelegateRefusal)
        return try sought.get()
    }

    /// Anybody may ask; the answer holds what the caller might also see one by one.
    private func listCredentials(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        let isSystem = request.token?.isSystemScoped ?? false
        try gate.open(isSystem ? [:] : ["target.credential.user_id": .string(request.callerID)])
        var query = try request.listQuery(CredentialRecords.filters, options)
        let limit = query.limit
        query.limit = nil
        guard try await !callerToken(request).payload.isDelegated else { return .listing([CredentialView](), request) }
        let visible = try await listCredentials(query).filter { request.allows("identity:get_credential", $0.target) }
        query.limit = limit
        let page = try (limit.map { Array(visible.prefix($0)) } ?? visible).map { try CredentialView($0, vault) }
        return .listing(query.page(page), request, query)
    }

    private func createCredential(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open(request.target(ofBody: "credential"))
        try await refuseDelegates(request, Self.credentialDelegateRefusal)
        let body = request.body["credential"]?.object ?? [:]
        let type = body["type"]?.string ?? ""
        if type == Credential.ec2, body["project_id"] == nil { throw IdentityError.lacking("project_id", in: "credential") }
        let credential = try await createCredential(
            ofUser: body["user_id"]?.string ?? "", projectID: body["project_id"]?.string, type: type,
            Secret(body["blob"]?.string ?? ""), extra: body.extra(besides: CredentialFieldNames.known))
        return .showing(try CredentialView(credential, vault), request)
    }
}

extension Check {
    static let adminOrCredentialOwner = "(rule:admin_required) or user_id:%(target.credential.user_id)s"
    static let adminSystemReaderOrCredentialOwner = "(rule:admin_required) or (\(systemReader)) or user_id:%(target.credential.user_id)s"
    static let adminOrMemberAndCredentialOwner = "(rule:admin_required) or (role:member and user_id:%(target.credential.user_id)s)"
}

extension Credential {
    var target: PolicyTarget {
        [
            "target.credential.id": .string(id), "target.credential.user_id": .string(userID),
            "target.credential.project_id": projectID.map { .string($0) } ?? .null, "target.credential.type": .string(type),
        ]
    }
}

/// A credential with its content.
struct CredentialView: ResourceView, Sendable {
    static let singular = "credential"
    static let collection = "credentials"

    private let credential: Credential
    private let blob: Secret<String>
    var id: String { credential.id }

    /// - Throws: `VaultError`.
    init(_ credential: Credential, _ vault: SecretVault) throws {
        (self.credential, blob) = (credential, try vault.open(credential.sealedBlob))
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", credential.id)
        json.member("user_id", credential.userID)
        json.member("project_id", credential.projectID)
        json.member("type", credential.type)
        json.member("blob", blob.reveal())
        json.members(credential.extra, except: CredentialFieldNames.known)
    }
}
