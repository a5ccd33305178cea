import CloudAPI
import CloudCore
import CloudStore

/// Who uses a secret or container, as services register themselves.
struct ConsumerEndpoints: Sendable {
    let parts: KeyManager.Parts
    let kind: Holder.Kind

    var table: [Endpoint] {
        let path = "/v1/\(kind.collection)/{\(kind.rawValue)_id}/consumers"
        let rule = "\(kind.rawValue)_consumers"
        return [
            Endpoint(.get, path, "List a \(kind.rawValue)'s consumers", access: .ruleOnResource("\(rule):get"), handler: list),
            Endpoint(
                .post, path, "Register a consumer", access: .ruleOnResource("\(rule):post"), body: .json(schema), handler: create),
            Endpoint(
                .delete, path, "Remove a consumer", access: .ruleOnResource("\(rule):delete"), body: .json(schema), handler: delete),
            Endpoint(.get, path + "/{consumer_id}", "Show a consumer", access: .ruleOnResource("consumer:get"), handler: show),
        ]
    }

    private var schema: Schema {
        let text = Schema.string(length: 1...255)
        return switch kind {
        case .secret:
            .object(
                [("service", text), ("resource_type", text), ("resource_id", text)],
                required: ["service", "resource_type", "resource_id"], additional: .any)
        case .container:
            .object([("name", .string(length: 1...36)), ("URL", text)], required: ["name", "URL"], additional: .any)
        }
    }

    private static let unknown = KeyManagerError.notFound("Consumer not found.")

    /// The consumer that a body describes.
    private func consumer(_ request: APIRequest) throws -> Consumer {
        let (body, now) = (request.trimmedBody, Timestamp.now)
        func text(_ name: String) -> String { body[name]?.string ?? "" }
        return Consumer(
            id: Identifier.uuid(), holderID: request["\(kind.rawValue)_id"], projectID: try request.caller().projectID,
            name: text(kind == .secret ? "service" : "name"), resourceType: kind == .secret ? text("resource_type") : "",
            reference: text(kind == .secret ? "resource_id" : "URL"), createdAt: now, updatedAt: now)
    }

    // MARK: Show

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let page = ListPage(request.query, parts.options)
        let (consumers, total) = try await parts.database.read { [parts, kind] reader in
            try HolderRecords.consumers(of: try parts.holder(kind, request, in: reader).id, page, in: reader)
        }
        let path = "\(kind.collection)/\(request["\(kind.rawValue)_id"])/consumers"
        return .json {
            $0.object {
                $0.member("consumers", array: consumers.map { ConsumerView($0, kind, isWhole: true) })
                page.writeLinks(request, path, total: total, isEmpty: consumers.isEmpty, to: &$0)
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let consumer = try await parts.database.read { [parts, kind] reader in
            let holder = try parts.holder(kind, request, in: reader)
            return try HolderRecords.consumer(request["consumer_id"], of: holder.id, in: reader)
        }
        guard let consumer else { throw Self.unknown }
        return .json { ConsumerView(consumer, kind, isWhole: true).write(to: &$0) }
    }

    // MARK: Change

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let (consumer, options) = (try consumer(request), parts.options)
        try await parts.database.write { [parts, kind] transaction in
            _ = try parts.holder(kind, request, in: transaction)
            if try HolderRecords.same(as: consumer, in: transaction) == nil {
                try QuotaRecords.check(.consumers, of: consumer.projectID, options, in: transaction)
            }
            try HolderRecords.insert(consumer, in: transaction)
        }
        var response = try await holder(request)
        response.headers[.location] = request.reference("\(kind.collection)/\(consumer.holderID)/consumers")
        return response
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let consumer = try consumer(request)
        try await parts.database.write { [parts, kind] transaction in
            let holder = try parts.holder(kind, request, in: transaction)
            guard let stored = try HolderRecords.same(as: consumer, in: transaction) else { throw Self.unknown }
            guard [stored.projectID, holder.projectID].contains(consumer.projectID) else {
                throw KeyManagerError.forbidden("Not Allowed. Sorry, only the creator of a consumer can delete it.")
            }
            try HolderRecords.deleteConsumer(stored.id, in: transaction)
        }
        return try await holder(request)
    }

    /// The secret or container with the consumers that it has now. It may be gone again since the change.
    private func holder(_ request: APIRequest) async throws -> APIResponse {
        let id = request["\(kind.rawValue)_id"]
        return try await parts.database.read { [kind] reader in
            let consumers = try HolderRecords.consumers(of: [id], in: reader)[id] ?? []
            if kind == .secret, let secret = try SecretRecords.find(id, now: .now, in: reader) {
                return .json { SecretView(secret, consumers: consumers, request).write(to: &$0) }
            }
            guard let container = try ContainerRecords.find(id, in: reader) else { throw kind.notFound }
            return .json { ContainerView(container: container, consumers: consumers, request: request).write(to: &$0) }
        }
    }
}
