import CloudAPI
import CloudCore
import NetworkMessages

/// The members of one resource in a request's body, read as Neutron's converters do. The schema has admitted them.
struct Attributes {
    let json: JSON

    /// Whether a member is there, null or not.
    func has(_ name: String) -> Bool { json[name] != nil }

    /// A text; nil when absent or null.
    func text(_ name: String) -> String? { json[name]?.string }

    /// A truth value; nil when absent.
    func flag(_ name: String) -> Bool? { json[name]?.lenientBool }

    /// A whole number; nil when absent or null.
    func number(_ name: String) -> Int? { json[name]?.lenientInt }

    /// A list of texts; nil when absent, empty when null.
    func texts(_ name: String) -> [String]? {
        json[name].map { ($0.array ?? []).compactMap(\.string) }
    }

    /// An object; nil when absent or null.
    func object(_ name: String) -> JSON? {
        guard let value = json[name], value.object != nil else { return nil }
        return value
    }

    /// The names among these that are there.
    func present(_ names: [String]) -> [String] { names.filter(has) }

    /// The resource's project: the one named, else the caller's.
    /// - Throws: `NetworkingError` when there is none, or the two names for it disagree.
    func project(of request: APIRequest) throws(NetworkingError) -> String {
        let (project, tenant) = (text("project_id"), text("tenant_id"))
        if let project, let tenant, project != tenant {
            throw .badBody("'project_id' and 'tenant_id' do not match")
        }
        if let named = project ?? tenant, named != request.token?.projectID, !request.maySetProject {
            throw .badBody("Specifying 'project_id' other than the authenticated project in request is not allowed for the current user.")
        }
        guard let id = project ?? tenant ?? request.token?.projectID else {
            throw .badBody("The resource needs a project: use a token for one, or name it as project_id")
        }
        return id
    }

    /// Routes; nil when absent, none when null.
    func routes(_ name: String) -> [Route]? {
        json[name].map { value in
            (value.array ?? []).compactMap { item in
                guard let destination = item["destination"]?.string, let nexthop = item["nexthop"]?.string else { return nil }
                return Route(destination: destination, nexthop: nexthop)
            }
        }
    }

    /// Wishes for addresses; nil when absent or null.
    func addresses(_ name: String) throws(NetworkingError) -> [AddressRequest]? {
        guard let items = json[name]?.array else { return nil }
        var requests: [AddressRequest] = []
        for item in items {
            var request = AddressRequest(subnetID: item["subnet_id"]?.string)
            if let text = item["ip_address"]?.string {
                guard let address = IPAddress(text) else { throw .badBody("'\(text)' is not a valid IP address") }
                request.address = address
            }
            if let address = request.address, requests.contains(where: { $0.address == address && $0.subnetID == request.subnetID }) {
                throw .badBody("Duplicate IP address '\(address)'")
            }
            requests.append(request)
        }
        return requests
    }
}

extension APIRequest {
    /// The one resource of a body.
    func attributes(_ names: ResourceNames) -> Attributes { Attributes(json: body[names.singular] ?? .object([:])) }

    /// The resources of a creation: one, or several at once.
    /// - Throws: `NetworkingError` when there is none, or both.
    func creations(_ names: ResourceNames) throws(NetworkingError) -> [Attributes] {
        switch (body[names.singular], body[names.plural]?.array) {
        case (let one?, nil): return [Attributes(json: one)]
        case (nil, let several?): return several.map { Attributes(json: $0[names.singular] ?? $0) }
        default: throw .badBody("The body must have either '\(names.singular)' or '\(names.plural)'")
        }
    }
}
