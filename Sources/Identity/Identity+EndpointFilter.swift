import CloudCore
import CloudStore

/// Which endpoints projects see in the catalog.
extension Identity {
    // MARK: Endpoints chosen one by one

    func addEndpoint(_ endpointID: String, toProject projectID: String) async throws {
        try await changingCatalog(conflict: .conflict("project_endpoint", "Duplicate entry")) { transaction in
            try Self.checkExist(endpoint: endpointID, project: projectID, transaction)
            try ProjectEndpointRecords.insert(project: projectID, endpoint: endpointID, transaction)
        }
    }

    func checkEndpoint(_ endpointID: String, ofProject projectID: String) async throws {
        try await database.read { reader in
            try Self.checkExist(endpoint: endpointID, project: projectID, reader)
            guard try ProjectEndpointRecords.exists(project: projectID, endpoint: endpointID, reader) else {
                throw Self.notChosen(endpointID, projectID)
            }
        }
    }

    func removeEndpoint(_ endpointID: String, fromProject projectID: String) async throws {
        try await changingCatalog(conflict: .conflict("project_endpoint", endpointID)) { transaction in
            guard try ProjectEndpointRecords.delete(project: projectID, endpoint: endpointID, transaction) else {
                throw Self.notChosen(endpointID, projectID)
            }
        }
    }

    /// The projects an endpoint was chosen for.
    func projects(ofEndpoint id: String) async throws -> [Project] {
        try await database.read { reader in
            guard try EndpointRecords.find(id, reader) != nil else { throw IdentityError.notFound("endpoint", id: id) }
            return try ProjectRecords.all(ProjectEndpointRecords.projectIDs(ofEndpoint: id, reader), reader)
        }
    }

    /// The endpoints chosen for a project, by themselves or with a group.
    func endpoints(ofProject id: String) async throws -> [CatalogEndpoint] {
        try await database.read { reader in
            try Self.checkExists(project: id, reader)
            let chosen = Set(try ProjectEndpointRecords.endpointIDs(ofProject: id, reader))
            let groups = try EndpointGroupRecords.all(ofProject: id, reader)
            return try EndpointRecords.list(.everything, reader).filter { endpoint in
                chosen.contains(endpoint.id) || groups.contains { $0.contains(endpoint) }
            }
        }
    }

    private static func checkExist(endpoint: String, project: String, _ reader: any Reader) throws {
        guard try EndpointRecords.find(endpoint, reader) != nil else { throw IdentityError.notFound("endpoint", id: endpoint) }
        try checkExists(project: project, reader)
    }

    private static func checkExists(project id: String, _ reader: any Reader) throws {
        guard try ProjectRecords.find(id, reader) != nil else { throw IdentityError.notFound("project", id: id) }
    }

    private static func notChosen(_ endpointID: String, _ projectID: String) -> IdentityError {
        .missing("Endpoint \(endpointID) not found in project \(projectID)")
    }

    // MARK: Groups

    func endpointGroup(id: String) async throws -> EndpointGroup {
        guard let group = try await database.read({ try EndpointGroupRecords.find(id, $0) }) else { throw Self.noEndpointGroup(id) }
        return group
    }

    func listEndpointGroups(_ query: ListQuery) async throws -> Page<EndpointGroup> {
        try await database.read { query.page(try EndpointGroupRecords.list(query, $0)) }
    }

    func createEndpointGroup(_ group: EndpointGroup) async throws -> EndpointGroup {
        // Nobody's catalog depends on it yet.
        try await database.write { try EndpointGroupRecords.insert(group, $0) }
        return group
    }

    func updateEndpointGroup(_ id: String, _ change: @escaping @Sendable (inout EndpointGroup) -> Void) async throws -> EndpointGroup {
        try await changingCatalog(conflict: .conflict("endpoint_group", id)) { transaction in
            guard var group = try EndpointGroupRecords.find(id, transaction) else { throw Self.noEndpointGroup(id) }
            change(&group)
            try EndpointGroupRecords.update(group, transaction)
            return group
        }
    }

    func deleteEndpointGroup(_ id: String) async throws {
        try await changingCatalog(conflict: .conflict("endpoint_group", id)) { transaction in
            guard try EndpointGroupRecords.find(id, transaction) != nil else { throw Self.noEndpointGroup(id) }
            try EndpointGroupRecords.delete(id, transaction)
        }
    }

    func endpoints(ofGroup id: String) async throws -> [CatalogEndpoint] {
        try await database.read { reader in
            guard let group = try EndpointGroupRecords.find(id, reader) else { throw Self.noEndpointGroup(id) }
            return try EndpointRecords.list(.everything, reader).filter(group.contains)
        }
    }

    private static func noEndpointGroup(_ id: String) -> IdentityError { .missing("Could not find Endpoint Group: \(id).") }

    // MARK: Groups chosen for projects

    /// The projects a group was chosen for; none for a group that does not exist, as upstream has it.
    func projects(ofEndpointGroup id: String) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(EndpointGroupRecords.projectIDs(ofGroup: id, $0), $0) }
    }

    func endpointGroups(ofProject id: String) async throws -> [EndpointGroup] {
        try await database.read { reader in
            try Self.checkExists(project: id, reader)
            return try EndpointGroupRecords.all(ofProject: id, reader)
        }
    }

    func addEndpointGroup(_ groupID: String, toProject projectID: String) async throws {
        try await changingCatalog(conflict: .conflict("project_endpoint_group", "Duplicate entry")) { transaction in
            try Self.checkExist(group: groupID, project: projectID, transaction)
            try EndpointGroupRecords.insert(project: projectID, group: groupID, transaction)
        }
    }

    func checkEndpointGroup(_ groupID: String, ofProject projectID: String) async throws {
        try await database.read { reader in
            try Self.checkExist(group: groupID, project: projectID, reader)
            guard try EndpointGroupRecords.exists(project: projectID, group: groupID, reader) else { throw Self.groupNotChosen }
        }
    }

    func removeEndpointGroup(_ groupID: String, fromProject projectID: String) async throws {
        try await changingCatalog(conflict: .conflict("project_endpoint_group", groupID)) { transaction in
            try Self.checkExist(group: groupID, project: projectID, transaction)
            guard try EndpointGroupRecords.delete(project: projectID, group: groupID, transaction) else { throw Self.groupNotChosen }
        }
    }

    private static func checkExist(group: String, project: String, _ reader: any Reader) throws {
        try checkExists(project: project, reader)
        guard try EndpointGroupRecords.find(group, reader) != nil else { throw noEndpointGroup(group) }
    }

    private static let groupNotChosen = IdentityError.missing("Endpoint Group Project Association not found")
}
