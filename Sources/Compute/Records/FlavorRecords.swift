import CloudCore
import CloudStore

/// Which flavors a list holds.
struct FlavorFilter: Sendable {
    /// Only public flavors and private ones that the project may use, or only private ones; nil for all there are.
    var isPublic: Bool? = true
    /// The project whose private flavors are shown with the public ones.
    var projectID: String?
    var showsDisabled = false
    var minimumMemoryMiB: Int?
    var minimumDiskGiB: Int?
    var name: String?
    var sortKey = FlavorSortKey.id
    var isAscending = true
    /// The flavor after which the list goes on.
    var marker: Flavor?
    var limit: Int

    fileprivate var clause: SQL {
        var conditions: [SQL] = []
        if !showsDisabled { conditions.append("is_disabled = 0") }
        switch isPublic {
        case true:
            conditions.append(
                "(is_public = 1 OR id IN (SELECT flavor_id FROM compute_flavor_access WHERE project_id = \(projectID)))")
        case false: conditions.append("is_public = 0")
        case nil: break
        }
        if let minimumMemoryMiB { conditions.append("memory_mib >= \(minimumMemoryMiB)") }
        if let minimumDiskGiB { conditions.append("disk_gib >= \(minimumDiskGiB)") }
        if let name { conditions.append("name = \(name)") }
        let order = KeysetOrder([
            .init(sortKey.column, isAscending: isAscending), .init("number", isAscending: isAscending),
            .init("id", isAscending: isAscending),
        ])
        if let marker {
            conditions.append(order.behind([sortKey.value(of: marker), (marker.number ?? 0).sqlValue, marker.id.sqlValue]))
        }
        let filter: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        return "\(filter) ORDER BY \(order.terms) LIMIT \(limit)"
    }
}

/// What flavors can be sorted by, under upstream's names.
enum FlavorSortKey: String, Sendable, CaseIterable {
    case createdAt = "created_at"
    case description, disabled
    case ephemeral = "ephemeral_gb"
    case id = "flavorid"
    case number = "id"
    case isPublic = "is_public"
    case memory = "memory_mb"
    case name
    case disk = "root_gb"
    case rxtxFactor = "rxtx_factor"
    case swap
    case updatedAt = "updated_at"
    /// A column that upstream never fills.
    case weight = "vcpu_weight"
    case vcpus

    /// The expression that sorts; what may be missing counts as zero or empty.
    fileprivate var column: SQL {
        switch self {
        case .createdAt: "created_at"
        case .description: "COALESCE(description, '')"
        case .disabled: "is_disabled"
        case .ephemeral: "ephemeral_gib"
        case .id: "id"
        case .number, .weight: "number"
        case .isPublic: "is_public"
        case .memory: "memory_mib"
        case .name: "name"
        case .disk: "disk_gib"
        case .rxtxFactor: "rxtx_factor"
        case .swap: "swap_mib"
        case .updatedAt: "COALESCE(updated_at, 0)"
        case .vcpus: "vcpus"
        }
    }

    fileprivate func value(of flavor: Flavor) -> SQLValue {
        switch self {
        case .createdAt: (flavor.createdAt?.microseconds ?? 0).sqlValue
        case .description: (flavor.description ?? "").sqlValue
        case .disabled: flavor.isDisabled.sqlValue
        case .ephemeral: flavor.ephemeralGiB.sqlValue
        case .id: flavor.id.sqlValue
        case .number, .weight: (flavor.number ?? 0).sqlValue
        case .isPublic: flavor.isPublic.sqlValue
        case .memory: flavor.memoryMiB.sqlValue
        case .name: flavor.name.sqlValue
        case .disk: flavor.diskGiB.sqlValue
        case .rxtxFactor: flavor.rxtxFactor.sqlValue
        case .swap: flavor.swapMiB.sqlValue
        case .updatedAt: (flavor.updatedAt?.microseconds ?? 0).sqlValue
        case .vcpus: flavor.vcpus.sqlValue
        }
    }
}

/// The flavors' rows.
enum FlavorRecords {
    private static let columns: SQL = """
        id, name, vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib, rxtx_factor, is_public, is_disabled, description, \
        extra_specs, number, created_at, updated_at
        """

    private static func flavor(_ row: borrowing Row) throws -> Flavor {
        let specs: JSON = try row[11]
        return Flavor(
            id: try row[0], name: try row[1], vcpus: try row[2], memoryMiB: try row[3], diskGiB: try row[4],
            ephemeralGiB: try row[5], swapMiB: try row[6], rxtxFactor: try row[7], isPublic: try row[8],
            isDisabled: try row[9], description: try row[10], extraSpecs: specs.stringDictionary, number: try row[12],
            createdAt: try row[13], updatedAt: try row[14])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Flavor? {
        try reader.first("SELECT \(columns) FROM compute_flavors WHERE id = \(id)", flavor)
    }

    static func find(name: String, in reader: any Reader) throws -> Flavor? {
        try reader.first("SELECT \(columns) FROM compute_flavors WHERE name = \(name)", flavor)
    }

    /// The flavors that match, in order, after the marker.
    static func list(_ filter: FlavorFilter, in reader: any Reader) throws -> [Flavor] {
        try reader.all("SELECT \(columns) FROM compute_flavors\(filter.clause)", flavor)
    }

    /// Adds a flavor, and numbers it.
    static func insert(_ flavor: Flavor, in transaction: any Transaction) throws {
        let number = try transaction.scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM compute_flavors", as: Int.self) ?? 1
        try transaction.execute(
            """
            INSERT INTO compute_flavors (\(columns)) VALUES (\(flavor.id), \(flavor.name), \(flavor.vcpus),
                \(flavor.memoryMiB), \(flavor.diskGiB), \(flavor.ephemeralGiB), \(flavor.swapMiB), \(flavor.rxtxFactor),
                \(flavor.isPublic), \(flavor.isDisabled), \(flavor.description), \(JSON(flavor.extraSpecs)), \(number),
                \(flavor.createdAt ?? .now), \(flavor.updatedAt))
            """)
    }

    /// Saves what may change of a flavor: its description and its extra specs.
    static func update(_ flavor: Flavor, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_flavors SET description = \(flavor.description), extra_specs = \(JSON(flavor.extraSpecs)),
                updated_at = \(Timestamp.now)
            WHERE id = \(flavor.id)
            """)
    }

    /// Reads a flavor, changes it and saves it.
    /// - Returns: the flavor as saved; nil when there is none.
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout Flavor) throws -> Void) throws -> Flavor? {
        guard var flavor = try find(id, in: transaction) else { return nil }
        try change(&flavor)
        try update(flavor, in: transaction)
        return flavor
    }

    /// - Returns: whether there was such a flavor.
    static func delete(_ id: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM compute_flavors WHERE id = \(id)") > 0
    }

    /// The projects that may use a private flavor.
    static func projects(_ id: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT project_id FROM compute_flavor_access WHERE flavor_id = \(id) ORDER BY project_id") { try $0[0] }
    }

    /// - Returns: false when the project had access already.
    static func allow(_ id: String, projectID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO compute_flavor_access (flavor_id, project_id) VALUES (\(id), \(projectID))
            ON CONFLICT (flavor_id, project_id) DO NOTHING
            """) > 0
    }

    /// - Returns: false when the project had no access.
    static func disallow(_ id: String, projectID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "DELETE FROM compute_flavor_access WHERE flavor_id = \(id) AND project_id = \(projectID)") > 0
    }
}
