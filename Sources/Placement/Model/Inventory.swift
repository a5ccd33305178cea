import CloudCore

/// How much of one resource class a provider has to give.
public struct Inventory: Sendable, Hashable {
    /// The largest amount of anything: a signed 32-bit number, as upstream.
    public static let limit = 2_147_483_647

    /// How much there is.
    public var total: Int
    /// How much of it is not to be given.
    public var reserved: Int
    /// The smallest amount one allocation may have.
    public var minimumUnit: Int
    /// The largest amount one allocation may have.
    public var maximumUnit: Int
    /// What an allocation's amount must be a multiple of.
    public var stepSize: Int
    /// How many times what there is may be given.
    public var allocationRatio: Double

    /// An inventory; what is left out has upstream's default.
    public init(
        total: Int, reserved: Int = 0, minimumUnit: Int = 1, maximumUnit: Int = Inventory.limit, stepSize: Int = 1,
        allocationRatio: Double = 1
    ) {
        (self.total, self.reserved, self.minimumUnit) = (total, reserved, minimumUnit)
        (self.maximumUnit, self.stepSize, self.allocationRatio) = (maximumUnit, stepSize, allocationRatio)
    }

    /// How much may be given in all.
    public var capacity: Int {
        let capacity = Double(total - reserved) * allocationRatio
        return Int(exactly: capacity.rounded(.towardZero)) ?? (capacity < 0 ? .min : .max)
    }

    /// Whether one allocation may have this amount.
    func admits(_ amount: Int) -> Bool { amount >= minimumUnit && amount <= maximumUnit && amount % stepSize == 0 }
}

/// An inventory as stored.
struct StoredInventory: Sendable {
    let resourceClass: String
    let inventory: Inventory
    let updatedAt: Timestamp
}
