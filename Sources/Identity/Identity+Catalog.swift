import CloudCore
import CloudStore

/// Regions, services and endpoints.
extension Identity {
    /// The catalog that tokens of a project, or of another scope, show.
    func catalog(for projectID: String?) async throws -> Catalog {
        let catalog = try await catalogCache.catalog(tokens.generations.everyone, database)
        return catalog.filtered(for: projectID, returnsAllWithoutFilter: options.returnsAllEndpointsWithoutFilter)
    }

    /// Runs a change of the catalog; tokens show it from then on.
    func changingCatalog<Result: Sendable>(
        conflict: IdentityError, _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await writing(conflict: conflict) { [generations = tokens.generations] transaction in
            let result = try body(transaction)
            transaction.onCommit { generations.advanceEveryone() }
            return result
        }
    }

    func region(id: String) async throws -> Region {
        guard let region = try await database.read({ try RegionRecords.find(id, $0) }) else { throw IdentityError.notFound("region", id: id) }
        return region
    }

    func listRegions(_ query: ListQuery) async throws -> Page<Region> {
        try await database.read { query.page(try RegionRecords.list(query, $0)) }
    }

    func createRegion(_ region: Region) async throws -> Region {
        try await changingCatalog(conflict: .conflict("region", "Duplicate ID, \(region.id)")) { transaction in
            try Self.checkParent(of: region, transaction)
            try RegionRecords.insert(region, transaction)
            return region
        }
    }

    func updateRegion(_ id: String, _ change: @escaping @Sendable (inout Region) -> Void) async throws -> Region {
        try await changingCatalog(conflict: .conflict("region", "Duplicate ID, \(id)")) { transaction in
            guard var region = try RegionRecords.find(id, transaction) else { throw IdentityError.notFound("region", id: id) }
            change(&region)
            try Self.checkParent(of: region, transaction)
            try RegionRecords.update(region, transaction)
            return region
        }
    }

    func deleteRegion(_ id: String) async throws {
        try await changingCatalog(conflict: .conflict("region", id)) { transaction in
            guard try RegionRecords.find(id, transaction) != nil else { throw IdentityError.notFound("region", id: id) }
            guard try !EndpointRecords.exists(inRegions: RegionRecords.branch(id, transaction), transaction) else {
                throw IdentityError.refused("Unable to delete region \(id) because it or its child regions have associated endpoints.")
            }
            guard try !RegisteredLimitRecords.exists(inRegions: RegionRecords.branch(id, transaction), transaction) else {
                throw IdentityError.refused("Unable to delete region \(id) because limits are registered in it or its child regions.")
            }
            try RegionRecords.delete(id, transaction)
        }
    }

    private static func checkParent(of region: Region, _ reader: any Reader) throws {
        guard let parent = region.parentID else { return }
        guard try RegionRecords.find(parent, reader) != nil else { throw IdentityError.notFound("region", id: parent) }
        guard try !RegionRecords.branch(region.id, reader).contains(parent), parent != region.id else {
            throw IdentityError.invalid("The specified parent region \(parent) would create a circular region hierarchy.")
        }
    }

    func service(id: String) async throws -> Service {
        guard let service = try await database.read({ try ServiceRecords.find(id, $0) }) else { throw IdentityError.notFound("service", id: id) }
        return service
    }

    func listServices(_ query: ListQuery) async throws -> Page<Service> {
        try await database.read { query.page(try ServiceRecords.list(query, $0)) }
    }

    func createService(_ service: Service) async throws -> Service {
        try await changingCatalog(conflict: .conflict("service", service.id)) { transaction in
            try ServiceRecords.insert(service, transaction)
            return service
        }
    }

    func updateService(_ id: String, _ change: @escaping @Sendable (inout Service) -> Void) async throws -> Service {
        try await changingCatalog(conflict: .conflict("service", id)) { transaction in
            guard var service = try ServiceRecords.find(id, transaction) else { throw IdentityError.notFound("service", id: id) }
            change(&service)
            try ServiceRecords.update(service, transaction)
            return service
        }
    }

    func deleteService(_ id: String) async throws {
        try await changingCatalog(conflict: .conflict("service", id)) { transaction in
            guard try ServiceRecords.find(id, transaction) != nil else { throw IdentityError.notFound("service", id: id) }
            guard try !RegisteredLimitRecords.exists(forService: id, transaction) else {
                throw IdentityError.refused("Unable to delete service \(id) because limits are registered for it.")
            }
            try ServiceRecords.delete(id, transaction)
        }
    }

    func endpoint(id: String) async throws -> CatalogEndpoint {
        guard let endpoint = try await database.read({ try EndpointRecords.find(id, $0) }) else { throw IdentityError.notFound("endpoint", id: id) }
        return endpoint
    }

    func listEndpoints(_ query: ListQuery) async throws -> Page<CatalogEndpoint> {
        try await database.read { query.page(try EndpointRecords.list(query, $0)) }
    }

    /// - Parameter legacyRegion: a region named the old way, which is made when it does not exist.
    func createEndpoint(_ endpoint: CatalogEndpoint, legacyRegion: String?) async throws -> CatalogEndpoint {
        try await changingCatalog(conflict: .conflict("endpoint", endpoint.id)) { transaction in
            try Self.check(endpoint, legacyRegion: legacyRegion, transaction)
            try EndpointRecords.insert(endpoint, transaction)
            return endpoint
        }
    }

    func updateEndpoint(
        _ id: String, legacyRegion: String?, _ change: @escaping @Sendable (inout CatalogEndpoint) -> Void
    ) async throws -> CatalogEndpoint {
        try await changingCatalog(conflict: .conflict("endpoint", id)) { transaction in
            guard var endpoint = try EndpointRecords.find(id, transaction) else { throw IdentityError.notFound("endpoint", id: id) }
            change(&endpoint)
            try Self.check(endpoint, legacyRegion: legacyRegion, transaction)
            try EndpointRecords.update(endpoint, transaction)
            return endpoint
        }
    }

    private static func check(_ endpoint: CatalogEndpoint, legacyRegion: String?, _ transaction: any Transaction) throws {
        _ = try EndpointURL.expand(endpoint.url, [:])
        if let legacyRegion, try RegionRecords.find(legacyRegion, transaction) == nil {
            try RegionRecords.insert(Region(id: legacyRegion), transaction)
        }
        if let region = endpoint.regionID, try RegionRecords.find(region, transaction) == nil {
            throw IdentityError.lacking("endpoint region_id", in: "region table")
        }
        guard try ServiceRecords.find(endpoint.serviceID, transaction) != nil else {
            throw IdentityError.lacking("endpoint service_id", in: "service table")
        }
    }

    func deleteEndpoint(_ id: String) async throws {
        try await changingCatalog(conflict: .conflict("endpoint", id)) { transaction in
            guard try EndpointRecords.find(id, transaction) != nil else { throw IdentityError.notFound("endpoint", id: id) }
            try EndpointRecords.delete(id, transaction)
        }
    }
}
