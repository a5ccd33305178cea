import CloudCore
import CloudStore

/// The flavors' rows.
enum FlavorRecords {
    private static let columns: SQL = "id, name, description, service_type, enabled"

    static let listing = Listing("network_flavors", [
        "service_type": .column("service_type"), "enabled": .column("enabled", .boolean),
        "description": .column("description"),
    ], without: ["project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    private static func flavor(_ row: borrowing Row) throws -> ServiceFlavor {
        ServiceFlavor(
            id: try row[0], name: try row[1], description: try row[2], serviceType: try row[3], isEnabled: try row[4])
    }

    static func insert(_ flavor: ServiceFlavor, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO network_flavors (id, name, description, service_type, enabled)
            VALUES (\(flavor.id), \(flavor.name), \(flavor.description), \(flavor.serviceType), \(flavor.isEnabled))
            """)
    }

    static func update(_ flavor: ServiceFlavor, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE network_flavors SET name = \(flavor.name), description = \(flavor.description),
                enabled = \(flavor.isEnabled) WHERE id = \(flavor.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_flavors WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> ServiceFlavor? {
        try reader.first("SELECT \(columns) FROM network_flavors WHERE id = \(id)", flavor)
    }

    static func list(_ request: ListRequest, in reader: any Reader) throws -> [ServiceFlavor] {
        try reader.page(columns, listing, request, visibility: nil, flavor)
    }

    /// Whether a router has the flavor.
    static func isUsed(_ id: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM routers WHERE flavor_id = \(id) LIMIT 1")
    }
}

/// The service profiles' rows, and the flavors they carry out.
enum ServiceProfileRecords {
    private static let columns: SQL = "id, description, driver, metainfo, enabled"

    static let listing = Listing("service_profiles", [
        "driver": .column("driver"), "metainfo": .sorted(by: "COALESCE(metainfo, '')"), "enabled": .column("enabled", .boolean),
        "description": .column("description"),
    ], without: ["name", "project_id", "tenant_id", "revision_number", "created_at", "updated_at"])

    private static func profile(_ row: borrowing Row) throws -> ServiceProfile {
        ServiceProfile(
            id: try row[0], description: try row[1], driver: try row[2], metainfo: try row[3], isEnabled: try row[4])
    }

    static func insert(_ profile: ServiceProfile, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO service_profiles (id, description, driver, metainfo, enabled)
            VALUES (\(profile.id), \(profile.description), \(profile.driver), \(profile.metainfo), \(profile.isEnabled))
            """)
    }

    static func update(_ profile: ServiceProfile, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE service_profiles SET description = \(profile.description), driver = \(profile.driver),
                metainfo = \(profile.metainfo), enabled = \(profile.isEnabled) WHERE id = \(profile.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM service_profiles WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> ServiceProfile? {
        try reader.first("SELECT \(columns) FROM service_profiles WHERE id = \(id)", profile)
    }

    static func list(_ request: ListRequest, in reader: any Reader) throws -> [ServiceProfile] {
        try reader.page(columns, listing, request, visibility: nil, profile)
    }

    /// The profiles of flavors by flavor, in the order they were bound.
    static func ids(flavors: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            flavors,
            { "SELECT flavor_id, profile_id FROM flavor_profiles WHERE flavor_id IN \(in: $0) ORDER BY bound_at, profile_id" }
        ) { (try $0[0], try $0[1]) }
    }

    /// The flavors of profiles by profile.
    static func flavorIDs(profiles: [String], in reader: any Reader) throws -> [String: [String]] {
        try reader.grouped(
            profiles,
            { "SELECT profile_id, flavor_id FROM flavor_profiles WHERE profile_id IN \(in: $0) ORDER BY bound_at, flavor_id" }
        ) { (try $0[0], try $0[1]) }
    }

    /// Binds a profile to a flavor; answers whether it was not bound yet.
    static func bind(_ profile: String, to flavor: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO flavor_profiles (flavor_id, profile_id, bound_at) VALUES (\(flavor), \(profile), \(Timestamp.now))
            ON CONFLICT (flavor_id, profile_id) DO NOTHING
            """) > 0
    }

    /// Unbinds a profile; answers whether it was bound.
    static func unbind(_ profile: String, from flavor: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "DELETE FROM flavor_profiles WHERE flavor_id = \(flavor) AND profile_id = \(profile)") > 0
    }
}
