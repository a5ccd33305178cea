import CloudAPI
import CloudCore
import CloudStore
import HTTPTypes

/// What a secret is and what is in it: the same address answers either, as the Accept header says.
struct PayloadEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v1/secrets/{secret_id}", "Show a secret, or fetch its payload (by Accept)",
                access: .ruleOnResource("secret:get"), handler: show),
            Endpoint(
                .get, "/v1/secrets/{secret_id}/payload", "Fetch a secret's payload", access: .ruleOnResource("secret:decrypt"),
                handler: fetch),
            Endpoint(
                .put, "/v1/secrets/{secret_id}", "Give a secret its payload", access: .ruleOnResource("secret:put"),
                body: .stream(mediaTypes: ["application/octet-stream", "text/plain"], limit: parts.options.largestPayload),
                success: .noContent, handler: put),
        ]
    }

    // MARK: Show and fetch

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let accept = request.head.headerFields[.accept]
        guard accept == nil || accept == "application/json" || accept == "*/*" else {
            let secret = try await parts.database.read { [parts] in try parts.secret(request, also: "secret:decrypt", in: $0) }
            return try payload(of: secret, accept: accept)
        }
        let (secret, consumers) = try await parts.database.read { [parts] reader in
            let secret = try parts.secret(request, in: reader)
            return (secret, try HolderRecords.consumers(of: [secret.id], in: reader)[secret.id] ?? [])
        }
        if request.query["transport_key_needed"]?.lowercased() == "true" {
            throw KeyManagerError.badRequest("No plugin was found that could support your request")
        }
        return .json { SecretView(secret, consumers: consumers, request).write(to: &$0) }
    }

    @Sendable private func fetch(_ request: APIRequest) async throws -> APIResponse {
        let secret = try await parts.database.read { [parts] in try parts.secret(request, in: $0) }
        return try payload(of: secret, accept: request.head.headerFields[.accept])
    }

    private func payload(of secret: StoredSecret, accept: String?) throws(KeyManagerError) -> APIResponse {
        guard let sealed = secret.sealedPayload, let stored = secret.contentType else {
            throw .notFound("Not Found. Sorry but your secret has no payload.")
        }
        let asked = accept.flatMap { $0.isEmpty ? nil : $0 } ?? PayloadType.octetStream.rawValue
        guard let type = asked == "*/*" ? stored : PayloadType(mediaType: asked) else { throw .notAcceptable }
        let bytes = try parts.open(sealed)
        guard type != .text || String(validating: bytes, as: UTF8.self) != nil else { throw .notAcceptable }
        return APIResponse(headers: [.contentType: asked == "*/*" ? type.rawValue : asked], body: .bytes(bytes))
    }

    // MARK: The second step of a storing in two

    @Sendable private func put(_ request: APIRequest) async throws -> APIResponse {
        guard let mediaType = request.head.headerFields[.contentType], let type = PayloadType(mediaType: mediaType) else {
            throw KeyManagerError.unsupportedMediaType
        }
        let body = try await request.stream.collect(upTo: parts.options.largestPayload)
        // Whoever may not do this shall not learn what is wrong with the body.
        _ = try await parts.database.read { [parts] in try parts.secret(request, in: $0) }
        let sealed = parts.cipher.seal(try Self.decoded(body, type, request.head.headerFields[.contentEncoding]))
        try await parts.database.write { [parts] transaction in
            let secret = try parts.secret(request, in: transaction)
            guard secret.sealedPayload == nil else { throw KeyManagerError.conflict("Secret already has data, cannot modify it.") }
            try SecretRecords.setPayload(sealed, type, of: secret.id, now: .now, in: transaction)
        }
        return .empty()
    }

    private static func decoded(_ body: [UInt8], _ type: PayloadType, _ encoding: String?) throws(KeyManagerError) -> [UInt8] {
        guard !body.isEmpty else { throw .badRequest("No information provided to process") }
        guard type != .text else {
            guard String(validating: body, as: UTF8.self) != nil else { throw .badRequest("Unable to decode request data.") }
            return body
        }
        guard let encoding, !encoding.isEmpty else { return body }
        guard encoding.lowercased() == "base64" else { throw .badRequest("Secret encoding of \(encoding) not supported.") }
        guard let bytes = SecretDraft.decodeBase64(String(decoding: body, as: UTF8.self)), !bytes.isEmpty else {
            throw .badRequest("Problem decoding payload")
        }
        return bytes
    }
}
