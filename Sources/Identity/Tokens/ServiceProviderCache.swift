import CloudStore
import Synchronization

/// The enabled service providers as they were last read, until something changes: every token shows them.
final class ServiceProviderCache: Sendable {
    private let state = Mutex<(generation: Int, providers: [ServiceProvider])?>(nil)

    /// The providers, read again when they are older than the generation.
    func providers(_ generation: Int, _ database: any Database) async throws -> [ServiceProvider] {
        if let known = state.withLock({ $0 }), known.generation == generation { return known.providers }
        let providers = try await database.read { reader in
            try ServiceProviderRecords.list(ListQuery.everything.filtered("enabled", "1"), reader)
        }
        state.withLock { $0 = (generation, providers) }
        return providers
    }
}
