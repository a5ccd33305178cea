import CloudCore

/// A policy document that a service fetches. Keystone stores it and never looks into it.
struct Policy: Sendable, Hashable {
    var id: String
    /// The document's media type.
    var type: String
    var blob: String
    var extra: JSONObject = [:]
}

/// What a policy is for.
enum PolicySubject: Sendable, Hashable {
    case endpoint(String)
    /// Every endpoint of a service.
    case service(String)
    /// Every endpoint of a service in a region and in the regions below it.
    case region(String, service: String)
}

/// All associations of policies, ready for finding what holds for an endpoint.
struct PolicyAssociations: Sendable {
    let policies: [PolicySubject: String]
    /// The region above each region that has one.
    let parents: [String: String]

    /// The policy of an endpoint: its own, else that of its service in the nearest region, else that of its service.
    func policyID(of endpoint: CatalogEndpoint) -> String? {
        if let own = policies[.endpoint(endpoint.id)] { return own }
        for region in lineage(of: endpoint) {
            if let regional = policies[.region(region, service: endpoint.serviceID)] { return regional }
        }
        return policies[.service(endpoint.serviceID)]
    }

    /// The endpoints that a policy's associations reach, each once, whether or not another association is nearer.
    func endpoints(of policyID: String, among endpoints: [CatalogEndpoint]) -> [CatalogEndpoint] {
        endpoints.filter { endpoint in
            let subjects = [.endpoint(endpoint.id), .service(endpoint.serviceID)]
                + lineage(of: endpoint).map { PolicySubject.region($0, service: endpoint.serviceID) }
            return subjects.contains { policies[$0] == policyID }
        }
    }

    /// An endpoint's region and those above it, the nearest first.
    private func lineage(of endpoint: CatalogEndpoint) -> [String] {
        var regions: [String] = []
        var next = endpoint.regionID
        while let region = next, !regions.contains(region) {
            regions.append(region)
            next = parents[region]
        }
        return regions
    }
}
