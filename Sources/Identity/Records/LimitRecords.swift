import CloudCore
import CloudStore

/// Registered limits in the database.
enum RegisteredLimitRecords {
    static let filters = FilterColumns([
        "service_id": ("g.service_id", .text), "region_id": ("g.region_id", .text), "resource_name": ("g.resource_name", .text),
    ])

    private static let columns: SQL = "g.id, g.service_id, g.region_id, g.resource_name, g.default_limit, g.description"

    private static func limit(_ row: borrowing Row) throws -> RegisteredLimit {
        RegisteredLimit(
            id: try row[0], resource: LimitedResource(serviceID: try row[1], regionID: try row[2], name: try row[3]),
            defaultLimit: try row[4], description: try row[5])
    }

    static func find(_ id: String, _ reader: any Reader) throws -> RegisteredLimit? {
        try reader.first("SELECT \(columns) FROM identity_registered_limits g WHERE g.id = \(id)", limit)
    }

    static func find(_ resource: LimitedResource, _ reader: any Reader) throws -> RegisteredLimit? {
        try reader.first(
            """
            SELECT \(columns) FROM identity_registered_limits g WHERE g.service_id = \(resource.serviceID)
                AND COALESCE(g.region_id, '') = \(resource.regionID ?? "") AND g.resource_name = \(resource.name)
            """, limit)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [RegisteredLimit] {
        let matching = query.whereClause(filters, id: "g.id")
        return try reader.all("SELECT \(columns) FROM identity_registered_limits g\(matching)\(query.pageClause(id: "g.id"))", limit)
    }

    /// A project's limits on a service's resources by name; those of the region after those of all regions.
    static func effective(
        project: String, serviceType: String, region: String, _ reader: any Reader
    ) throws -> [(String, Int)] {
        try reader.all(
            """
            SELECT g.resource_name, COALESCE(l.resource_limit, g.default_limit) FROM identity_registered_limits g
            JOIN identity_services s ON s.id = g.service_id
            LEFT JOIN identity_limits l ON l.registered_limit_id = g.id AND l.project_id = \(project)
            WHERE s.type = \(serviceType) AND COALESCE(g.region_id, \(region)) = \(region)
            ORDER BY CASE WHEN g.region_id IS NULL THEN 0 ELSE 1 END, g.id
            """) { (try $0[0], try $0[1]) }
    }

    /// Whether a limit is registered for a service.
    static func exists(forService id: String, _ reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM identity_registered_limits WHERE service_id = \(id) LIMIT 1", as: Int.self) != nil
    }

    /// Whether a limit is registered in any of these regions.
    static func exists(inRegions ids: [String], _ reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM identity_registered_limits WHERE region_id IN \(in: ids) LIMIT 1", as: Int.self) != nil
    }

    static func insert(_ limit: RegisteredLimit, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_registered_limits (id, service_id, region_id, resource_name, default_limit, description)
            VALUES (\(limit.id), \(limit.resource.serviceID), \(limit.resource.regionID), \(limit.resource.name),
                \(limit.defaultLimit), \(limit.description))
            """)
    }

    static func update(_ limit: RegisteredLimit, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_registered_limits SET service_id = \(limit.resource.serviceID),
                region_id = \(limit.resource.regionID), resource_name = \(limit.resource.name),
                default_limit = \(limit.defaultLimit), description = \(limit.description) WHERE id = \(limit.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_registered_limits WHERE id = \(id)")
    }
}

/// Projects' and domains' own limits in the database.
enum LimitRecords {
    static let filters = FilterColumns([
        "service_id": ("g.service_id", .text), "region_id": ("g.region_id", .text), "resource_name": ("g.resource_name", .text),
        "project_id": ("l.project_id", .text), "domain_id": ("l.domain_id", .text),
    ])

    private static let select: SQL = """
        SELECT l.id, l.registered_limit_id, g.service_id, g.region_id, g.resource_name, l.project_id, l.domain_id,
            l.resource_limit, l.description
        FROM identity_limits l JOIN identity_registered_limits g ON g.id = l.registered_limit_id
        """

    private static func limit(_ row: borrowing Row) throws -> Limit {
        let (project, domain): (String?, String?) = (try row[5], try row[6])
        return Limit(
            id: try row[0], registeredLimitID: try row[1],
            resource: LimitedResource(serviceID: try row[2], regionID: try row[3], name: try row[4]),
            owner: project.map { .project($0) } ?? .domain(domain ?? ""), value: try row[7], description: try row[8])
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Limit? {
        try reader.first("\(select) WHERE l.id = \(id)", limit)
    }

    /// Who is allowed to see which limits.
    enum Visibility: Sendable {
        case everything
        /// A domain's own and those of its projects.
        case domain(String)
        case project(String)
        case nothing

        fileprivate var conditions: [SQL] {
            switch self {
            case .everything: []
            case .domain(let id):
                ["(l.domain_id = \(id) OR l.project_id IN (SELECT p.id FROM identity_projects p WHERE p.domain_id = \(id)))"]
            case .project(let id): ["l.project_id = \(id)"]
            case .nothing: ["1 = 0"]
            }
        }
    }

    static func list(_ query: ListQuery, visible: Visibility, _ reader: any Reader) throws -> [Limit] {
        let matching = query.whereClause(filters, id: "l.id", and: visible.conditions)
        return try reader.all("\(select)\(matching)\(query.pageClause(id: "l.id"))", limit)
    }

    /// The limits of these projects.
    static func all(ofProjects ids: some Sequence<String>, _ reader: any Reader) throws -> [Limit] {
        try reader.all("\(select) WHERE l.project_id IN \(in: ids) ORDER BY l.id", limit)
    }

    /// A domain's own limit of what is registered.
    static func value(ofDomain id: String, _ registeredLimitID: String, _ reader: any Reader) throws -> Int? {
        try reader.scalar(
            """
            SELECT resource_limit FROM identity_limits
            WHERE domain_id = \(id) AND registered_limit_id = \(registeredLimitID)
            """)
    }

    /// The largest limit that a domain's projects have of what is registered, as a bound; nil when none has one.
    static func largestBound(inDomain id: String, _ registeredLimitID: String, _ reader: any Reader) throws -> Int? {
        let values: SQL = """
            SELECT l.resource_limit FROM identity_limits l JOIN identity_projects p ON p.id = l.project_id
            WHERE p.domain_id = \(id) AND l.registered_limit_id = \(registeredLimitID)
            """
        // -1 is no bound, and so the largest of all.
        let smallest: Int? = try reader.scalar("\(values) ORDER BY l.resource_limit LIMIT 1")
        if let smallest, smallest < 0 { return Limit.bound(smallest) }
        return try reader.scalar("\(values) ORDER BY l.resource_limit DESC LIMIT 1")
    }

    /// Whether any project or domain has a limit of what is registered.
    static func exists(of registeredLimitID: String, _ reader: any Reader) throws -> Bool {
        let sql: SQL = "SELECT 1 FROM identity_limits WHERE registered_limit_id = \(registeredLimitID) LIMIT 1"
        return try reader.scalar(sql, as: Int.self) != nil
    }

    static func insert(_ limit: Limit, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_limits (id, registered_limit_id, project_id, domain_id, resource_limit, description)
            VALUES (\(limit.id), \(limit.registeredLimitID), \(limit.owner.projectID), \(limit.owner.domainID),
                \(limit.value), \(limit.description))
            """)
    }

    static func update(_ limit: Limit, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_limits SET resource_limit = \(limit.value), description = \(limit.description)
            WHERE id = \(limit.id)
            """)
    }

    static func delete(_ id: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_limits WHERE id = \(id)")
    }
}
