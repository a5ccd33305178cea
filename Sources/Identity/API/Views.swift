import CloudAPI
import CloudCore

/// Where the links of an answer lead.
struct Links {
    /// The address of version 3, without a final slash.
    let base: String

    init(_ request: APIRequest) { base = request.serviceURL + "/v3" }

    func url(_ path: String) -> String { base + path }
}

/// A resource with its links.
struct Linked<Resource: ResourceView>: JSONWritable {
    let resource: Resource
    let links: Links

    func write(to json: inout JSONWriter) {
        json.object { json in
            resource.writeMembers(to: &json)
            json.member("links") { json in
                json.object { json in for (name, path) in resource.linkedPaths { json.member(name, links.url(path)) } }
            }
        }
    }
}

/// A resource that has a view of its own under `/v3/<collection>/<id>`.
protocol ResourceView {
    /// The name of one, as in `{"user": …}`.
    static var singular: String { get }
    /// The name of many, in paths and as in `{"users": […]}`.
    static var collection: String { get }
    var id: String { get }
    /// Where its links lead, below `/v3`.
    var linkedPaths: [(name: String, path: String)] { get }
    func writeMembers(to json: inout JSONWriter)
}

extension ResourceView {
    var linkedPaths: [(name: String, path: String)] { [("self", "/\(Self.collection)/\(id)")] }
}

extension APIResponse {
    /// `{"user": {…}}`.
    static func showing<Resource: ResourceView>(_ resource: Resource, _ request: APIRequest, status: HTTPResponse.Status? = nil) -> APIResponse {
        .json(status: status) {
            $0.object { $0.member(Resource.singular, Linked(resource: resource, links: Links(request))) }
        }
    }

    /// `{"users": […], "links": {…}}`.
    static func listing<Resource: ResourceView & Sendable>(_ page: Page<Resource>, _ request: APIRequest, _ query: ListQuery = .everything) -> APIResponse {
        let links = Links(request)
        return .json { json in
            json.object { json in
                json.member(Resource.collection, array: page.elements.map { Linked(resource: $0, links: links) })
                let next = page.isFull ? page.elements.last.map { request.nextURL(after: $0.id, query) } : nil
                json.member("links") { $0.collectionLinks(request, next: next) }
                if page.isFull { json.member("truncated", true) }
            }
        }
    }

    /// `{"users": […], "links": {…}}` for a list that has no pages.
    static func listing<Resource: ResourceView & Sendable>(_ resources: [Resource], _ request: APIRequest) -> APIResponse {
        listing(Page(elements: resources, isFull: false), request)
    }
}

extension JSONWriter {
    /// The links of a list.
    mutating func collectionLinks(_ request: APIRequest, next: String?) {
        object {
            $0.member("next", next)
            $0.member("self", request.listURL)
            $0.member("previous", nil as String?)
        }
    }

    /// A resource's own attributes that the API does not know, under names it does not use.
    mutating func members(_ extra: JSONObject, except known: Set<String>) {
        for member in extra where !known.contains(member.name) { self.member(member.name, member.value) }
    }
}

extension APIRequest {
    /// The address of this very list, with its query.
    var listURL: String {
        let query = head.path.flatMap { path in path.firstIndex(of: "?").map { path[$0...] } } ?? ""
        return url + query
    }

    /// The address of the next page of this list.
    func nextURL(after marker: String, _ query: ListQuery) -> String {
        var items = self.query.items.filter { $0.name != "marker" && $0.name != "limit" }
        items += [("marker", marker), ("limit", String(query.limit ?? 0))]
        let text = items.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        return url + "?" + text
    }

    /// Reads the query's filters and page.
    /// - Throws: `IdentityError.invalid` for values that their filters cannot have.
    func listQuery(_ columns: FilterColumns, _ options: IdentityOptions) throws -> ListQuery {
        for item in query.items where columns.isFlag(item.name) && !ListQuery.isTruth(item.value) {
            throw IdentityError.invalid("Invalid input for field '\(item.name)': '\(item.value)' is not one of true and false.")
        }
        return try ListQuery(query.items, attributes: columns.names, maximumPageSize: options.maximumPageSize)
    }

    /// Checks the filters of a query that may not have just any value.
    /// - Throws: `IdentityError.invalid`.
    func check(query members: [(name: String, schema: Schema)]) throws {
        do { try Schema.object(members, additional: .any).validate(query: query) } catch {
            throw IdentityError.invalid(error.description)
        }
    }

    /// Whether a flag stands in the query with any value but `0`.
    func has(flag name: String) -> Bool { query[name].map { $0 != "0" } ?? false }
}
