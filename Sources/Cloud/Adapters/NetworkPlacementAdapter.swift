import CloudStore
import Networking
import Placement

/// Placement as networking tells it of bandwidths.
struct NetworkPlacementAdapter: NetworkPlacement {
    let placement: Placement

    func report(_ provider: BandwidthProvider, in transaction: any Transaction) throws {
        let isKnown = try placement.ensureProvider(
            uuid: provider.uuid, name: provider.name, belowProviderNamed: provider.host, in: transaction)
        guard isKnown else { return }
        try placement.setInventory(
            provider: provider.uuid, inventories: provider.inventories.mapValues { Inventory(total: $0, maximumUnit: $0) },
            in: transaction)
        guard try placement.traits(provider: provider.uuid, in: transaction) != provider.traits else { return }
        try placement.ensureTraits(provider.traits, in: transaction)
        try placement.setTraits(provider.traits, provider: provider.uuid, in: transaction)
    }

    func adjust(_ consumer: String, by difference: [String: [String: Int]], in transaction: any Transaction) throws {
        do {
            try placement.adjust(consumer: consumer, by: difference, in: transaction)
        } catch is ClaimRefused {
            throw PlacementHasNoRoom()
        }
    }
}
