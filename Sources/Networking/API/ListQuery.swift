import CloudAPI
import CloudCore

extension ListRequest {
    fileprivate static let reserved: Set = [
        "fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir",
    ]
    private static let tagFilters: Set = ["tags", "tags-any", "not-tags", "not-tags-any"]

    /// Reads a list's query.
    /// - Throws: `NetworkingError` for what Neutron refuses: unknown filters and sort keys, and limits that are none.
    init(_ query: QueryItems, _ listing: Listing, pageLimit: Int?) throws(NetworkingError) {
        self.init()
        let names = query.all("fields").filter { !$0.isEmpty }
        fields = names.isEmpty ? nil : Set(names)
        try readFilters(query, listing)
        tags = TagFilter(
            all: Self.tags(query, "tags"), any: Self.tags(query, "tags-any"),
            notAll: Self.tags(query, "not-tags"), notAny: Self.tags(query, "not-tags-any"))
        if let text = query["changed_since"] {
            guard let moment = Timestamp(iso8601: text) else { throw .invalidInput("changed_since cannot be \(text)") }
            changedSince = moment
        }
        try readSorts(query, listing)
        try readPage(query, pageLimit)
    }

    private static func tags(_ query: QueryItems, _ name: String) -> [String] {
        query.all(name).flatMap { $0.split(separator: ",").map(String.init) }
    }

    private mutating func readFilters(_ query: QueryItems, _ listing: Listing) throws(NetworkingError) {
        var unknown: [String] = []
        for (name, value) in query.items where !Self.isReserved(name, listing) {
            if listing.attributes[name]?.condition == nil {
                unknown.append(name)
            } else if let position = filters.firstIndex(where: { $0.attribute == name }) {
                filters[position].values.append(value)
            } else {
                filters.append(Filter(attribute: name, values: [value]))
            }
        }
        guard unknown.isEmpty else { throw .badBody("\(unknown) is invalid attribute for filtering") }
        if let project = values(of: "project_id"), let tenant = values(of: "tenant_id"), project != tenant {
            throw NetworkingError(
                .badRequest, "TenantIdProjectIdFilterConflict", "Both tenant_id and project_id passed as filters.")
        }
    }

    /// Whether a parameter is no filter by an attribute.
    private static func isReserved(_ name: String, _ listing: Listing) -> Bool {
        reserved.contains(name) || listing.isTagged && tagFilters.contains(name) || listing.isTimed && name == "changed_since"
    }

    private mutating func readSorts(_ query: QueryItems, _ listing: Listing) throws(NetworkingError) {
        let (keys, directions) = (query.all("sort_key").filter { !$0.isEmpty }, query.all("sort_dir").filter { !$0.isEmpty })
        guard keys.count == directions.count else { throw .badBody("The number of sort_keys and sort_dirs must be same") }
        let unknown = keys.filter { listing.attributes[$0]?.order == nil }
        guard unknown.isEmpty else { throw .badBody("\(unknown) is invalid attribute for sort_keys") }
        let wrong = directions.filter { $0 != "asc" && $0 != "desc" }
        guard wrong.isEmpty else {
            throw .badBody("\(wrong) is invalid value for sort_dirs, valid value is 'asc' and 'desc'")
        }
        sorts = zip(keys, directions).map { Sort(attribute: $0, isAscending: $1 == "asc") }
    }

    private mutating func readPage(_ query: QueryItems, _ pageLimit: Int?) throws(NetworkingError) {
        if let text = query["limit"] {
            guard let number = Int(text), number >= 0 else {
                throw .badRequest("limit", "Limit must be an integer 0 or greater and not '\(text)'")
            }
            limit = number == 0 ? nil : number
        }
        if let pageLimit { limit = min(limit ?? pageLimit, pageLimit) }
        // Without a limit there are no pages to turn.
        guard limit != nil else { return }
        marker = query["marker"].flatMap { $0.isEmpty ? nil : $0 }
        isReversed = query["page_reverse"]?.lowercased() == "true"
    }
}

extension APIRequest {
    /// The views that the query's filters leave, where there is no table to ask.
    /// - Parameter matches: whether an attribute has one of the values; nil for one that cannot be filtered by.
    func filtered<Shown: View>(
        _ views: [Shown], by matches: (_ view: Shown, _ attribute: String, _ values: [String]) -> Bool?
    ) throws -> [Shown] {
        let filters = Dictionary(grouping: query.items.filter { !ListRequest.reserved.contains($0.name) }, by: \.name)
        return try views.filter { view in
            try filters.allSatisfy { name, items in
                try matches(view, name, items.map(\.value)).orThrow(.badBody("['\(name)'] is invalid attribute for filtering"))
            }
        }
    }
}

/// The links to the pages beside one.
struct PageLinks {
    private var links: [(relation: String, url: String)] = []

    /// The links of a page of items with these ids: to a next page when this one is full, or was reached backwards; to a
    /// previous one unless this is the first reached backwards.
    init(_ request: APIRequest, _ list: ListRequest, ids: [String]) {
        guard let limit = list.limit else { return }
        let isShort = ids.count < limit
        let query = request.query.removing(["marker", "page_reverse"])
        func url(_ marker: String?, reversed: Bool) -> String {
            var query = query
            if let marker { query = query.appending("marker", marker) }
            if reversed { query = query.appending("page_reverse", "True") }
            return "\(request.url)?\(query.text)"
        }
        if !isShort || list.isReversed { links.append(("next", url(ids.last, reversed: false))) }
        if !isShort || !list.isReversed { links.append(("previous", url(ids.first, reversed: true))) }
    }

    /// Writes `…_links` unless the list has no pages.
    func write(as name: String, to json: inout JSONWriter) {
        guard !links.isEmpty else { return }
        json.member(name) { json in
            json.array { json in
                for link in links {
                    json.object {
                        $0.member("rel", link.relation)
                        $0.member("href", link.url)
                    }
                }
            }
        }
    }
}
