import CloudAPI
import CloudCore
import CloudStore

/// What users note about a secret: names and values, all at once or one by one.
struct SecretMetadataEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        let all = "/v1/secrets/{secret_id}/metadata"
        let one = all + "/{name}"
        return [
            Endpoint(.get, all, "Show a secret's notes", access: .ruleOnResource("secret_meta:get"), handler: list),
            Endpoint(
                .put, all, "Replace a secret's notes", access: .ruleOnResource("secret_meta:put"),
                body: .json(.object([("metadata", .object([], additional: .any))], required: ["metadata"], additional: .any)),
                success: .created, handler: replace),
            Endpoint(
                .post, all, "Add a note", access: .ruleOnResource("secret_meta:post"), body: .json(Self.pair), success: .created,
                handler: create),
            Endpoint(.get, one, "Show a note", access: .ruleOnResource("secret_meta:get"), handler: show),
            Endpoint(.put, one, "Change a note", access: .ruleOnResource("secret_meta:put"), body: .json(Self.pair), handler: update),
            Endpoint(
                .delete, one, "Delete a note", access: .ruleOnResource("secret_meta:delete"), success: .noContent, handler: delete),
        ]
    }

    private static let longest = 255
    private static let pair: Schema = .object(
        [("key", .string(length: 0...longest)), ("value", .string(length: 0...longest))], required: ["key", "value"])

    private static let unknown = KeyManagerError.notFound("Secret metadata not found.")

    /// A name in the form that is kept.
    /// - Throws: 400 for one that does not fit into a URL.
    private static func name(_ text: String) throws(KeyManagerError) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            let scalar = Character(UnicodeScalar(byte))
            return scalar.isASCII && (scalar.isLetter || scalar.isNumber || scalar == "_" || scalar == "-")
        }
        guard isPlain, text.utf8.count <= longest else {
            throw .badRequest("Invalid Key. Key must be URL safe.")
        }
        return text.lowercased()
    }

    private static func answer(_ name: String, _ value: String) -> APIResponse {
        .json {
            $0.object {
                $0.member("key", name)
                $0.member("value", value)
            }
        }
    }

    // MARK: All

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let metadata = try await parts.database.read { [parts] reader in
            try SecretRecords.metadata(of: try parts.secret(request, in: reader).id, in: reader)
        }
        return .json("metadata", metadata)
    }

    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        var metadata: [String: String] = [:]
        for member in request.trimmedBody["metadata"]?.object ?? [:] {
            guard let value = member.value.string, value.unicodeScalars.count <= Self.longest else {
                throw KeyManagerError.badRequest("Invalid Metadata. Keys and Values must be Strings.")
            }
            metadata[try Self.name(member.name)] = value
        }
        let wanted = metadata
        try await parts.database.write { [parts] transaction in
            try SecretRecords.setMetadata(wanted, of: try parts.secret(request, in: transaction).id, in: transaction)
        }
        return .json("metadata_ref", request.reference("secrets/\(request["secret_id"])/metadata"))
    }

    // MARK: One

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.trimmedBody
        let (name, value) = (try Self.name(body["key"]?.string ?? ""), body["value"]?.string ?? "")
        try await parts.database.write { [parts] transaction in
            let secret = try parts.secret(request, in: transaction)
            guard try SecretRecords.metadata(of: secret.id, in: transaction)[name] == nil else {
                throw KeyManagerError.conflict("Conflict. Key in request is already in the secret metadata")
            }
            try SecretRecords.setMetadatum(name, value, of: secret.id, in: transaction)
        }
        var response = Self.answer(name, value)
        response.headers[.location] = request.reference("secrets/\(request["secret_id"])/metadata/\(name)")
        return response
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let name = request["name"]
        let value = try await parts.database.read { [parts] reader in
            try SecretRecords.metadata(of: try parts.secret(request, in: reader).id, in: reader)[name]
        }
        guard let value else { throw Self.unknown }
        return Self.answer(name, value)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let body = request.trimmedBody
        let (name, value) = (try Self.name(body["key"]?.string ?? ""), body["value"]?.string ?? "")
        try await parts.database.write { [parts] transaction in
            let secret = try parts.secret(request, in: transaction)
            guard try SecretRecords.metadata(of: secret.id, in: transaction)[request["name"]] != nil else { throw Self.unknown }
            guard request["name"] == name else {
                throw KeyManagerError.conflict("Key in request data does not match key in the request url.")
            }
            try SecretRecords.setMetadatum(name, value, of: secret.id, in: transaction)
        }
        return Self.answer(name, value)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.database.write { [parts] transaction in
            let secret = try parts.secret(request, in: transaction)
            guard try SecretRecords.deleteMetadatum(request["name"], of: secret.id, in: transaction) else { throw Self.unknown }
        }
        return .empty()
    }
}
