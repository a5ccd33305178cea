import CloudCore

/// The links from one page of a list to others, in each service's form. The methods write members of the object that
/// holds the list.
public struct PageLinks: Sendable {
    private let url: String
    private let path: String
    private let query: QueryItems
    private let page: PageRequest
    private let first: String?
    private let last: String?
    private let hasMore: Bool

    /// The links of a page.
    /// - Parameters:
    ///   - request: the request that asked for it.
    ///   - page: what it asked for.
    ///   - ids: the ids of the page's items in order.
    ///   - hasMore: whether more follow in the page's direction, from `PageRequest.cut`.
    public init(_ request: APIRequest, _ page: PageRequest, ids: some Collection<String>, hasMore: Bool) {
        (url, query, self.page, self.hasMore) = (request.url, request.query, page, hasMore)
        path = String(request.url.dropFirst(request.serviceURL.count))
        (first, last) = (ids.first, ids.reversed().first)
    }

    private func query(marker: String?, reversed: Bool = false) -> String {
        var items = query.removing(["marker", "page_reverse"])
        if let marker { items = items.appending("marker", marker) }
        if reversed { items = items.appending("page_reverse", "True") }
        return items.items.isEmpty ? "" : "?" + items.text
    }

    /// Nova's and Cinder's: `"servers_links": [{"rel": "next", "href": …}]`, present only when there is a next page.
    public func writeNext(_ name: String, to json: inout JSONWriter) {
        guard hasMore, let last else { return }
        json.member(name) { $0.array { Self.write("next", url + query(marker: last), to: &$0) } }
    }

    /// Neutron's: `"networks_links"` with `next` and `previous`, present when the request names a limit or the
    /// page does not hold everything. As upstream, the way back stands on every page, the way on only where more may follow.
    public func writeNextAndPrevious(_ name: String, to json: inout JSONWriter) {
        guard page.hasExplicitLimit || hasMore else { return }
        json.member(name) {
            $0.array { json in
                if hasMore || page.isReversed { Self.write("next", url + query(marker: last), to: &json) }
                if hasMore || !page.isReversed {
                    Self.write("previous", url + query(marker: first, reversed: true), to: &json)
                }
            }
        }
    }

    /// Glance's: `first`, `next` and `schema` as paths below the service.
    public func writeFirstNextSchema(schema: String, to json: inout JSONWriter) {
        json.member("first", path + query(marker: nil))
        if hasMore, let last { json.member("next", path + query(marker: last)) }
        json.member("schema", schema)
    }

    /// Keystone's: `"links": {"self": …, "next": …, "previous": null}`.
    public func writeSelfNextPrevious(to json: inout JSONWriter) {
        json.member("links") {
            $0.object {
                $0.member("next", hasMore ? last.map { url + query(marker: $0) } : nil)
                $0.member("self", query.items.isEmpty ? url : "\(url)?\(query.text)")
                $0.member("previous", String?.none)
            }
        }
    }

    private static func write(_ relation: String, _ href: String, to json: inout JSONWriter) {
        json.object {
            $0.member("rel", relation)
            $0.member("href", href)
        }
    }
}

extension APIRequest {
    /// The page of a list this request asks for.
    /// - Throws: `Fault` 400, as `PageRequest`'s initialiser.
    public func page(_ rules: PageRules) throws(Fault) -> PageRequest { try PageRequest(query, rules) }
}
