import CloudCore

/// A choice of endpoints by what they are, under a name.
struct EndpointGroup: Sendable, Hashable {
    /// The attributes endpoints can be chosen by.
    static let filterNames: Set<String> = ["service_id", "region_id", "interface"]

    var id: String
    var name: String
    var description: String?
    /// The attributes an endpoint must have; all of them.
    var filters: JSONObject

    /// Whether an endpoint is one of the group.
    func contains(_ endpoint: CatalogEndpoint) -> Bool {
        filters.allSatisfy { filter in
            switch filter.name {
            case "service_id": filter.value.string == endpoint.serviceID
            case "region_id": filter.value.string == endpoint.regionID
            case "interface": filter.value.string == endpoint.interface.rawValue
            default: false
            }
        }
    }
}

/// Which endpoints projects see: those chosen for them one by one, and those of the groups chosen for them. Computed
/// once for all, so that showing a catalog asks nothing.
struct EndpointFilters: Sendable {
    private var chosen: [String: Set<String>] = [:]
    private var groups: [String: [String]] = [:]
    private var members: [String: Set<String>] = [:]

    /// No filter for anyone.
    init() {}

    /// - Parameters:
    ///   - chosen: the endpoints chosen for each project.
    ///   - groups: the groups chosen for each project.
    init(
        chosen: [(projectID: String, endpointID: String)], groups: [(projectID: String, group: EndpointGroup)],
        endpoints: [CatalogEndpoint]
    ) {
        for pair in chosen { self.chosen[pair.projectID, default: []].insert(pair.endpointID) }
        for pair in groups {
            self.groups[pair.projectID, default: []].append(pair.group.id)
            guard members[pair.group.id] == nil else { continue }
            members[pair.group.id] = Set(endpoints.filter(pair.group.contains).map(\.id))
        }
    }

    /// The endpoints a project sees, disabled ones among them; nil where nothing was chosen.
    func endpointIDs(of projectID: String) -> Set<String>? {
        guard chosen[projectID] != nil || groups[projectID] != nil else { return nil }
        return (groups[projectID] ?? []).reduce(into: chosen[projectID] ?? []) { $0.formUnion(members[$1] ?? []) }
    }
}
