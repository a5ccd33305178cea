import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore
import Foundation

/// Key pairs of a user.
struct KeyPairEndpoints: Sendable {
    let compute: Compute.Parts

    private static func createSchema(from minor: Int) -> (from: Microversion, schema: Schema) {
        var members: [(name: String, schema: Schema)] = [
            ("name", .string(length: 1...255, pattern: minor >= 92 ? #"(?! )[a-zA-Z0-9@._ -]+(?<! )"# : #"(?! )[a-zA-Z0-9_ -]+(?<! )"#)),
            ("public_key", .string(length: 1...16384)),
        ]
        if minor >= 2 { members.append(("type", .oneOf(["ssh", "x509"]))) }
        if minor >= 10 { members.append(("user_id", .string(length: 1...255))) }
        let required = minor >= 92 ? ["name", "public_key"] : ["name"]
        return (Microversion(2, minor), .object([("keypair", .object(members, required: required))], required: ["keypair"]))
    }

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/os-keypairs", "List key pairs", access: .ruleOnResource("os_compute_api:os-keypairs:index"), handler: list),
            Endpoint(
                .post, "/v2.1/os-keypairs", "Import a key pair", access: .ruleOnResource("os_compute_api:os-keypairs:create"),
                body: .versioned([1, 2, 10, 92].map(Self.createSchema)), handler: create),
            Endpoint(
                .get, "/v2.1/os-keypairs/{name}", "Show a key pair", access: .ruleOnResource("os_compute_api:os-keypairs:show"),
                handler: show),
            Endpoint(
                .delete, "/v2.1/os-keypairs/{name}", "Delete a key pair",
                access: .ruleOnResource("os_compute_api:os-keypairs:delete"), success: .accepted, handler: delete),
        ]
    }

    /// The user whose key pairs are meant, after asking the rule about that user.
    private func user(_ request: APIRequest, _ named: String?) throws -> String {
        let own = request.token?.userID ?? ""
        let userID = request.microversion >= Microversion(2, 10) ? named ?? own : own
        try request.authorize(["user_id": .string(userID)])
        return userID
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let userID = try user(request, request.query["user_id"])
        let page = try request.page(
            PageRules(.nova, maximumLimit: compute.options.maximumListLength, defaultSort: [SortKey("name")]))
        let marker = page.marker
        let found = try await compute.database.read { reader in
            if let marker, try KeyPairRecords.find(userID: userID, name: marker, in: reader) == nil {
                throw ComputeError.badRequest("marker [\(marker)] not found")
            }
            return try KeyPairRecords.list(userID: userID, after: marker, limit: page.fetchCount, in: reader)
        }
        let (pairs, hasMore) = page.cut(found)
        let links = PageLinks(request, page, ids: pairs.map(\.name), hasMore: hasMore)
        return .json {
            $0.object {
                $0.member("keypairs") { json in
                    json.array { json in
                        for pair in pairs {
                            json.object { $0.member("keypair") { $0.object { writeCore(pair, request, to: &$0) } } }
                        }
                    }
                }
                if request.microversion >= Microversion(2, 35) { links.writeNext("keypairs_links", to: &$0) }
            }
        }
    }

    private func writeCore(_ pair: KeyPair, _ request: APIRequest, to json: inout JSONWriter) {
        json.member("name", pair.name)
        json.member("public_key", pair.publicKey)
        json.member("fingerprint", pair.fingerprint)
        if request.microversion >= Microversion(2, 2) { json.member("type", pair.kind.rawValue) }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["keypair"] ?? .null
        let userID = try user(request, body["user_id"]?.string)
        guard let name = body["name"]?.string, let publicKey = body["public_key"]?.string else {
            throw Fault(
                .notImplemented,
                "Key pairs are not generated here: make one with ssh-keygen and import its public half, as from microversion 2.92 on.")
        }
        guard body["type"]?.string ?? "ssh" == "ssh" else {
            throw Fault(.notImplemented, "x509 key pairs are not supported yet.")
        }
        guard let fingerprint = SSHPublicKey.fingerprint(publicKey) else {
            throw ComputeError.badRequest("Keypair data is invalid: failed to generate fingerprint")
        }
        let quota = compute.options.quota
        let pair = try await compute.database.write { transaction -> KeyPair in
            guard try KeyPairRecords.find(userID: userID, name: name, in: transaction) == nil else {
                throw ComputeError.conflict("Key pair '\(name)' already exists.")
            }
            guard try quota.keyPairs < 0 || KeyPairRecords.count(userID: userID, in: transaction) < quota.keyPairs else {
                throw ComputeError.forbidden("Quota exceeded, too many key pairs.")
            }
            let pair = KeyPair(
                id: try KeyPairRecords.nextID(in: transaction), userID: userID, name: name, kind: .ssh,
                publicKey: publicKey, fingerprint: fingerprint, createdAt: .now)
            try KeyPairRecords.insert(pair, in: transaction)
            return pair
        }
        let status: HTTPResponse.Status = request.microversion >= Microversion(2, 2) ? .created : .ok
        return .json(status: status) {
            $0.object {
                $0.member("keypair") {
                    $0.object {
                        writeCore(pair, request, to: &$0)
                        $0.member("user_id", pair.userID)
                    }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let (userID, name) = (try user(request, request.query["user_id"]), request["name"])
        guard let pair = try await compute.database.read({ try KeyPairRecords.find(userID: userID, name: name, in: $0) })
        else { throw missing(name, userID) }
        return .json {
            $0.object {
                $0.member("keypair") {
                    $0.object {
                        writeCore(pair, request, to: &$0)
                        $0.member("user_id", pair.userID)
                        $0.member("id", pair.id)
                        $0.member("created_at", pair.createdAt.iso8601Naive)
                        $0.member("deleted", false)
                        $0.member("deleted_at", String?.none)
                        $0.member("updated_at", String?.none)
                    }
                }
            }
        }
    }

    private func missing(_ name: String, _ userID: String) -> ComputeError {
        .notFound("Keypair \(name) not found for user \(userID)")
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let (userID, name) = (try user(request, request.query["user_id"]), request["name"])
        let found = try await compute.database.write { try KeyPairRecords.delete(userID: userID, name: name, in: $0) }
        guard found else { throw missing(name, userID) }
        return .empty(status: request.microversion >= Microversion(2, 2) ? .noContent : .accepted)
    }
}

/// Public keys in OpenSSH's one-line form (RFC 4253 section 6.6 within RFC 4716's base64).
enum SSHPublicKey {
    /// The MD5 of the key's bytes as colon-separated pairs; nil for text that is no such key.
    static func fingerprint(_ text: String) -> String? {
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count >= 2, let data = Data(base64Encoded: String(parts[1])), data.count > 8 else { return nil }
        let length = data.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard data.count >= 4 + length, String(decoding: data.dropFirst(4).prefix(length), as: UTF8.self) == parts[0] else { return nil }
        let digits = Array(Digest.of(Array(data), .md5).hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).map { String(digits[$0...$0 + 1]) }.joined(separator: ":")
    }
}
