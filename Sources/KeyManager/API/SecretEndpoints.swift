import CloudAPI
import CloudCore
import CloudStore

/// Secrets: store, list, show, delete. Payloads have endpoints of their own.
struct SecretEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v1/secrets", "List secrets", access: .rule("secrets:get"), handler: list),
            Endpoint(
                .post, "/v1/secrets", "Store a secret", access: .rule("secrets:post"), body: .json(SecretDraft.schema),
                success: .created, handler: create),
            Endpoint(
                .delete, "/v1/secrets/{secret_id}", "Delete a secret", access: .ruleOnResource("secret:delete"),
                success: .noContent, handler: delete),
        ]
    }

    // MARK: Lists

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let filter = try SecretListQuery.filter(request)
        let page = ListPage(request.query, parts.options)
        let (secrets, total, consumers) = try await parts.database.read { reader in
            let found = try SecretRecords.list(filter, page, now: .now, in: reader)
            return (found.secrets, found.total, try HolderRecords.consumers(of: found.secrets.map(\.id), in: reader))
        }
        return .json {
            $0.object {
                $0.member("secrets", array: secrets.map { SecretView($0, consumers: consumers[$0.id] ?? [], request) })
                page.writeLinks(
                    request, "secrets", filters: request.query.removing(["limit", "offset"]), total: total, isEmpty: secrets.isEmpty,
                    to: &$0)
            }
        }
    }

    // MARK: Create

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.trimmedBody
        let draft = try SecretDraft(body, order: false, largest: parts.options.largestPayload)
        guard body["transport_key_needed"]?.string != "true", body["transport_key_id"] == nil else {
            throw KeyManagerError.badRequest("No plugin was found that could support your request")
        }
        let caller = try request.caller()
        var draftSecret = draft.secret(id: Identifier.uuid(), projectID: caller.projectID, creatorID: caller.userID, at: .now)
        if let payload = draft.payload {
            (draftSecret.contentType, draftSecret.sealedPayload) = (draft.contentType, parts.cipher.seal(payload.reveal()))
        }
        let (secret, options) = (draftSecret, parts.options)
        try await parts.database.write { transaction in
            try QuotaRecords.check(.secrets, of: secret.projectID, options, in: transaction)
            try SecretRecords.insert(secret, in: transaction)
        }
        let url = request.reference("secrets/\(secret.id)")
        return .json(headers: [.location: url], "secret_ref", url)
    }

    // MARK: Delete

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let isForced = try Self.force(request)
        let sparesUsed = request.microversion >= Microversion(1, 2)
        try await parts.database.write { [parts] transaction in
            let secret = try parts.secret(request, in: transaction)
            if sparesUsed, !isForced, try HolderRecords.consumers(of: [secret.id], in: transaction)[secret.id] != nil {
                throw KeyManagerError.badRequest("Secret has one or more consumers. Use force to delete it anyway.")
            }
            _ = try SecretRecords.delete(secret.id, in: transaction)
        }
        return .empty()
    }

    private static func force(_ request: APIRequest) throws(KeyManagerError) -> Bool {
        guard request.microversion >= Microversion(1, 2), let text = request.query["force"] else { return false }
        switch text.lowercased() {
        case "1", "t", "true", "on", "y", "yes": return true
        case "0", "f", "false", "off", "n", "no": return false
        default: throw SecretListQuery.badQuery
        }
    }
}

/// Reads what a list of secrets is asked to hold.
enum SecretListQuery {
    static let badQuery = KeyManagerError.badRequest("URI provided invalid query string parameters.")

    private static let sortColumns: [String: SQL] = [
        "algorithm": "COALESCE(s.algorithm, '')", "bit_length": "COALESCE(s.bit_length, 0)", "created": "s.created_at",
        "expiration": "COALESCE(s.expires_at, 0)", "mode": "COALESCE(s.mode, '')", "name": "COALESCE(s.name, '')",
        "secret_type": "s.type", "status": "1", "updated": "s.updated_at",
    ]

    /// - Throws: 400 for dates and orders that make no sense.
    static func filter(_ request: APIRequest) throws(KeyManagerError) -> SecretFilter {
        let (query, caller) = (request.query, try request.caller())
        var filter = SecretFilter(projectID: caller.projectID)
        if query["acl_only"]?.lowercased() == "true" { filter.reader = caller.userID }
        let columns: [(String, SQL)] = [("name", "s.name"), ("alg", "s.algorithm"), ("mode", "s.mode")]
        for (name, column) in columns {
            if let pattern = query[name], !pattern.isEmpty { filter.patterns.append((column, pattern)) }
        }
        filter.type = query["secret_type"].flatMap { $0.isEmpty ? nil : $0 }
        filter.bits = query["bits"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        let dates: [(String, SQL)] = [("created", "s.created_at"), ("updated", "s.updated_at"), ("expiration", "s.expires_at")]
        for (name, column) in dates {
            if let text = query[name], !text.isEmpty { filter.bounds += try bounds(text, column) }
        }
        if let text = query["sort"], !text.isEmpty { filter.sort = try sort(text) }
        return filter
    }

    /// `gt:…`, `gte:…`, `lt:…`, `lte:…` or a moment alone, separated by commas; at most one from below and one from above.
    private static func bounds(_ text: String, _ column: SQL) throws(KeyManagerError) -> [SecretFilter.Bound] {
        let comparisons: [(prefix: String, comparison: SQL, side: String)] = [
            ("gte:", ">=", "below"), ("gt:", ">", "below"), ("lte:", "<=", "above"), ("lt:", "<", "above"),
        ]
        var (bounds, sides) = ([SecretFilter.Bound](), Set<String>())
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let known = comparisons.first { item.hasPrefix($0.prefix) }
            guard let moment = Timestamp(iso8601: String(item.dropFirst(known?.prefix.count ?? 0))) else { throw badQuery }
            guard sides.insert(known?.side ?? "equal").inserted else { throw badQuery }
            bounds.append(SecretFilter.Bound(column: column, comparison: known?.comparison ?? "=", moment: moment))
        }
        guard !sides.contains("equal") || sides.count == 1 else { throw badQuery }
        return bounds
    }

    /// `key:direction,key`
    private static func sort(_ text: String) throws(KeyManagerError) -> [(column: SQL, isAscending: Bool)] {
        var (keys, seen) = ([(column: SQL, isAscending: Bool)](), Set<String>())
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            let direction = halves.count > 1 ? halves[1] : "asc"
            guard halves.count <= 2, let column = sortColumns[halves[0]], ["asc", "desc"].contains(direction),
                seen.insert(halves[0]).inserted
            else { throw badQuery }
            if halves[0] != "status" { keys.append((column, direction == "asc")) }
        }
        return keys
    }
}
