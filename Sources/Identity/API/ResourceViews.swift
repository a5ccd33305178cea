import CloudCore

extension Project: ResourceView {
    static let singular = "project"
    static let collection = "projects"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", name)
        json.member("domain_id", domainID)
        json.member("description", description)
        json.member("enabled", isEnabled)
        json.member("parent_id", parentID)
        json.member("is_domain", isDomain)
        json.member("tags", tags)
        json.member("options", JSON.object(options))
        json.members(extra, except: ProjectFieldNames.known)
    }
}

/// A project above or below the one that is shown, with its limits when they are asked for.
struct ProjectInHierarchy: ResourceView {
    static let singular = Project.singular
    static let collection = Project.collection

    let project: Project
    let limits: [Limit]?
    var id: String { project.id }

    func writeMembers(to json: inout JSONWriter) {
        project.writeMembers(to: &json)
        guard let limits else { return }
        json.member("limits") { json in
            json.array { json in for limit in limits { json.object { limit.writeMembers(to: &$0) } } }
        }
    }
}

/// A domain as its own API shows it.
struct DomainView: ResourceView, Sendable {
    static let singular = "domain"
    static let collection = "domains"

    let domain: Project
    var id: String { domain.id }

    init(_ domain: Project) { self.domain = domain }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", domain.id)
        json.member("name", domain.name)
        json.member("description", domain.description)
        json.member("enabled", domain.isEnabled)
        json.member("tags", domain.tags)
        json.member("options", JSON.object(domain.options))
        json.members(domain.extra, except: ProjectFieldNames.known)
    }
}

/// A resource as the answer to a change shows it: Keystone adds the unknown attributes once more, as `extra`.
struct ChangedView<Resource: ResourceView & Sendable>: ResourceView, Sendable {
    static var singular: String { Resource.singular }
    static var collection: String { Resource.collection }

    let resource: Resource
    let extra: JSONObject
    var id: String { resource.id }
    var linkedPaths: [(name: String, path: String)] { resource.linkedPaths }

    func writeMembers(to json: inout JSONWriter) {
        resource.writeMembers(to: &json)
        json.member("extra", JSON.object(extra))
    }
}

extension User: ResourceView {
    static let singular = "user"
    static let collection = "users"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", name)
        json.member("domain_id", domainID)
        json.member("enabled", isEnabled)
        // Absent, not null, when there is none.
        if let defaultProjectID { json.member("default_project_id", defaultProjectID) }
        json.member("password_expires_at", password?.expiresAt?.iso8601Microseconds)
        json.member("options", JSON.object(options.values))
        if !federated.isEmpty { json.member("federated", FederatedIdentity.view(federated)) }
        json.members(extra, except: UserFieldNames.known)
    }
}

extension Group: ResourceView {
    static let singular = "group"
    static let collection = "groups"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", name)
        json.member("domain_id", domainID)
        json.member("description", description)
        if let end = membershipExpiresAt { json.member("membership_expires_at", end.iso8601Microseconds) }
        json.members(extra, except: GroupFieldNames.known)
    }
}

extension Role: ResourceView {
    static let singular = "role"
    static let collection = "roles"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", name)
        json.member("domain_id", domainID)
        json.member("description", description)
        json.member("options", JSON.object(options))
        json.members(extra, except: RoleFieldNames.known)
    }
}

extension Region: ResourceView {
    static let singular = "region"
    static let collection = "regions"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("description", description)
        json.member("parent_region_id", parentID)
        json.members(extra, except: RegionFieldNames.known)
    }
}

extension Service: ResourceView {
    static let singular = "service"
    static let collection = "services"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("name", name)
        json.member("type", type)
        json.member("enabled", isEnabled)
        json.members(extra, except: ServiceFieldNames.known)
    }
}

extension CatalogEndpoint: ResourceView {
    static let singular = "endpoint"
    static let collection = "endpoints"

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("interface", interface.rawValue)
        json.member("region_id", regionID)
        json.member("region", regionID)
        json.member("service_id", serviceID)
        json.member("url", url)
        json.member("enabled", isEnabled)
        json.members(extra, except: EndpointFieldNames.known)
    }
}
