import CloudAPI
import CloudCore
import CloudStore

/// What consumers have been given.
struct AllocationEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        let rule = PlacementPolicies.Name.allocations
        return [
            Endpoint(
                .post, "/allocations", "Set several consumers' allocations at once", microversions: .from(1, 13),
                access: .rule(rule + ":manage"),
                body: .versioned([13, 28, 34, 38].map { (Microversion(1, $0), PlacementSchemas.manyAllocations(since: $0)) }),
                success: .noContent, handler: setMany),
            Endpoint(.get, "/allocations/{consumer_uuid}", "List a consumer's allocations", access: .rule(rule + ":list"), handler: list),
            Endpoint(
                .put, "/allocations/{consumer_uuid}", "Set a consumer's allocations", access: .rule(rule + ":update"),
                body: .versioned(
                    [(Microversion(1, 0), PlacementSchemas.allocationList(hasOwner: false)),
                        (Microversion(1, 8), PlacementSchemas.allocationList(hasOwner: true))]
                        + [12, 28, 34, 38].map { (Microversion(1, $0), PlacementSchemas.allocations(since: $0, mayBeEmpty: $0 >= 28)) }),
                success: .noContent, handler: set),
            Endpoint(
                .delete, "/allocations/{consumer_uuid}", "Delete a consumer's allocations", access: .rule(rule + ":delete"),
                success: .noContent, handler: delete),
            Endpoint(
                .get, "/resource_providers/{uuid}/allocations", "List what a provider has given",
                access: .rule(PlacementPolicies.Name.providerAllocations), handler: listOfProvider),
        ]
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["consumer_uuid"].canonicalUUID ?? request["consumer_uuid"]
        let (consumer, allocations, generations) = try await database.read { reader in
            let allocations = try AllocationRecords.list(consumer: uuid, in: reader)
            let providers = try ProviderRecords.find(uuids: allocations.map(\.provider), in: reader)
            let generations = Dictionary(providers.map { ($0.uuid, $0.generation) }) { first, _ in first }
            return (try AllocationRecords.consumer(uuid, in: reader), allocations, generations)
        }
        return .json(headers: request.freshness(allocations.map(\.createdAt).latest)) {
            $0.object { json in
                json.member("allocations") { json in
                    json.object { json in
                        for (provider, resources) in allocations.byProvider.sorted(by: { $0.key < $1.key }) {
                            json.member(provider) {
                                $0.object {
                                    $0.member("resources", resources)
                                    $0.member("generation", generations[provider])
                                }
                            }
                        }
                    }
                }
                if let consumer, !allocations.isEmpty { write(consumer, request, to: &json) }
            }
        }
    }

    private func write(_ consumer: Consumer, _ request: APIRequest, to json: inout JSONWriter) {
        guard request.isAtLeast(12) else { return }
        json.member("project_id", consumer.projectID)
        json.member("user_id", consumer.userID)
        if request.isAtLeast(28) { json.member("consumer_generation", consumer.generation) }
        if request.isAtLeast(38) { json.member("consumer_type", consumer.type ?? "unknown") }
    }

    @Sendable private func listOfProvider(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["uuid"]
        let (provider, rows) = try await database.read { reader in
            guard let provider = try ProviderRecords.find(uuid, in: reader) else {
                throw PlacementError.notFound("Resource provider '\(uuid)' not found: No resource provider with uuid \(uuid) found")
            }
            return (provider, try AllocationRecords.list(provider: uuid, in: reader))
        }
        let consumers = Dictionary(grouping: rows, by: \.allocation.consumer).sorted { $0.key < $1.key }
        return .json(headers: request.freshness(rows.map(\.allocation.createdAt).latest)) {
            $0.object { json in
                json.member("allocations") { json in
                    json.object { json in
                        for (consumer, rows) in consumers { write(consumer, rows, request, to: &json) }
                    }
                }
                json.member("resource_provider_generation", provider.generation)
            }
        }
    }

    private func write(
        _ consumer: String, _ rows: [(allocation: Allocation, generation: Int)], _ request: APIRequest, to json: inout JSONWriter
    ) {
        json.member(consumer) {
            $0.object {
                let resources = rows.map { ($0.allocation.resourceClass, $0.allocation.amount) }
                $0.member("resources", Dictionary(uniqueKeysWithValues: resources))
                if request.isAtLeast(28) { $0.member("consumer_generation", rows.first?.generation) }
            }
        }
    }

    // MARK: Changing

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        guard let consumer = request["consumer_uuid"].canonicalUUID else {
            throw PlacementError.badRequest("Malformed consumer_uuid: \(request["consumer_uuid"])")
        }
        let claim = ClaimBody.claim(consumer, request.body, isGuarded: request.isAtLeast(28))
        do {
            try await database.write { try Claims.write([claim], now: .now, in: $0) }
        } catch PlacementError.noResourceClass(let name) {
            throw PlacementError.badRequest(
                "Unable to allocate inventory for consumer \(consumer): No such resource class \(name).")
        }
        return .empty()
    }

    @Sendable private func setMany(_ request: APIRequest) async throws -> APIResponse {
        let claims = try ClaimBody.claims(request.body, isGuarded: request.isAtLeast(28))
        do {
            try await database.write { try Claims.write(claims, now: .now, in: $0) }
        } catch PlacementError.noResourceClass(let name) {
            throw PlacementError.badRequest("Unable to allocate inventory: No such resource class \(name).")
        }
        return .empty()
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let consumer = request["consumer_uuid"].canonicalUUID ?? request["consumer_uuid"]
        guard try await database.write({ try Claims.release(consumer, in: $0) }) else {
            throw PlacementError.notFound("No allocations for consumer '\(consumer)'")
        }
        return .empty()
    }
}

/// What bodies say that consumers shall have.
enum ClaimBody {
    /// The owner of consumers that were made before 1.8 brought owners.
    private static let unknownOwner = "00000000-0000-0000-0000-000000000000"

    /// Several consumers' claims, by their UUIDs.
    static func claims(_ body: JSON?, isGuarded: Bool) throws -> [ConsumerClaim] {
        var seen: Set<String> = []
        return try (body?.object ?? [:]).map { member in
            let consumer = member.name.canonicalUUID ?? member.name
            guard seen.insert(consumer).inserted else {
                throw PlacementError.badRequest("The consumer \(consumer) comes more than once.")
            }
            return claim(consumer, member.value, isGuarded: isGuarded)
        }
    }

    /// - Parameter isGuarded: whether the body says what its writer believes of the consumer (1.28).
    static func claim(_ consumer: String, _ body: JSON, isGuarded: Bool) -> ConsumerClaim {
        var claim = ConsumerClaim(
            consumer: consumer, projectID: body["project_id"]?.string ?? unknownOwner,
            userID: body["user_id"]?.string ?? unknownOwner, type: body["consumer_type"]?.string, resources: [:])
        if isGuarded { claim.expectation = .generation(body["consumer_generation"]?.int) }
        switch body["allocations"] {
        case .array(let list)?:
            for item in list {
                claim.resources[item["resource_provider"]?["uuid"]?.string?.canonicalUUID ?? ""] = resources(item)
            }
        case .object(let object)?:
            for member in object { claim.resources[member.name.canonicalUUID ?? member.name] = resources(member.value) }
        default: break
        }
        return claim
    }

    private static func resources(_ allocation: JSON) -> Resources {
        (allocation["resources"]?.object ?? [:]).reduce(into: [:]) { $0[$1.name] = $1.value.int ?? 0 }
    }
}
