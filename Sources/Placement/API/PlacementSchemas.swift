import CloudAPI
import CloudCore

/// What requests to placement may say (placement/schemas of 16.0.0).
enum PlacementSchemas {
    private static let amount: Schema = .integer(1...Int.max)
    private static let unit: Schema = .integer(1...Inventory.limit)
    private static let owner: Schema = .string(length: 1...255)
    private static let className = "^[A-Z0-9_]+$"
    private static let uuidName = "^[0-9a-fA-F-]{36}$"
    private static let anyInteger: Schema = .integer()
    static let customName: Schema = .string(length: 1...255, pattern: "^CUSTOM_[A-Z0-9_]+$")

    // MARK: Providers

    static func createProvider(hasParent: Bool) -> Schema {
        let members: [(String, Schema)] = [("name", .string(length: 0...200)), ("uuid", .uuid)]
        return .object(members + parent(hasParent), required: ["name"])
    }

    static func updateProvider(hasParent: Bool) -> Schema {
        let members: [(String, Schema)] = [("name", .string(length: 0...200))]
        return .object(members + parent(hasParent), required: ["name"])
    }

    private static func parent(_ hasParent: Bool) -> [(String, Schema)] {
        hasParent ? [("parent_provider_uuid", .nullable(.uuid))] : []
    }

    static let aggregates: Schema = .array(.uuid, unique: true)
    static let aggregatesWithGeneration: Schema = .object(
        [("aggregates", aggregates), ("resource_provider_generation", anyInteger)],
        required: ["aggregates", "resource_provider_generation"])

    static let providerTraits: Schema = .object(
        [("traits", .array(.string(length: 1...255))), ("resource_provider_generation", anyInteger)],
        required: ["traits", "resource_provider_generation"])

    static let resourceClass: Schema = .object([("name", customName)], required: ["name"])

    // MARK: Inventories

    private static let largestRatio = 3.402_82e38
    private static let inventoryMembers: [(name: String, schema: Schema)] = [
        ("resource_provider_generation", anyInteger), ("total", unit), ("reserved", .integer(0...Inventory.limit)),
        ("min_unit", unit), ("max_unit", unit), ("step_size", unit),
        ("allocation_ratio", .number(-largestRatio...largestRatio)),
    ]

    static let updateInventory: Schema = .object(inventoryMembers, required: ["total", "resource_provider_generation"])
    static let createInventory: Schema = .object(
        inventoryMembers + [("resource_class", .string(pattern: className))], required: ["total", "resource_class"])
    static let inventories: Schema = .object(
        [
            ("resource_provider_generation", anyInteger),
            ("inventories", .map(names: className, values: .object(inventoryMembers, required: ["total"]))),
        ], required: ["resource_provider_generation", "inventories"])

    // MARK: Allocations

    private static let resources: Schema = .map(names: className, values: amount, minimum: 1)

    /// Up to 1.11: a list.
    static func allocationList(hasOwner: Bool) -> Schema {
        let provider: Schema = .object([("uuid", .uuid)], required: ["uuid"])
        let allocation: Schema = .object(
            [("resource_provider", provider), ("resources", resources)], required: ["resource_provider", "resources"])
        let members: [(String, Schema)] = [("allocations", .array(allocation, count: 1...Int.max))]
        guard hasOwner else { return .object(members, required: ["allocations"]) }
        return .object(
            members + [("project_id", owner), ("user_id", owner)], required: ["allocations", "project_id", "user_id"])
    }

    /// From 1.12 on: an object by provider; 1.28 brought the consumer's generation, 1.34 the mappings (which are
    /// taken and not used, as upstream does), 1.38 the consumer's type.
    /// - Parameter mayBeEmpty: whether there may be no allocations, which gives everything back: when several consumers
    ///   are set at once, and for one from 1.28 on.
    static func allocations(since minor: Int, mayBeEmpty: Bool) -> Schema {
        let allocation: Schema = .object([("generation", anyInteger), ("resources", resources)], required: ["resources"])
        var members: [(String, Schema)] = [
            ("allocations", .map(names: uuidName, values: allocation, minimum: mayBeEmpty ? 0 : 1)),
            ("project_id", owner), ("user_id", owner),
        ]
        var required = ["allocations", "project_id", "user_id"]
        if minor >= 28 {
            members.append(("consumer_generation", .nullable(anyInteger)))
            required.append("consumer_generation")
        }
        if minor >= 34 {
            members.append(("mappings", .map(names: "[a-zA-Z0-9_-]{0,64}", values: .array(.uuid, count: 1...Int.max), minimum: 1)))
        }
        if minor >= 38 {
            members.append(("consumer_type", .string(length: 1...255, pattern: className)))
            required.append("consumer_type")
        }
        return .object(members, required: required)
    }

    /// The allocations of several consumers.
    /// - Parameter minimum: how many at least.
    static func manyAllocations(since minor: Int, minimum: Int = 1) -> Schema {
        .map(names: uuidName, values: allocations(since: minor, mayBeEmpty: true), minimum: minimum)
    }

    /// Inventories and allocations that change together.
    static func reshape(since minor: Int) -> Schema {
        .object(
            [
                ("inventories", .map(names: uuidName, values: inventories, minimum: 1)),
                ("allocations", manyAllocations(since: minor, minimum: 0)),
            ], required: ["inventories", "allocations"])
    }

    // MARK: Queries

    /// What resource providers can be listed by.
    static func listProviders(_ minor: Int) -> Schema {
        let members: [(since: Int, name: String, schema: Schema)] = [
            (0, "name", .string()), (0, "uuid", .uuid), (3, "member_of", .string()), (4, "resources", .string()),
            (14, "in_tree", .uuid), (18, "required", .string()),
        ]
        return .object(members.filter { $0.since <= minor }.map { ($0.name, $0.schema) })
    }

    static let listTraits: Schema = .object([("name", .string()), ("associated", .string())])

    static func usages(hasTypes: Bool) -> Schema {
        var members: [(String, Schema)] = [("project_id", owner), ("user_id", owner)]
        if hasTypes { members.append(("consumer_type", .string(length: 1...255, pattern: "^[A-Z0-9_]+$|^all|^unknown$"))) }
        return .object(members, required: ["project_id"])
    }
}
