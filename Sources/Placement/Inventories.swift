import CloudCore
import CloudStore

/// What may become of inventories; every function is a part of its caller's transaction.
enum Inventories {
    /// Makes a provider's inventories exactly these.
    static func replace(
        _ inventories: [String: Inventory], of provider: ResourceProvider, now: Timestamp, in transaction: any Transaction
    ) throws {
        try checkClasses(inventories.keys, of: provider, "update", in: transaction)
        let present = try InventoryRecords.list(of: provider.uuid, in: transaction).map(\.resourceClass)
        let removed = present.filter { inventories[$0] == nil }
        if !removed.isEmpty {
            let used = try InventoryRecords.inUse(removed, of: provider.uuid, in: transaction)
            guard used.isEmpty else {
                throw PlacementError.inventoryInUse("update conflict: \(inUse(used, provider.uuid))")
            }
            try InventoryRecords.delete(removed, of: provider.uuid, in: transaction)
        }
        for (resourceClass, inventory) in inventories.sorted(by: { $0.key < $1.key }) {
            try InventoryRecords.put(inventory, of: resourceClass, provider: provider.uuid, now: now, in: transaction)
        }
        try ProviderRecords.bumpGenerations(of: [provider.uuid], now: now, in: transaction)
    }

    static func add(
        _ inventory: Inventory, of resourceClass: String, to provider: ResourceProvider, now: Timestamp,
        in transaction: any Transaction
    ) throws {
        try checkClasses([resourceClass], of: provider, "create", in: transaction)
        guard try !has(resourceClass, provider, in: transaction) else {
            throw PlacementError.concurrentUpdate("Update conflict: there is an inventory of class \(resourceClass) already.")
        }
        try InventoryRecords.put(inventory, of: resourceClass, provider: provider.uuid, now: now, in: transaction)
        try ProviderRecords.bumpGenerations(of: [provider.uuid], now: now, in: transaction)
    }

    static func update(
        _ inventory: Inventory, of resourceClass: String, at provider: ResourceProvider, now: Timestamp,
        in transaction: any Transaction
    ) throws {
        guard try has(resourceClass, provider, in: transaction) else {
            throw PlacementError.badRequest(
                "No inventory record with resource class for resource provider \(provider.uuid): "
                    + "No inventory of class \(resourceClass) found.")
        }
        try InventoryRecords.put(inventory, of: resourceClass, provider: provider.uuid, now: now, in: transaction)
        try ProviderRecords.bumpGenerations(of: [provider.uuid], now: now, in: transaction)
    }

    static func delete(
        _ resourceClass: String, of provider: ResourceProvider, now: Timestamp, in transaction: any Transaction
    ) throws {
        guard try has(resourceClass, provider, in: transaction) else {
            throw PlacementError.notFound("No inventory of class \(resourceClass) found for delete: "
                + "No inventory of class \(resourceClass) found for delete")
        }
        let used = try InventoryRecords.inUse([resourceClass], of: provider.uuid, in: transaction)
        guard used.isEmpty else {
            throw PlacementError.concurrentUpdate(
                "Unable to delete inventory of class \(resourceClass): \(inUse(used, provider.uuid))")
        }
        try InventoryRecords.delete([resourceClass], of: provider.uuid, in: transaction)
        try ProviderRecords.bumpGenerations(of: [provider.uuid], now: now, in: transaction)
    }

    private static func has(_ resourceClass: String, _ provider: ResourceProvider, in reader: any Reader) throws -> Bool {
        try InventoryRecords.list(of: provider.uuid, in: reader).contains { $0.resourceClass == resourceClass }
    }

    private static func checkClasses(
        _ names: some Collection<String>, of provider: ResourceProvider, _ verb: String, in reader: any Reader
    ) throws {
        guard let unknown = try ResourceClassRecords.unknown(names, in: reader).first else { return }
        let message = verb == "create"
            ? "Unable to create inventory for resource provider \(provider.uuid)"
            : "Unknown resource class in inventory for resource provider \(provider.uuid)"
        throw PlacementError.badRequest("\(message): No such resource class \(unknown).")
    }

    private static func inUse(_ resourceClasses: [String], _ provider: String) -> String {
        "Inventory for '\(resourceClasses.joined(separator: ", "))' on resource provider '\(provider)' in use."
    }
}
