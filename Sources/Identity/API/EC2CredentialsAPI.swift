import CloudAPI
import CloudCore

/// `/v3/users/{user_id}/credentials/OS-EC2`: EC2 keys, made by the cloud.
extension Identity {
    private static let project: RequestBody = .json(
        .object([("tenant_id", .string(length: 1...64))], required: ["tenant_id"], additional: .any))

    var ec2CredentialEndpoints: [Endpoint] {
        let path = "/users/{user_id}/credentials/OS-EC2"
        return [
            .guarded(.get, path, "List a user's EC2 keys", rule: "identity:ec2_list_credentials") { request, gate in
                try gate.open()
                try await refuseDelegates(request, Self.credentialDelegateRefusal)
                let user = try await user(id: request["user_id"])
                let views = try await ec2Credentials(ofUser: user.id).map { try EC2KeysView($0, vault, Links(request)) }
                return .json { json in
                    json.object { json in
                        json.member("credentials", array: views)
                        json.member("links") { $0.collectionLinks(request, next: nil) }
                    }
                }
            },
            .guarded(
                .post, path, "Make EC2 keys", rule: "identity:ec2_create_credential", body: Self.project, success: .created
            ) { request, gate in
                try gate.open(["target.credential.user_id": .string(request["user_id"])])
                try await refuseDelegates(request, Self.credentialDelegateRefusal)
                let credential = try await createEC2Keys(
                    ofUser: request["user_id"], projectID: request.body["tenant_id"]?.string ?? "")
                return .json("credential", try EC2KeysView(credential, vault, Links(request)))
            },
            .guarded(.get, path + "/{credential_id}", "Show EC2 keys", rule: "identity:ec2_get_credential") { request, gate in
                let credential = try await openEC2Keys(request, gate)
                return .json("credential", try EC2KeysView(credential, vault, Links(request)))
            },
            .guarded(
                .delete, path + "/{credential_id}", "Delete EC2 keys", rule: "identity:ec2_delete_credential", success: .noContent
            ) { request, gate in
                try await deleteCredential(try await openEC2Keys(request, gate).id)
                return .empty()
            },
        ]
    }

    static let ec2CredentialRules = [
        rule("ec2_get_credential", Check.adminSystemReaderOrCredentialOwner, .systemOrProject, "Show EC2 keys."),
        rule("ec2_list_credentials", "(\(Check.admin)) or (\(Check.systemReader)) or rule:owner", .systemOrProject, "List a user's EC2 keys."),
        rule("ec2_create_credential", Check.adminOrMemberAndCredentialOwner, .systemOrProject, "Make EC2 keys."),
        rule("ec2_delete_credential", Check.adminOrMemberAndCredentialOwner, .systemOrProject, "Delete EC2 keys."),
    ]

    /// Opens the gate for the keys in the path. As upstream, keys that do not exist are 404 to everybody: nobody
    /// guesses an access key.
    private func openEC2Keys(_ request: APIRequest, _ gate: Gate) async throws -> Credential {
        let credential = try await ec2Credential(access: request["credential_id"])
        try gate.open(credential.target)
        _ = try await user(id: request["user_id"])
        guard credential.type == Credential.ec2 else { throw IdentityError.unauthorized }
        try await refuseDelegates(request, Self.credentialDelegateRefusal)
        return credential
    }
}

/// EC2 keys as this older API shows them.
private struct EC2KeysView: JSONWritable {
    let credential: Credential
    let keys: EC2Keys
    let links: Links

    init(_ credential: Credential, _ vault: SecretVault, _ links: Links) throws {
        (self.credential, self.links) = (credential, links)
        keys = try EC2Keys(try vault.open(credential.sealedBlob))
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("user_id", credential.userID)
            json.member("tenant_id", credential.projectID)
            json.member("access", keys.access)
            json.member("secret", keys.secret?.reveal())
            json.member("trust_id", keys["trust_id"] ?? .null)
            json.member("links", ["self": links.url("/users/\(credential.userID)/credentials/OS-EC2/\(keys.access)")])
        }
    }
}
