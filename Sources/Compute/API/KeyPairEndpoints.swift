import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Key pairs of a user.
struct KeyPairEndpoints: Sendable {
    let compute: Compute.Parts

    private static func createSchema(from minor: Int) -> (from: Microversion, schema: Schema) {
        let characters = minor >= 92 ? #"[a-zA-Z0-9@._ -]"# : #"[a-zA-Z0-9_ -]"#
        var members: [(name: String, schema: Schema)] = [
            ("name", .string(length: 1...255, pattern: "(?! )\(characters)+(?<! )")), ("public_key", .string(length: 0...65535)),
        ]
        if minor >= 2 { members.append(("type", .oneOf(["ssh", "x509"]))) }
        if minor >= 10 { members.append(("user_id", .string(length: 0...255))) }
        let required = minor >= 92 ? ["name", "public_key"] : ["name"]
        return (Microversion(2, minor), .object([("keypair", .object(members, required: required))], required: ["keypair"]))
    }

    var table: [Endpoint] {
        func rule(_ name: String) -> Access { .ruleOnResource("os_compute_api:os-keypairs:\(name)") }
        return [
            Endpoint(.get, "/v2.1/os-keypairs", "List key pairs", access: rule("index"), handler: list),
            Endpoint(
                .post, "/v2.1/os-keypairs", "Import or make a key pair", access: rule("create"),
                body: .versioned([1, 2, 10, 92].map(Self.createSchema)), handler: create),
            Endpoint(.get, "/v2.1/os-keypairs/{name}", "Show a key pair", access: rule("show"), handler: show),
            Endpoint(
                .delete, "/v2.1/os-keypairs/{name}", "Delete a key pair", access: rule("delete"), success: .accepted,
                handler: delete),
        ]
    }

    /// The user whose key pairs are meant, after asking the rule about that user.
    private func user(_ request: APIRequest, _ named: String?) throws -> String {
        let own = request.token?.userID ?? ""
        let named = named.flatMap { $0.isEmpty ? nil : $0 }
        let userID = request.microversion >= Microversion(2, 10) ? named ?? own : own
        try request.authorize(["user_id": .string(userID)])
        return userID
    }

    /// The user that the query names; the first counts.
    private func user(_ request: APIRequest) throws -> String { try user(request, request.query.all("user_id").first) }

    private static func check(_ request: APIRequest, _ others: [(name: String, schema: Schema)] = []) throws {
        try QueryRules([("user_id", .string())] + others, strictFrom: 75).check(request)
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let isPaged = request.microversion >= Microversion(2, 35)
        try Self.check(request, isPaged ? QueryRules.paging : [])
        let userID = try user(request)
        let rules = PageRules(.nova, maximumLimit: isPaged ? compute.options.maximumListLength : .max)
        let page = try PageRequest(isPaged ? request.query : .empty, rules)
        let marker = page.marker
        let found = try await compute.database.read { reader in
            if let marker, try KeyPairRecords.find(userID: userID, name: marker, in: reader) == nil {
                throw ComputeError.badRequest("Marker \(marker) could not be found.")
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
                if isPaged { links.writeNext("keypairs_links", to: &$0) }
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
        let (userID, name) = (try user(request, body["user_id"]?.string), body["name"]?.string ?? "")
        let kind = body["type"]?.string.flatMap(KeyPair.Kind.init) ?? .ssh
        let allowance = try await compute.limits(project: request.token?.projectID ?? "", user: request.token?.userID)
        // What can't be kept is not worth the making; the transaction that keeps it looks again.
        try await compute.database.read { try Self.check(name, of: userID, allowance, in: $0) }
        let material: KeyMaterial
        if let publicKey = body["public_key"]?.string {
            material = try KeyMaterial(importing: publicKey, kind: kind)
        } else {
            material = try await KeyFactory.shared.make(kind, userID: userID)
        }
        let pair = try await compute.database.write { transaction -> KeyPair in
            try Self.check(name, of: userID, allowance, in: transaction)
            let pair = KeyPair(
                id: try KeyPairRecords.nextID(in: transaction), userID: userID, name: name, kind: kind,
                publicKey: material.publicKey, fingerprint: material.fingerprint, createdAt: .now)
            try KeyPairRecords.insert(pair, in: transaction)
            return pair
        }
        return .json(status: request.microversion >= Microversion(2, 2) ? .created : .ok) {
            $0.object {
                $0.member("keypair") {
                    $0.object {
                        writeCore(pair, request, to: &$0)
                        $0.member("user_id", pair.userID)
                        if let privateKey = material.privateKey { $0.member("private_key", privateKey) }
                    }
                }
            }
        }
    }

    private static func check(
        _ name: String, of userID: String, _ allowance: ComputeAllowance, in reader: any Reader
    ) throws {
        try allowance.checkKeyPairs(of: userID, in: reader)
        guard try KeyPairRecords.find(userID: userID, name: name, in: reader) == nil else {
            throw ComputeError.conflict("Key pair '\(name)' already exists.")
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try Self.check(request)
        let (userID, name) = (try user(request), request["name"])
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
        try Self.check(request)
        let (userID, name) = (try user(request), request["name"])
        let found = try await compute.database.write { try KeyPairRecords.delete(userID: userID, name: name, in: $0) }
        guard found else { throw missing(name, userID) }
        return .empty(status: request.microversion >= Microversion(2, 2) ? .noContent : .accepted)
    }
}
