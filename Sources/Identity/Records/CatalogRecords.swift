import CloudCore
import CloudStore

extension CatalogEndpoint.Interface: SQLConvertible {}

/// Regions in the database.
enum RegionRecords {
    static let filters = FilterColumns(["parent_region_id": ("r.parent_region_id", .text), "id": ("r.id", .text)])

    private static let columns: SQL = "r.id, r.parent_region_id, r.description, r.extra"

    private static func region(_ row: borrowing Row) throws -> Region {
        Region(id: try row[0], parentID: try row[1], description: try row[2], extra: (try row[3] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Region? {
        try reader.first("SELECT \(columns) FROM identity_regions r WHERE r.id = \(id)", region)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [Region] {
        let matching = query.whereClause(filters, id: "r.id")
        return try reader.all("SELECT \(columns) FROM identity_regions r\(matching)\(query.pageClause(id: "r.id"))", region)
    }

    static func insert(_ region: Region, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_regions (id, parent_region_id, description, extra)
            VALUES (\(region.id), \(region.parentID), \(region.description), \(JSON.object(region.extra)))
            """)
    }

    static func update(_ region: Region, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_regions SET parent_region_id = \(region.parentID), description = \(region.description),
                extra = \(JSON.object(region.extra)) WHERE id = \(region.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_regions WHERE id = \(id)")
    }

    /// A region and all below it.
    static func branch(_ id: String, _ reader: any Reader) throws -> [String] {
        try reader.all(
            """
            WITH RECURSIVE below (id) AS (
                SELECT id FROM identity_regions WHERE id = \(id)
                UNION SELECT r.id FROM identity_regions r JOIN below b ON r.parent_region_id = b.id
            ) SELECT id FROM below
            """) { try $0[0] }
    }
}

/// The catalog's services in the database.
enum ServiceRecords {
    static let filters = FilterColumns(["type": ("s.type", .text), "name": ("s.name", .text)])

    private static let columns: SQL = "s.id, s.type, s.name, s.enabled, s.extra"

    private static func service(_ row: borrowing Row) throws -> Service {
        Service(
            id: try row[0], type: try row[1], name: try row[2], isEnabled: try row[3], extra: (try row[4] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Service? {
        try reader.first("SELECT \(columns) FROM identity_services s WHERE s.id = \(id)", service)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [Service] {
        let matching = query.whereClause(filters, id: "s.id")
        return try reader.all("SELECT \(columns) FROM identity_services s\(matching)\(query.pageClause(id: "s.id"))", service)
    }

    static func insert(_ service: Service, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_services (id, type, name, enabled, extra)
            VALUES (\(service.id), \(service.type), \(service.name), \(service.isEnabled), \(JSON.object(service.extra)))
            """)
    }

    static func update(_ service: Service, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_services SET type = \(service.type), name = \(service.name), enabled = \(service.isEnabled),
                extra = \(JSON.object(service.extra)) WHERE id = \(service.id)
            """)
    }

    /// Notes that a start of the program puts a type into the catalog. Whether it is the first to do so.
    static func markBootstrapped(_ type: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            "INSERT INTO identity_bootstrapped_services (type) VALUES (\(type)) ON CONFLICT (type) DO NOTHING") > 0
    }

    /// Deletes a service with its endpoints.
    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_services WHERE id = \(id)")
    }
}

/// The catalog's endpoints in the database.
enum EndpointRecords {
    static let filters = FilterColumns([
        "interface": ("e.interface", .text), "service_id": ("e.service_id", .text), "region_id": ("e.region_id", .text),
    ])

    private static let columns: SQL = "e.id, e.interface, e.service_id, e.region_id, e.url, e.enabled, e.extra"

    private static func endpoint(_ row: borrowing Row) throws -> CatalogEndpoint {
        CatalogEndpoint(
            id: try row[0], interface: try row[1], serviceID: try row[2], regionID: try row[3], url: try row[4],
            isEnabled: try row[5], extra: (try row[6] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> CatalogEndpoint? {
        try reader.first("SELECT \(columns) FROM identity_endpoints e WHERE e.id = \(id)", endpoint)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [CatalogEndpoint] {
        let matching = query.whereClause(filters, id: "e.id")
        return try reader.all("SELECT \(columns) FROM identity_endpoints e\(matching)\(query.pageClause(id: "e.id"))", endpoint)
    }

    static func exists(inRegions regionIDs: [String], _ reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM identity_endpoints WHERE region_id IN \(in: regionIDs) LIMIT 1", as: Int.self) != nil
    }

    static func insert(_ endpoint: CatalogEndpoint, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_endpoints (id, interface, service_id, region_id, url, enabled, extra)
            VALUES (\(endpoint.id), \(endpoint.interface), \(endpoint.serviceID), \(endpoint.regionID), \(endpoint.url),
                \(endpoint.isEnabled), \(JSON.object(endpoint.extra)))
            """)
    }

    /// All whose address begins with a text.
    static func all(below address: String, _ reader: any Reader) throws -> [CatalogEndpoint] {
        let length = address.unicodeScalars.count
        return try reader.all("SELECT \(columns) FROM identity_endpoints e WHERE substr(e.url, 1, \(length)) = \(address)", endpoint)
    }

    static func update(_ endpoint: CatalogEndpoint, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_endpoints SET interface = \(endpoint.interface), service_id = \(endpoint.serviceID),
                region_id = \(endpoint.regionID), url = \(endpoint.url), enabled = \(endpoint.isEnabled),
                extra = \(JSON.object(endpoint.extra)) WHERE id = \(endpoint.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_endpoints WHERE id = \(id)")
    }
}
