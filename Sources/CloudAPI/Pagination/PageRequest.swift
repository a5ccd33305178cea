/// The page of a list that a request asks for.
public struct PageRequest: Sendable, Hashable {
    /// How many items at most; 0 asks for an empty page.
    public let limit: Int
    /// The id after which the page begins, or before which it ends when it is reversed; nil for the first page.
    public let marker: String?
    /// The order, ending in a unique key. For a reversed page, still the order of the list.
    public let sort: [SortKey]
    /// Whether the page before the marker is asked for (Neutron's `page_reverse`).
    public let isReversed: Bool
    /// Whether the request names a limit.
    public let hasExplicitLimit: Bool

    /// How many rows to fetch: one more than the page holds tells whether another page follows.
    public var fetchCount: Int { limit == .max ? limit : limit + 1 }

    /// The order to fetch rows in: that of the list, or its opposite for a reversed page.
    public var fetchSort: [SortKey] {
        isReversed ? sort.map { SortKey($0.name, $0.direction.opposite) } : sort
    }

    /// Reads the page from a query.
    /// - Throws: `Fault` 400 for a limit that is no number or negative, and an order the rules do not know.
    public init(_ query: QueryItems, _ rules: PageRules) throws(Fault) {
        (limit, hasExplicitLimit) = try Self.limit(query, rules)
        marker = query["marker"].flatMap { $0.isEmpty ? nil : $0 }
        isReversed = rules.dialect == .neutron && query["page_reverse"]?.lowercased() == "true"
        sort = try Self.completed(Self.sort(query, rules), rules)
    }

    /// Cuts fetched rows, at most `fetchCount` in `fetchSort`'s order, to the page in the list's order.
    /// - Returns: the page's rows, and whether more follow in the direction of the page.
    public func cut<Row>(_ rows: [Row]) -> (rows: [Row], hasMore: Bool) {
        let page = Array(rows.prefix(limit))
        return (isReversed ? page.reversed() : page, limit > 0 && rows.count > limit)
    }

    private static func limit(_ query: QueryItems, _ rules: PageRules) throws(Fault) -> (Int, Bool) {
        guard let text = query["limit"] else { return (min(rules.defaultLimit, rules.maximumLimit), false) }
        guard let limit = Int(text) else { throw Fault(.badRequest, "limit param must be an integer") }
        guard limit >= 0 else { throw Fault(.badRequest, "limit param must be positive") }
        if limit == 0, rules.dialect == .neutron { return (rules.maximumLimit, false) }
        return (min(limit, rules.maximumLimit), true)
    }

    private static func sort(_ query: QueryItems, _ rules: PageRules) throws(Fault) -> [SortKey] {
        let (names, directions) = (query.all("sort_key"), query.all("sort_dir"))
        if rules.dialect == .cinder || rules.dialect == .glance, let sort = query["sort"] {
            guard names.isEmpty, directions.isEmpty else {
                throw Fault(.badRequest, "sort cannot be combined with sort_key and sort_dir")
            }
            return try list(sort, rules)
        }
        if rules.dialect == .neutron, names.count != directions.count {
            throw Fault(.badRequest, "The number of sort_keys and sort_dirs must be same")
        }
        guard directions.count <= max(names.count, 1) else {
            throw Fault(.badRequest, "Sort direction size exceeds sort key size")
        }
        if rules.dialect == .glance, directions.count > 1, directions.count != names.count {
            throw Fault(.badRequest, "Number of sort dirs does not match the number of sort keys")
        }
        return try pairs(names, directions, rules)
    }

    private static func pairs(_ names: [String], _ directions: [String], _ rules: PageRules) throws(Fault) -> [SortKey] {
        var parsed: [SortKey.Direction] = []
        for direction in directions { parsed.append(try self.direction(direction)) }
        let fallback = parsed.first ?? defaultDirection(rules)
        guard !names.isEmpty else {
            return parsed.isEmpty ? [] : rules.defaultSort.map { SortKey($0.name, fallback) }
        }
        var keys: [SortKey] = []
        for (position, name) in names.enumerated() {
            keys.append(SortKey(try known(name, rules), position < parsed.count ? parsed[position] : fallback))
        }
        return keys
    }

    /// `key:dir,key`
    private static func list(_ text: String, _ rules: PageRules) throws(Fault) -> [SortKey] {
        var keys: [SortKey] = []
        for item in text.split(separator: ",") {
            let parts = item.split(separator: ":", maxSplits: 1).map { $0.filter { !$0.isWhitespace } }
            guard let name = parts.first else { throw Fault(.badRequest, "The sort parameter names no key") }
            let direction = parts.count > 1 ? try direction(parts[1]) : defaultDirection(rules)
            keys.append(SortKey(try known(name, rules), direction))
        }
        return keys
    }

    private static func defaultDirection(_ rules: PageRules) -> SortKey.Direction {
        rules.dialect == .neutron ? .ascending : .descending
    }

    private static func direction(_ text: String) throws(Fault) -> SortKey.Direction {
        guard let direction = SortKey.Direction(rawValue: text.lowercased()) else {
            throw Fault(.badRequest, "'\(text)' is an invalid sort direction, it must be 'asc' or 'desc'")
        }
        return direction
    }

    private static func known(_ name: String, _ rules: PageRules) throws(Fault) -> String {
        guard rules.sortKeys.contains(name) else {
            throw Fault(.badRequest, "'\(name)' is an invalid attribute for sort key")
        }
        return name
    }

    /// The order with repeated keys taken out and the unique last key added, in the direction of the first key.
    private static func completed(_ asked: [SortKey], _ rules: PageRules) -> [SortKey] {
        guard !asked.isEmpty else { return rules.defaultSort }
        var seen: Set<String> = []
        var keys = asked.filter { seen.insert($0.name).inserted }
        if let last = rules.defaultSort.last, !seen.contains(last.name) {
            keys.append(SortKey(last.name, asked[0].direction))
        }
        return keys
    }
}
