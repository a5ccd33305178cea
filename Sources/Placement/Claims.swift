import CloudCore
import CloudStore

/// Gives resources to consumers. What is given is checked and written in one transaction.
enum Claims {
    /// Makes what the consumers have exactly this.
    /// - Throws: `ClaimRefused` when it does not fit; `PlacementError` when a provider or class is unknown, or a
    ///   consumer is not what the writer believes.
    static func write(_ claims: [ConsumerClaim], now: Timestamp, in transaction: any Transaction) throws {
        let providers = Set(claims.flatMap(\.resources.keys)).sorted()
        let classes = Set(claims.flatMap { $0.resources.values.flatMap(\.keys) }).sorted()
        let consumers = try claims.map { try consumer($0, in: transaction) }
        try check(providers: providers, classes: classes, in: transaction)
        let before = try AllocationRecords.usage(providers: providers, resourceClasses: classes, in: transaction)
        let former = try claims.flatMap { try AllocationRecords.list(consumer: $0.consumer, in: transaction) }
        for consumer in consumers { try AllocationRecords.put(consumer, now: now, in: transaction) }
        _ = try AllocationRecords.delete(consumers: claims.map(\.consumer), in: transaction)
        let room = Room(
            inventories: try InventoryRecords.find(providers: providers, resourceClasses: classes, in: transaction),
            before: before,
            others: try AllocationRecords.usage(providers: providers, resourceClasses: classes, in: transaction))
        try room.check(claims)
        for claim in claims {
            for (provider, resources) in claim.resources {
                for (resourceClass, amount) in resources {
                    try AllocationRecords.insert(
                        Allocation(
                            consumer: claim.consumer, provider: provider, resourceClass: resourceClass, amount: amount,
                            createdAt: now), in: transaction)
                }
            }
            if claim.resources.isEmpty { try AllocationRecords.deleteConsumer(claim.consumer, in: transaction) }
        }
        // A provider that lost an allocation to an empty claim has changed as well.
        let emptied = Set(claims.filter(\.resources.isEmpty).map(\.consumer))
        let left = former.filter { emptied.contains($0.consumer) }.map(\.provider)
        try ProviderRecords.bumpGenerations(of: Set(providers + left), ofUsage: true, now: now, in: transaction)
    }

    /// - Returns: whether the consumer had anything.
    static func release(_ consumer: String, in transaction: any Transaction) throws -> Bool {
        let isChanged = try AllocationRecords.delete(consumers: [consumer], in: transaction) > 0
        try AllocationRecords.deleteConsumer(consumer, in: transaction)
        return isChanged
    }

    /// - Throws: `PlacementError.concurrentUpdate` when a consumer is not what the writer believes.
    static func checkConsumers(_ claims: [ConsumerClaim], in reader: any Reader) throws {
        for claim in claims { _ = try consumer(claim, in: reader) }
    }

    /// The consumer as it shall be, if it is what the writer believes.
    private static func consumer(_ claim: ConsumerClaim, in reader: any Reader) throws -> Consumer {
        let present = try AllocationRecords.consumer(claim.consumer, in: reader)
        if case .generation(let expected) = claim.expectation, expected != present?.generation {
            func text(_ generation: Int?, _ none: String) -> String { generation.map(String.init) ?? none }
            throw PlacementError.concurrentUpdate(
                "consumer generation conflict - expected \(text(present?.generation, "null")) but got \(text(expected, "None"))")
        }
        return Consumer(
            uuid: claim.consumer, generation: (present?.generation ?? 0) + 1, projectID: claim.projectID,
            userID: claim.userID, type: claim.type ?? present?.type)
    }

    private static func check(providers: [String], classes: [String], in reader: any Reader) throws {
        let known = Set(try ProviderRecords.find(uuids: providers, in: reader).map(\.uuid))
        if let unknown = providers.first(where: { !known.contains($0) }) {
            throw PlacementError.badRequest("Allocation for resource provider '\(unknown)' that does not exist.")
        }
        if let unknown = try ResourceClassRecords.unknown(classes, in: reader).first {
            throw PlacementError.noResourceClass(unknown)
        }
    }
}

/// What there is to give at some providers, and whether claims fit into it.
struct Room: Sendable {
    /// The inventories by provider and class.
    let inventories: [String: [String: Inventory]]
    /// What was given to everybody before, by provider and class.
    let before: [String: Resources]
    /// What is given to others than those who claim.
    let others: [String: Resources]

    /// - Throws: `ClaimRefused`. A claim that lessens an excess passes, as upstream lets it.
    func check(_ claims: [ConsumerClaim]) throws(ClaimRefused) {
        var wanted: [String: Resources] = [:]
        for claim in claims.sorted(by: { $0.consumer < $1.consumer }) {
            for (provider, resources) in claim.resources.sorted(by: { $0.key < $1.key }) {
                for (resourceClass, amount) in resources.sorted(by: { $0.key < $1.key }) {
                    let inventory = try inventory(for: amount, resourceClass, provider)
                    // What an inventory admits is far from what overflows.
                    wanted[provider, default: [:]][resourceClass, default: 0] += amount
                    let after = (others[provider]?[resourceClass] ?? 0) + (wanted[provider]?[resourceClass] ?? amount)
                    let isLess = before[provider]?[resourceClass].map { after <= $0 } ?? false
                    guard after <= inventory.capacity || isLess else {
                        throw ClaimRefused(reason: .capacity, resourceClass: resourceClass, provider: provider)
                    }
                }
            }
        }
    }

    /// The inventory that an amount is to come from.
    private func inventory(for amount: Int, _ resourceClass: String, _ provider: String) throws(ClaimRefused) -> Inventory {
        guard let inventory = inventories[provider]?[resourceClass] else {
            throw ClaimRefused(reason: .noInventory, resourceClass: resourceClass, provider: provider)
        }
        guard inventory.admits(amount) else {
            throw ClaimRefused(reason: .unit, resourceClass: resourceClass, provider: provider)
        }
        return inventory
    }
}
