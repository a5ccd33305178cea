import CloudCore

/// A part of the cloud that has endpoints of its own.
struct Region: Sendable, Hashable {
    var id: String
    var parentID: String?
    var description = ""
    var extra: JSONObject = [:]
}

/// A service in the catalog.
struct Service: Sendable, Hashable {
    var id: String
    var type: String
    var name = ""
    var isEnabled = true
    var extra: JSONObject = [:]
}

/// An address of a service.
struct CatalogEndpoint: Sendable, Hashable {
    /// Whom an address is for.
    enum Interface: String, Sendable, CaseIterable { case admin, `internal`, `public` }

    var id: String
    var interface: Interface
    var serviceID: String
    var regionID: String?
    var url: String
    var isEnabled = true
    var extra: JSONObject = [:]
}

/// An endpoint's URL, in which `%(name)s` or `$(name)s` stand for what a token knows.
enum EndpointURL {
    /// The names that may be used.
    static let names: Set<String> = ["tenant_id", "project_id", "user_id", "compute_host", "public_endpoint"]

    /// The URL with its names replaced; nil when it uses a name without a value.
    /// - Throws: `IdentityError.invalid` for a name that may not be used and for malformed marks.
    static func expand(_ template: String, _ values: [String: String]) throws -> String? {
        var (result, rest, isComplete) = ("", Substring(template), true)
        while let mark = rest.firstIndex(where: { $0 == "%" || $0 == "$" }) {
            result += rest[..<mark]
            let tail = rest[mark...].dropFirst()
            if rest[mark] == "%", tail.first == "%" {
                result += "%"
                rest = tail.dropFirst()
            } else if tail.first == "(", let end = tail.firstIndex(of: ")") {
                let name = String(tail[tail.index(after: tail.startIndex)..<end])
                guard names.contains(name), tail[end...].dropFirst().first == "s" else { throw malformed(template) }
                if let value = values[name] { result += value } else { isComplete = false }
                rest = tail[end...].dropFirst(2)
            } else if rest[mark] == "$", tail.first != "(" {
                result += "$"
                rest = tail
            } else {
                throw malformed(template)
            }
        }
        return isComplete ? result + rest : nil
    }

    private static func malformed(_ template: String) -> IdentityError {
        .invalid("Cannot create an endpoint with an invalid URL: \(template).")
    }
}

/// The services and endpoints that a token shows.
struct Catalog: Sendable {
    /// A service with its enabled endpoints.
    struct Entry: Sendable {
        let service: Service
        let endpoints: [CatalogEndpoint]
    }

    let entries: [Entry]
    /// Which endpoints projects see that do not see all.
    private let filters: EndpointFilters

    init(services: [Service], endpoints: [CatalogEndpoint], filters: EndpointFilters = EndpointFilters()) {
        let byService = Dictionary(grouping: endpoints.filter(\.isEnabled), by: \.serviceID)
        entries = services.filter(\.isEnabled).map { Entry(service: $0, endpoints: byService[$0.id] ?? []) }
        self.filters = filters
    }

    private init(entries: [Entry]) { (self.entries, filters) = (entries, EndpointFilters()) }

    /// The part of the catalog that a project sees; without a project, what nobody's filter narrows. Services without
    /// an endpoint only show where there is no filter.
    func filtered(for projectID: String?, returnsAllWithoutFilter: Bool) -> Catalog {
        guard let visible = projectID.flatMap(filters.endpointIDs(of:)), !visible.isEmpty else {
            return returnsAllWithoutFilter ? self : Catalog(entries: [])
        }
        return Catalog(entries: entries.compactMap { entry in
            let endpoints = entry.endpoints.filter { visible.contains($0.id) }
            return endpoints.isEmpty ? nil : Entry(service: entry.service, endpoints: endpoints)
        })
    }
}
