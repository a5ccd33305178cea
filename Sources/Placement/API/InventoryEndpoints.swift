import CloudAPI
import CloudCore
import CloudStore

/// What providers have to give.
struct InventoryEndpoints: Sendable {
    let database: any Database

    private static let path = "/resource_providers/{uuid}/inventories"

    var table: [Endpoint] {
        let rule = PlacementPolicies.Name.inventories
        let one = Self.path + "/{resource_class}"
        return [
            Endpoint(.get, Self.path, "List inventories", access: .rule(rule + ":list"), handler: list),
            Endpoint(
                .put, Self.path, "Replace all inventories", access: .rule(rule + ":update"),
                body: .json(PlacementSchemas.inventories), handler: replace),
            Endpoint(
                .post, Self.path, "Add an inventory", access: .rule(rule + ":create"),
                body: .json(PlacementSchemas.createInventory), success: .created, handler: add),
            Endpoint(
                .delete, Self.path, "Refuse to delete all inventories", microversions: .through(1, 4),
                access: .rule(rule + ":delete"), handler: refuse),
            Endpoint(
                .delete, Self.path, "Delete all inventories", microversions: .from(1, 5), access: .rule(rule + ":delete"),
                success: .noContent, handler: deleteAll),
            Endpoint(.get, one, "Show an inventory", access: .rule(rule + ":show"), handler: show),
            Endpoint(
                .put, one, "Change an inventory", access: .rule(rule + ":update"),
                body: .json(PlacementSchemas.updateInventory), handler: update),
            Endpoint(.delete, one, "Delete an inventory", access: .rule(rule + ":delete"), success: .noContent, handler: delete),
        ]
    }

    // MARK: All of a provider

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let uuid = request["uuid"]
        let (provider, inventories) = try await database.read { reader in
            (try Providers.get(uuid, in: reader), try InventoryRecords.list(of: uuid, in: reader))
        }
        return answer(inventories, generation: provider.generation, request)
    }

    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        let (uuid, generation) = (request["uuid"], request.body["resource_provider_generation"]?.int ?? -1)
        let stored = try await database.write { transaction in
            // A stale generation counts before a wrong inventory, as upstream has it.
            let provider = try Providers.get(uuid, seen: generation, in: transaction)
            let wanted = InventoryBody.inventories(request.body)
            for (resourceClass, inventory) in wanted { try check(inventory, of: resourceClass, "update", request) }
            try Inventories.replace(wanted, of: provider, now: .now, in: transaction)
            return try InventoryRecords.list(of: uuid, in: transaction)
        }
        return answer(stored, generation: generation + 1, request)
    }

    @Sendable private func refuse(_ request: APIRequest) async throws -> APIResponse {
        throw Fault(.methodNotAllowed, "The method DELETE is not allowed for this resource.", headers: [.allow: "GET, POST, PUT"])
    }

    @Sendable private func deleteAll(_ request: APIRequest) async throws -> APIResponse {
        let uuid = request["uuid"]
        try await database.write { transaction in
            try Inventories.replace([:], of: try Providers.get(uuid, in: transaction), now: .now, in: transaction)
        }
        return .empty()
    }

    private func answer(_ inventories: [StoredInventory], generation: Int, _ request: APIRequest) -> APIResponse {
        .json(headers: request.freshness(inventories.map(\.updatedAt).latest)) {
            $0.object {
                $0.member("resource_provider_generation", generation)
                $0.member("inventories") { json in
                    json.object { json in
                        for stored in inventories {
                            json.member(stored.resourceClass, InventoryView(inventory: stored.inventory, generation: nil))
                        }
                    }
                }
            }
        }
    }

    // MARK: One

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let (uuid, resourceClass) = (request["uuid"], request.body["resource_class"]?.string ?? "")
        let inventory = InventoryBody.inventory(request.body)
        try check(inventory, of: resourceClass, "create", request)
        let provider = try await database.write { transaction in
            let provider = try Providers.get(uuid, in: transaction)
            try Inventories.add(inventory, of: resourceClass, to: provider, now: .now, in: transaction)
            return provider
        }
        var headers = request.freshness(.now)
        headers[.location] = "\(request.serviceURL)/resource_providers/\(uuid)/inventories/\(resourceClass)"
        return .json(headers: headers) { $0.write(InventoryView(inventory: inventory, generation: provider.generation + 1)) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let (uuid, resourceClass) = (request["uuid"], request["resource_class"])
        let (provider, inventories) = try await database.read { reader in
            (try Providers.get(uuid, in: reader), try InventoryRecords.list(of: uuid, in: reader))
        }
        guard let stored = inventories.first(where: { $0.resourceClass == resourceClass }) else {
            throw PlacementError.notFound("No inventory of class \(resourceClass) for \(uuid)")
        }
        return .json(headers: request.freshness(stored.updatedAt)) {
            $0.write(InventoryView(inventory: stored.inventory, generation: provider.generation))
        }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (uuid, resourceClass) = (request["uuid"], request["resource_class"])
        let generation = request.body["resource_provider_generation"]?.int ?? -1
        let inventory = InventoryBody.inventory(request.body)
        try check(inventory, of: resourceClass, "update", request)
        try await database.write { transaction in
            let provider = try Providers.get(uuid, seen: generation, in: transaction)
            try Inventories.update(inventory, of: resourceClass, at: provider, now: .now, in: transaction)
        }
        return .json(headers: request.freshness(.now)) {
            $0.write(InventoryView(inventory: inventory, generation: generation + 1))
        }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let (uuid, resourceClass) = (request["uuid"], request["resource_class"])
        try await database.write { transaction in
            let provider = try Providers.get(uuid, in: transaction)
            try Inventories.delete(resourceClass, of: provider, now: .now, in: transaction)
        }
        return .empty()
    }

    private func check(_ inventory: Inventory, of resourceClass: String, _ verb: String, _ request: APIRequest) throws {
        // From 1.26 on everything may be reserved.
        let mayBeEmpty = request.isAtLeast(26)
        guard mayBeEmpty ? inventory.capacity >= 0 : inventory.capacity > 0 else {
            let excess = mayBeEmpty ? "greater than total" : "greater than or equal to total"
            throw PlacementError.badRequest(
                "Unable to \(verb) inventory for resource provider \(request["uuid"]): Invalid inventory for "
                    + "'\(resourceClass)' on resource provider '\(request["uuid"])'. The reserved value is \(excess).")
        }
    }
}

/// What bodies say that providers have.
enum InventoryBody {
    /// All of a provider's, by class.
    static func inventories(_ body: JSON) -> [String: Inventory] {
        (body["inventories"]?.object ?? [:]).reduce(into: [:]) { $0[$1.name] = inventory($1.value) }
    }

    /// One; what is left out has its default.
    static func inventory(_ body: JSON) -> Inventory {
        Inventory(
            total: body["total"]?.int ?? 0, reserved: body["reserved"]?.int ?? 0, minimumUnit: body["min_unit"]?.int ?? 1,
            maximumUnit: body["max_unit"]?.int ?? Inventory.limit, stepSize: body["step_size"]?.int ?? 1,
            allocationRatio: body["allocation_ratio"]?.double ?? 1)
    }
}

/// An inventory as clients see it.
private struct InventoryView: JSONWritable {
    let inventory: Inventory
    /// The provider's generation, where the inventory stands alone.
    let generation: Int?

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("total", inventory.total)
            $0.member("reserved", inventory.reserved)
            $0.member("min_unit", inventory.minimumUnit)
            $0.member("max_unit", inventory.maximumUnit)
            $0.member("step_size", inventory.stepSize)
            $0.member("allocation_ratio", inventory.allocationRatio)
            if let generation { $0.member("resource_provider_generation", generation) }
        }
    }
}
