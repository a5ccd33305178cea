import CloudCore
import CloudStore

/// Which flavors a list holds.
struct FlavorFilter: Sendable {
    /// The project whose private flavors count as visible.
    var projectID: String?
    /// Whether every private flavor is visible.
    var showsPrivate = false
    /// Only public or only private ones; nil for all that is visible.
    var isPublic: Bool?
    var minimumMemoryMiB: Int?
    var minimumDiskGiB: Int?
    var name: String?
}

/// The flavors' rows.
enum FlavorRecords {
    private static let columns: SQL = """
        id, name, vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib, rxtx_factor, is_public, is_disabled, description, \
        extra_specs
        """

    private static func flavor(_ row: borrowing Row) throws -> Flavor {
        let specs: JSON = try row[11]
        return Flavor(
            id: try row[0], name: try row[1], vcpus: try row[2], memoryMiB: try row[3], diskGiB: try row[4],
            ephemeralGiB: try row[5], swapMiB: try row[6], rxtxFactor: try row[7], isPublic: try row[8],
            isDisabled: try row[9], description: try row[10], extraSpecs: specs.stringDictionary)
    }

    static func find(_ id: String, in reader: any Reader) throws -> Flavor? {
        try reader.first("SELECT \(columns) FROM compute_flavors WHERE id = \(id)", flavor)
    }

    static func find(name: String, in reader: any Reader) throws -> Flavor? {
        try reader.first("SELECT \(columns) FROM compute_flavors WHERE name = \(name)", flavor)
    }

    /// The flavors that match, in no order.
    static func list(_ filter: FlavorFilter, in reader: any Reader) throws -> [Flavor] {
        var conditions: [SQL] = ["is_disabled = 0"]
        if !filter.showsPrivate {
            conditions.append(
                "(is_public = 1 OR id IN (SELECT flavor_id FROM compute_flavor_access WHERE project_id = \(filter.projectID)))")
        }
        if let isPublic = filter.isPublic { conditions.append("is_public = \(isPublic)") }
        if let memory = filter.minimumMemoryMiB { conditions.append("memory_mib >= \(memory)") }
        if let disk = filter.minimumDiskGiB { conditions.append("disk_gib >= \(disk)") }
        if let name = filter.name { conditions.append("name = \(name)") }
        return try reader.all("SELECT \(columns) FROM compute_flavors WHERE \(conditions.joined(separator: " AND "))", flavor)
    }

    static func insert(_ flavor: Flavor, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_flavors (\(columns)) VALUES (\(flavor.id), \(flavor.name), \(flavor.vcpus),
                \(flavor.memoryMiB), \(flavor.diskGiB), \(flavor.ephemeralGiB), \(flavor.swapMiB), \(flavor.rxtxFactor),
                \(flavor.isPublic), \(flavor.isDisabled), \(flavor.description), \(JSON(flavor.extraSpecs)))
            """)
    }

    /// Saves what may change of a flavor: its description and its extra specs.
    static func update(_ flavor: Flavor, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_flavors SET description = \(flavor.description), extra_specs = \(JSON(flavor.extraSpecs))
            WHERE id = \(flavor.id)
            """)
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
