import CloudCore
import CloudStore

/// Inventories as rows.
enum InventoryRecords {
    static func list(of provider: String, in reader: any Reader) throws -> [StoredInventory] {
        try reader.all("""
            SELECT i.resource_class, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio, i.updated_at
            FROM placement_inventories i JOIN placement_resource_classes c ON c.name = i.resource_class
            WHERE i.provider_uuid = \(provider) ORDER BY c.number
            """) { row in
            let inventory = Inventory(
                total: try row[1], reserved: try row[2], minimumUnit: try row[3], maximumUnit: try row[4],
                stepSize: try row[5], allocationRatio: try row[6])
            return StoredInventory(resourceClass: try row[0], inventory: inventory, updatedAt: try row[7])
        }
    }

    /// Adds an inventory, or replaces the provider's inventory of that class.
    static func put(
        _ inventory: Inventory, of resourceClass: String, provider: String, now: Timestamp, in transaction: any Transaction
    ) throws {
        try transaction.execute("""
            INSERT INTO placement_inventories (resource_class, provider_uuid, total, reserved, min_unit, max_unit,
                step_size, allocation_ratio, capacity, updated_at)
            VALUES (\(resourceClass), \(provider), \(inventory.total), \(inventory.reserved), \(inventory.minimumUnit),
                \(inventory.maximumUnit), \(inventory.stepSize), \(inventory.allocationRatio), \(inventory.capacity), \(now))
            ON CONFLICT (resource_class, provider_uuid) DO UPDATE SET total = excluded.total,
                reserved = excluded.reserved, min_unit = excluded.min_unit, max_unit = excluded.max_unit,
                step_size = excluded.step_size, allocation_ratio = excluded.allocation_ratio,
                capacity = excluded.capacity, updated_at = excluded.updated_at
            """)
    }

    static func delete(_ resourceClasses: [String], of provider: String, in transaction: any Transaction) throws {
        try transaction.execute("""
            DELETE FROM placement_inventories WHERE provider_uuid = \(provider) AND resource_class IN \(in: resourceClasses)
            """)
    }

    /// Which of these classes somebody has been given of this provider, in the order of the classes.
    static func inUse(_ resourceClasses: [String], of provider: String, in reader: any Reader) throws -> [String] {
        try reader.all("""
            SELECT c.name FROM placement_resource_classes c WHERE c.name IN \(in: resourceClasses) AND EXISTS
                (SELECT 1 FROM placement_allocations a WHERE a.provider_uuid = \(provider) AND a.resource_class = c.name)
            ORDER BY c.number
            """) { try $0[0] }
    }

    /// The inventories of some classes at some providers, by provider and class.
    static func find(
        providers: [String], resourceClasses: [String], in reader: any Reader
    ) throws -> [String: [String: Inventory]] {
        var found: [String: [String: Inventory]] = [:]
        try reader.forEach("""
            SELECT provider_uuid, resource_class, total, reserved, min_unit, max_unit, step_size, allocation_ratio
            FROM placement_inventories WHERE resource_class IN \(in: resourceClasses) AND provider_uuid IN \(in: providers)
            """) { row in
            found[try row[0], default: [:]][try row[1]] = Inventory(
                total: try row[2], reserved: try row[3], minimumUnit: try row[4], maximumUnit: try row[5],
                stepSize: try row[6], allocationRatio: try row[7])
        }
        return found
    }
}
