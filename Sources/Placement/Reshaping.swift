import CloudCore
import CloudStore

/// What a provider shall have from now on, and the generation that the writer has seen.
struct ProviderInventories: Sendable {
    let provider: String
    let generation: Int
    let inventories: [String: Inventory]
}

/// Moves inventories from provider to provider together with what was given of them, as when a host's resources get
/// NUMA nodes of their own: in one transaction, in which neither an allocation without inventory nor an inventory in
/// use that is gone can ever be seen.
enum Reshaping {
    /// - Throws: `PlacementError` and `ClaimRefused`, as writing inventories and claims does.
    static func write(
        _ shapes: [ProviderInventories], _ claims: [ConsumerClaim], now: Timestamp, in transaction: any Transaction
    ) throws {
        for shape in shapes { try check(shape, in: transaction) }
        let classes = Set(shapes.flatMap(\.inventories.keys) + claims.flatMap { $0.resources.values.flatMap(\.keys) })
        try Claims.checkConsumers(claims, in: transaction)
        if let unknown = try ResourceClassRecords.unknown(classes, in: transaction).first {
            throw PlacementError.badRequest("malformed reshaper data: No such resource class \(unknown).")
        }
        // First what shall be beside what has been, so that the claims find both.
        for shape in shapes where !shape.inventories.isEmpty {
            for (resourceClass, inventory) in shape.inventories {
                try InventoryRecords.put(inventory, of: resourceClass, provider: shape.provider, now: now, in: transaction)
            }
            try ProviderRecords.bumpGenerations(of: [shape.provider], now: now, in: transaction)
        }
        try Claims.write(claims, now: now, in: transaction)
        for shape in shapes {
            let provider = try Providers.get(shape.provider, in: transaction)
            try Inventories.replace(shape.inventories, of: provider, now: now, in: transaction)
        }
    }

    private static func check(_ shape: ProviderInventories, in reader: any Reader) throws {
        guard let provider = try ProviderRecords.find(shape.provider, in: reader) else {
            throw PlacementError.noProviderInBody(
                "Resource provider \(shape.provider) in inventories not found: "
                    + "No resource provider with uuid \(shape.provider) found")
        }
        guard provider.generation == shape.generation else {
            throw PlacementError.concurrentUpdate(
                "resource provider generation conflict for provider \(shape.provider): "
                    + "actual: \(provider.generation), given: \(shape.generation)")
        }
    }
}
