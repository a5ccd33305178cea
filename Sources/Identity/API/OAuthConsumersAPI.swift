import CloudAPI
import CloudCore

/// `/v3/OS-OAUTH1/consumers`.
extension Identity {
    private static let consumerBody: RequestBody = .json(
        .object([("consumer", .object([("description", Shape.text)], additional: .any))], additional: .any))

    private static let consumerPath = "/OS-OAUTH1/consumers/{consumer_id}"

    var consumerEndpoints: [Endpoint] {
        [
            .guarded(.get, "/OS-OAUTH1/consumers", "List consumers", rule: "identity:list_consumers") { request, gate in
                try gate.open()
                let views = try await listConsumers().map { ConsumerView(consumer: $0, links: Links(request)) }
                return .json { json in
                    json.object { json in
                        json.member("consumers", array: views)
                        json.member("links") { $0.collectionLinks(request, next: nil) }
                    }
                }
            },
            .guarded(
                .post, "/OS-OAUTH1/consumers", "Create a consumer", rule: "identity:create_consumer", body: Self.consumerBody,
                success: .created
            ) { request, gate in
                try gate.open()
                let body = request.body["consumer"]?.object ?? [:]
                let (consumer, secret) = try await createConsumer(
                    description: body["description"]?.string, extra: body.extra(besides: ConsumerView.known))
                return .json("consumer", ConsumerView(consumer: consumer, links: Links(request), secret: secret))
            },
            .guarded(.get, Self.consumerPath, "Show a consumer", rule: "identity:get_consumer") { request, gate in
                try gate.open()
                let consumer = try await consumer(id: request["consumer_id"])
                return .json("consumer", ConsumerView(consumer: consumer, links: Links(request)))
            },
            .guarded(
                .patch, Self.consumerPath, "Change a consumer", rule: "identity:update_consumer", body: Self.consumerBody,
                handler: updateConsumer),
            .guarded(.delete, Self.consumerPath, "Delete a consumer", rule: "identity:delete_consumer", success: .noContent) { request, gate in
                try gate.open()
                try await deleteConsumer(request["consumer_id"])
                return .empty()
            },
        ]
    }

    static let consumerRules = [
        rule("get_consumer", Check.adminOrSystemReader, .systemOrProject, "Show a consumer."),
        rule("list_consumers", Check.adminOrSystemReader, .systemOrProject, "List consumers."),
        rule("create_consumer", Check.admin, .systemOrProject, "Create a consumer."),
        rule("update_consumer", Check.admin, .systemOrProject, "Change a consumer."),
        rule("delete_consumer", Check.admin, .systemOrProject, "Delete a consumer."),
    ]

    private func updateConsumer(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        try gate.open()
        let (body, id) = (request.body["consumer"]?.object ?? [:], request["consumer_id"])
        guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'consumer': nothing to change.") }
        guard body["secret"] == nil else { throw IdentityError.invalid("Invalid input for field 'consumer': the secret can not be changed.") }
        if let named = body["id"], named != .string(id) { throw IdentityError.invalid("Cannot change ID") }
        let changed = try await updateConsumer(id) { consumer in
            if let text = body["description"] { consumer.description = text.string }
            consumer.extra.merge(body.extra(besides: ConsumerView.known))
        }
        return .json("consumer", ConsumerView(consumer: changed, links: Links(request)))
    }
}

/// A consumer, with its secret when it is new.
private struct ConsumerView: JSONWritable {
    static let known: Set<String> = ["id", "description", "secret", "links"]

    let consumer: OAuthConsumer
    let links: Links
    var secret: Secret<String>?

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", consumer.id)
            json.member("description", consumer.description)
            if let secret { json.member("secret", secret.reveal()) }
            json.members(consumer.extra, except: Self.known)
            json.member("links", ["self": links.url("/OS-OAUTH1/consumers/\(consumer.id)")])
        }
    }
}
