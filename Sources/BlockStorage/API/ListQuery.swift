import CloudAPI
import CloudCore
import CloudStore

/// One filter of a list: a query parameter that is not about the page.
struct ListFilter: Sendable, Hashable {
    let name: String
    let value: String
    /// Whether the parameter's name ends in a tilde: the value need only be contained (from 3.34 on).
    let isInexact: Bool
}

/// What a list is asked for, as Cinder's lists read it: page, order, filters, all projects, and a count.
struct ListQuery: Sendable {
    let page: PageRequest
    let offset: Int
    /// The project; nil for every project.
    let projectID: String?
    let filters: [ListFilter]
    /// Whether to say how many there are in all (from 3.45 on).
    let wantsCount: Bool

    /// Reads a query.
    /// - Parameters:
    ///   - resource: the resource's name among the resource filters, such as "volume".
    ///   - table: what it can be sorted by.
    ///   - known: the filters that the resource has for administrators beyond those for everybody.
    /// - Throws: 400 for values that make no sense, and from 3.31 on for filters that are not known.
    init(_ request: APIRequest, resource: String, table: ListTable, beyond known: Set<String> = [], maximum: Int) throws {
        page = try PageRequest(
            Self.sortable(request.query),
            PageRules(
                .cinder, maximumLimit: maximum, sortKeys: Set(table.keys.keys),
                defaultSort: [SortKey("created_at", .descending), SortKey("id", .descending)]))
        offset = try Self.offset(request.query)
        wantsCount = try request.isFrom(45) && Self.boolean("with_count", request.query)
        guard request.isAdmin || request.token?.projectID != nil else {
            throw BlockStorageError.forbidden("Lists are a project's: the token has none.")
        }
        let all = try request.isAdmin && Self.boolean("all_tenants", request.query)
        var items: [ListFilter] = []
        for item in request.query.items where !Self.reserved.contains(item.name) {
            if let filter = try Self.filter(item, request, resource: resource, known: known) { items.append(filter) }
        }
        projectID = all ? items.last { $0.name == "project_id" || $0.name == "tenant_id" }?.value : request.token?.projectID
        filters = items.filter { $0.name != "project_id" && $0.name != "tenant_id" }
    }

    private static let reserved: Set = [
        "limit", "marker", "offset", "sort", "sort_key", "sort_dir", "all_tenants", "with_count", "list_volume",
    ]

    /// The query with one sort key and direction, as upstream reads those that are deprecated, and names without blanks.
    private static func sortable(_ query: QueryItems) -> QueryItems {
        let items = query.removing(["sort_key", "sort_dir"])
        let pairs = ["sort_key", "sort_dir"].compactMap { name in
            query[name].map { (name: name, value: $0.filter { !$0.isWhitespace }) }
        }
        return QueryItems(items.items + pairs)
    }

    private static func offset(_ query: QueryItems) throws -> Int {
        guard let text = query["offset"] else { return 0 }
        guard let offset = Int(text) else { throw BlockStorageError.badRequest("offset must be an integer") }
        guard (0...Int(Int32.max)).contains(offset) else {
            throw BlockStorageError.badRequest(offset < 0 ? "offset must be >= 0" : "offset must be <= \(Int32.max)")
        }
        return offset
    }

    /// A truth value of the query; false when it is absent.
    /// - Throws: 400 for a text that is none.
    static func boolean(_ name: String, _ query: QueryItems) throws -> Bool {
        guard let text = query[name] else { return false }
        guard let value = LenientBoolean.parse(text) else {
            throw BlockStorageError.badRequest("Value '\(text)' for '\(name)' is not a boolean value.")
        }
        return value
    }

    private static func filter(
        _ item: (name: String, value: String), _ request: APIRequest, resource: String, known: Set<String>
    ) throws -> ListFilter? {
        let isInexact = item.name.hasSuffix("~") && request.isFrom(34)
        let name = isInexact ? String(item.name.dropLast()) : item.name
        let open = ResourceFilters.names(of: resource)
        let isForAdmins = known.contains(name) || name == "project_id" || name == "tenant_id"
        guard open.contains(name) || (request.isAdmin && isForAdmins) else {
            guard !request.isFrom(31) else {
                throw BlockStorageError.badRequest("Invalid filters \(item.name) are found in query options.")
            }
            return nil
        }
        return ListFilter(name: name, value: item.value, isInexact: isInexact)
    }

    /// The rows asked for, without the resource's own filters.
    func selection(project column: SQL = "project_id", missing: @escaping @Sendable (String) -> BlockStorageError) -> ListSelection {
        var selection = ListSelection(page: page, offset: offset, missing: missing)
        if let projectID { selection.conditions.append("\(column) = \(projectID)") }
        return selection
    }
}

extension APIRequest {
    /// Writes the link to a list's next page, which a page has that is as full as it may be.
    /// - Parameter ids: the ids of the page's items in order.
    func writeNextLink(_ name: String, _ query: ListQuery, ids: [String], to json: inout JSONWriter) {
        let isFull = query.page.limit > 0 && ids.count >= query.page.limit
        PageLinks(self, query.page, ids: ids, hasMore: isFull).writeNext(name, to: &json)
    }
}

/// The filters that everybody may use, by resource (upstream's etc/cinder/resource_filters.json).
enum ResourceFilters {
    static let all: [(resource: String, names: [String])] = [
        (
            "volume",
            [
                "name", "status", "metadata", "bootable", "migration_status", "availability_zone", "group_id", "size", "created_at",
                "updated_at", "consumes_quota",
            ]
        ),
        ("backup", ["name", "status", "volume_id"]),
        ("snapshot", ["name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"]),
        ("group", ["name"]),
        ("group_snapshot", ["name", "status", "group_id"]),
        ("attachment", ["volume_id", "status", "instance_id", "attach_status"]),
        ("message", ["resource_uuid", "resource_type", "event_id", "request_id", "message_level"]),
        ("pool", ["name", "volume_type"]),
        ("volume_type", ["is_public", "extra_specs"]),
    ]

    static func names(of resource: String) -> [String] { all.first { $0.resource == resource }?.names ?? [] }
}
