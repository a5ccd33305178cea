import CloudCore
import CloudStore

/// Projects and domains in the database.
enum ProjectRecords {
    static let filters = FilterColumns([
        "name": ("p.name", .text), "domain_id": ("p.domain_id", .text), "parent_id": ("p.parent_id", .text),
        "enabled": ("p.enabled", .flag), "is_domain": ("p.is_domain", .flag), "id": ("p.id", .text),
    ])

    private static let columns: SQL =
        "p.id, p.name, p.domain_id, p.parent_id, p.is_domain, p.enabled, p.description, p.extra, p.options"

    private static func project(_ row: borrowing Row) throws -> Project {
        Project(
            id: try row[0], name: try row[1], domainID: try row[2], parentID: try row[3], isDomain: try row[4],
            isEnabled: try row[5], description: try row[6], extra: (try row[7] as JSON).members,
            options: (try row[8] as JSON).members)
    }

    /// Projects with their tags, in order, by a statement whose rows are a project's columns and a tag's name.
    private static func collect(_ sql: SQL, _ reader: any Reader) throws -> [Project] {
        var projects: [Project] = []
        try reader.forEach(sql) { row in
            let (id, tag): (String, String?) = (try row[0], try row[9])
            if projects.last?.id != id { projects.append(try project(row)) }
            if let tag { projects[projects.count - 1].tags.append(tag) }
        }
        return projects
    }

    private static func select(_ matching: SQL, _ page: SQL = "") -> SQL {
        """
        SELECT \(columns), t.name FROM (SELECT \(columns) FROM identity_projects p\(matching)\(page)) p
        LEFT JOIN identity_project_tags t ON t.project_id = p.id ORDER BY p.id, t.name
        """
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Project? {
        try collect(select(" WHERE p.id = \(id)"), reader).first
    }

    static func find(name: String, domainID: String, _ reader: any Reader) throws -> Project? {
        try collect(select(" WHERE p.name = \(name) AND p.domain_id = \(domainID)"), reader).first
    }

    static func domain(_ reference: DomainReference, _ reader: any Reader) throws -> Project? {
        switch reference {
        case .id(let id): try collect(select(" WHERE p.id = \(id) AND p.is_domain = 1"), reader).first
        case .name(let name): try collect(select(" WHERE p.name = \(name) AND p.is_domain = 1"), reader).first
        }
    }

    static func list(_ query: ListQuery, and conditions: [SQL] = [], _ reader: any Reader) throws -> [Project] {
        let matching = query.whereClause(filters, id: "p.id", and: conditions)
        return try collect(select(matching, query.pageClause(id: "p.id")), reader)
    }

    static func all(_ ids: some Sequence<String>, _ reader: any Reader) throws -> [Project] {
        try collect(select(" WHERE p.id IN \(in: ids)"), reader)
    }

    /// Conditions for the four tag filters of the API working group's guideline.
    static func tagCondition(_ filter: String, _ tags: [String]) -> SQL {
        let count: SQL = "(SELECT COUNT(*) FROM identity_project_tags t WHERE t.project_id = p.id AND t.name IN \(in: tags))"
        return switch filter {
        case "tags": "\(count) = \(Set(tags).count)"
        case "tags-any": "\(count) > 0"
        case "not-tags": "\(count) < \(Set(tags).count)"
        default: "\(count) = 0"
        }
    }

    /// The projects above one, the nearest first, its domain last.
    static func ancestors(of id: String, _ reader: any Reader) throws -> [Project] {
        let depths: SQL = """
            WITH RECURSIVE above (id, depth) AS (
                SELECT parent_id, 1 FROM identity_projects WHERE id = \(id)
                UNION ALL SELECT p.parent_id, a.depth + 1 FROM identity_projects p JOIN above a ON p.id = a.id
            ) SELECT id, depth FROM above WHERE id IS NOT NULL ORDER BY depth
            """
        let order: [String] = try reader.all(depths) { try $0[0] }
        let projects = Dictionary(uniqueKeysWithValues: try all(order, reader).map { ($0.id, $0) })
        return order.compactMap { projects[$0] }
    }

    /// The projects below one, itself not among them.
    static func descendants(of id: String, _ reader: any Reader) throws -> [Project] {
        let below: SQL = """
             WHERE p.id IN (WITH RECURSIVE below (id) AS (
                SELECT id FROM identity_projects WHERE parent_id = \(id)
                UNION ALL SELECT c.id FROM identity_projects c JOIN below b ON c.parent_id = b.id
            ) SELECT id FROM below)
            """
        return try collect(select(below), reader)
    }

    /// The projects below each of several, by one statement whatever the depth. Those with none below are left out.
    static func descendantIDs(of ids: Set<String>, _ reader: any Reader) throws -> [String: [String]] {
        guard !ids.isEmpty else { return [:] }
        let below: SQL = """
            WITH RECURSIVE below (top, id) AS (
                SELECT parent_id, id FROM identity_projects WHERE parent_id IN \(in: ids)
                UNION ALL SELECT b.top, c.id FROM identity_projects c JOIN below b ON c.parent_id = b.id
            ) SELECT top, id FROM below ORDER BY top, id
            """
        var descendants: [String: [String]] = [:]
        try reader.forEach(below) { row in descendants[try row[0], default: []].append(try row[1]) }
        return descendants
    }

    /// Some projects that stand deeper below their domain than this.
    static func ids(deeperThan depth: Int, _ reader: any Reader) throws -> [String] {
        try reader.all(
            """
            WITH RECURSIVE below (id, depth) AS (
                SELECT id, 0 FROM identity_projects WHERE is_domain = 1
                UNION ALL SELECT p.id, b.depth + 1 FROM identity_projects p JOIN below b ON p.parent_id = b.id
            ) SELECT id FROM below WHERE depth > \(depth) ORDER BY id LIMIT 10
            """) { try $0[0] }
    }

    static func insert(_ project: Project, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_projects
                (id, name, domain_id, parent_id, is_domain, enabled, description, extra, options)
            VALUES (\(project.id), \(project.name), \(project.domainID), \(project.parentID), \(project.isDomain),
                \(project.isEnabled), \(project.description), \(JSON.object(project.extra)), \(JSON.object(project.options)))
            """)
        try setTags(project, transaction)
    }

    static func update(_ project: Project, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_projects SET name = \(project.name), enabled = \(project.isEnabled),
                description = \(project.description), extra = \(JSON.object(project.extra)),
                options = \(JSON.object(project.options)) WHERE id = \(project.id)
            """)
        try transaction.execute("DELETE FROM identity_project_tags WHERE project_id = \(project.id)")
        try setTags(project, transaction)
    }

    private static func setTags(_ project: Project, _ transaction: any Transaction) throws {
        for tag in Set(project.tags) {
            try transaction.execute("INSERT INTO identity_project_tags (project_id, name) VALUES (\(project.id), \(tag))")
        }
    }

    /// Deletes projects that nothing else is below, and for a domain everything in it.
    static func delete(_ ids: [String], _ transaction: any Transaction) throws {
        try transaction.execute("UPDATE identity_users SET default_project_id = NULL WHERE default_project_id IN \(in: ids)")
        try transaction.execute("DELETE FROM identity_projects WHERE id IN \(in: ids)")
    }
}
