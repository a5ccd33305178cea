import CloudStore
import Synchronization

/// The catalog as it was last read, until something changes.
final class CatalogCache: Sendable {
    private let state = Mutex<(generation: Int, catalog: Catalog)?>(nil)

    /// The catalog, read again when it is older than the generation.
    func catalog(_ generation: Int, _ database: any Database) async throws -> Catalog {
        if let known = state.withLock({ $0 }), known.generation == generation { return known.catalog }
        let catalog = try await database.read { reader in
            let endpoints = try EndpointRecords.list(.everything, reader)
            let filters = EndpointFilters(
                chosen: try ProjectEndpointRecords.all(reader), groups: try EndpointGroupRecords.memberships(reader), endpoints: endpoints)
            return Catalog(services: try ServiceRecords.list(.everything, reader), endpoints: endpoints, filters: filters)
        }
        state.withLock { $0 = (generation, catalog) }
        return catalog
    }
}
