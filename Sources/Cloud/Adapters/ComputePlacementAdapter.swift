import CloudStore
import Compute
import Placement

/// Placement as compute asks for it.
struct ComputePlacementAdapter: ComputePlacement {
    let placement: Placement

    func candidates(_ resources: [String: Int], limit: Int, in reader: any Reader) throws -> [HostCandidate] {
        try placement.candidates(resources: resources, limit: limit, in: reader).map {
            HostCandidate(provider: $0.provider, free: $0.free)
        }
    }

    func claim(
        server id: String, projectID: String, userID: String, provider: String, resources: [String: Int],
        in transaction: any Transaction
    ) throws {
        do {
            try placement.claim(
                consumer: id, project: projectID, user: userID, allocations: [provider: resources], in: transaction)
        } catch is ClaimRefused {
            throw HostFull()
        }
    }

    func release(server id: String, in transaction: any Transaction) throws {
        try placement.release(consumer: id, in: transaction)
    }

    func report(
        provider: String, name: String, inventories: [HostResource], in transaction: any Transaction
    ) throws {
        try placement.ensureProvider(uuid: provider, name: name, in: transaction)
        let offered = inventories.map { resource in
            let inventory = Inventory(
                total: resource.total, reserved: resource.reserved, maximumUnit: resource.total,
                allocationRatio: resource.allocationRatio)
            return (resource.resourceClass, inventory)
        }
        try placement.setInventory(
            provider: provider, inventories: Dictionary(uniqueKeysWithValues: offered), in: transaction)
    }
}
