import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// Orders: keys and pairs of keys made by the key manager. They are carried out before the answer, so that no order is ever
/// pending; one that can't be carried out is kept with the reason.
struct OrderEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        let one = "/v1/orders/{order_id}"
        return [
            Endpoint(.get, "/v1/orders", "List orders", access: .rule("orders:get"), handler: list),
            Endpoint(
                .post, "/v1/orders", "Order a key", access: .rule("orders:post"), body: .json(Self.schema), success: .accepted,
                handler: create),
            Endpoint(.get, one, "Show an order", access: .ruleOnResource("order:get"), handler: show),
            Endpoint(.delete, one, "Delete an order", access: .ruleOnResource("order:delete"), success: .noContent, handler: delete),
        ]
    }

    private static let schema: Schema = .object(
        [("type", .oneOf(["key", "asymmetric"])), ("meta", SecretDraft.schema)], required: ["type", "meta"], additional: .any)

    // MARK: Show and delete

    private func order(_ request: APIRequest, in reader: any Reader) throws -> KeyOrder {
        guard let order = try OrderRecords.find(request["order_id"], of: try request.caller().projectID, in: reader) else {
            throw KeyManagerError.notFound("Order not found.")
        }
        try request.authorize([
            "target.order.project_id": .string(order.projectID), "target.order.creator_id": .string(order.creatorID),
        ])
        return order
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (page, projectID) = (ListPage(request.query, parts.options), try request.caller().projectID)
        let (orders, total) = try await parts.database.read { try OrderRecords.list(of: projectID, page, in: $0) }
        return .json {
            $0.object {
                $0.member("orders", array: orders.map { OrderView(order: $0, request: request) })
                page.writeLinks(request, "orders", total: total, isEmpty: orders.isEmpty, to: &$0)
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let order = try await parts.database.read { try self.order(request, in: $0) }
        return .json { OrderView(order: order, request: request).write(to: &$0) }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.database.write { try OrderRecords.delete(try order(request, in: $0).id, in: $0) }
        return .empty()
    }

    // MARK: Order

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let (body, caller) = (request.trimmedBody, try request.caller())
        let meta = body["meta"] ?? [:]
        let draft = try SecretDraft(meta, order: true, largest: parts.options.largestPayload)
        let specification = try KeySpecification(draft)
        let type = body["type"]?.string.flatMap { KeyOrder.Kind(rawValue: $0) } ?? .key
        // Making a pair takes long: whoever may not order more is told so first.
        try await parts.database.read { [options = parts.options] in
            try QuotaRecords.check(.orders, of: caller.projectID, options, in: $0)
        }
        let work = OrderWork(
            parts: parts, draft: draft, specification: specification, projectID: caller.projectID, creatorID: caller.userID)
        let passphrase = Self.passphraseNames.lazy.compactMap { meta[$0]?.string }.first
        let made = type == .key ? work.makeKey() : try await work.makePair(passphrase: passphrase)
        let order = try await store(made, type, Self.withoutPassphrase(meta), caller)
        let url = request.reference("orders/\(order.id)")
        return .json(headers: [.location: url], "order_ref", url)
    }

    /// Upstream reads the one, its client writes the other.
    private static let passphraseNames = ["passphrase", "pass_phrase"]

    /// What was asked for, as it is kept and shown: the passphrase is a secret of its own.
    private static func withoutPassphrase(_ meta: JSON) -> JSON {
        guard var object = meta.object else { return meta }
        for name in passphraseNames { object[name] = nil }
        return .object(object)
    }

    private func store(
        _ made: MadeKeys, _ type: KeyOrder.Kind, _ meta: JSON, _ caller: (projectID: String, userID: String)
    ) async throws -> KeyOrder {
        let now = Timestamp.now
        let order = KeyOrder(
            id: Identifier.uuid(), projectID: caller.projectID, creatorID: caller.userID, type: type, meta: meta, outcome: made.outcome,
            createdAt: now, updatedAt: now)
        try await parts.database.write { [options = parts.options] transaction in
            try QuotaRecords.check(.orders, of: order.projectID, options, in: transaction)
            for secret in made.secrets { try SecretRecords.insert(secret, in: transaction) }
            if let container = made.container { try ContainerRecords.insert(container, in: transaction) }
            try OrderRecords.insert(order, in: transaction)
        }
        return order
    }
}

/// The key that an order asks for.
struct KeySpecification: Sendable, Hashable {
    let algorithm: String
    let bits: Int
    let mode: String?

    /// - Throws: 400 for an order without algorithm or length, or with a length that no key has.
    init(_ draft: SecretDraft) throws(KeyManagerError) {
        guard let algorithm = draft.algorithm, !algorithm.isEmpty else {
            throw .invalid("Order", "meta", "'algorithm' is required field for an order")
        }
        guard let bits = draft.bitLength else { throw .invalid("Order", "meta", "'bit_length' is required field for an order") }
        let isCurve = algorithm.lowercased() == "ec"
        guard isCurve ? [256, 384, 521].contains(bits) : bits % 8 == 0 else {
            throw .badRequest("Provided field value is not supported: bit_length")
        }
        (self.algorithm, self.bits, mode) = (algorithm, bits, draft.mode)
    }

    /// Whether symmetric keys of this kind are made. XTS halves a key, so it takes one twice as long.
    var isSymmetric: Bool {
        let lengths = mode?.lowercased() == "xts" ? [128, 256, 384, 512] : [64, 128, 192, 256]
        let algorithms = ["aes", "des", "3des", "hmacsha1", "hmacsha256", "hmacsha384", "hmacsha512"]
        return algorithms.contains(algorithm.lowercased()) && lengths.contains(bits)
    }

    /// The pair of keys that this asks for; nil for one that is not made here. DSA of 4096 bits, which upstream makes, would take
    /// minutes of a processor; curves are what its KMIP plugin makes.
    var pair: PairKind? {
        switch algorithm.lowercased() {
        case "rsa" where [1024, 2048, 4096].contains(bits): .rsa(bits: bits)
        case "dsa" where [1024, 2048].contains(bits): .dsa(bits: bits)
        case "ec" where [256, 384, 521].contains(bits): .curve("P-\(bits)")
        default: nil
        }
    }

    /// The type of the container that holds such a pair: the algorithm's name, as upstream has it.
    var containerType: SecretContainer.Kind { SecretContainer.Kind(rawValue: algorithm.lowercased()) ?? .generic }
}

/// What carrying an order out has made, to be stored at once.
struct MadeKeys: Sendable {
    var secrets: [StoredSecret] = []
    var container: SecretContainer?
    let outcome: KeyOrder.Outcome

    /// Nothing, for a kind of key that is not made here.
    static let unsupported = MadeKeys(outcome: .failure(status: 400, reason: "Secret generate supported plugin not found."))
}

/// Makes what an order asks for.
struct OrderWork: Sendable {
    let parts: KeyManager.Parts
    let draft: SecretDraft
    let specification: KeySpecification
    let projectID: String
    let creatorID: String

    func makeKey() -> MadeKeys {
        guard specification.isSymmetric else { return .unsupported }
        let key = secret(RandomBytes.make(specification.bits / 8), .symmetric)
        return MadeKeys(secrets: [key], outcome: .secret(key.id))
    }

    func makePair(passphrase: String?) async throws -> MadeKeys {
        guard let kind = specification.pair else { return .unsupported }
        let phrase = passphrase.flatMap { $0.isEmpty ? nil : Secret($0) }
        guard let pair = try await parts.forge.make(kind, passphrase: phrase) else {
            return MadeKeys(outcome: .failure(status: 500, reason: "The key could not be made."))
        }
        var named = [
            ("private_key", secret(pair.privateKey.reveal(), .private)),
            ("public_key", secret(pair.publicKey, .public)),
        ]
        if let phrase { named.append(("private_key_passphrase", secret(Array(phrase.reveal().utf8), .passphrase))) }
        let container = SecretContainer(
            id: Identifier.uuid(), projectID: projectID, creatorID: creatorID, name: draft.name, type: specification.containerType,
            references: named.map { SecretContainer.Reference(name: $0.0, secretID: $0.1.id) }, createdAt: .now, updatedAt: .now)
        return MadeKeys(secrets: named.map(\.1), container: container, outcome: .container(container.id))
    }

    private func secret(_ payload: [UInt8], _ type: StoredSecret.Kind) -> StoredSecret {
        var secret = draft.secret(id: Identifier.uuid(), projectID: projectID, creatorID: creatorID, at: .now)
        (secret.type, secret.contentType) = (type, draft.contentType ?? .octetStream)
        secret.sealedPayload = parts.cipher.seal(payload)
        return secret
    }
}
