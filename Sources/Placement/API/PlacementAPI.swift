import CloudAPI

/// The placement service's front: its table of operations.
struct PlacementAPI: Sendable {
    /// Where the service lives on the shared port; its links are paths from the root, as upstream's are.
    static let path = "/placement"

    let placement: Placement

    var service: ServiceAPI {
        ServiceAPI(
            type: "placement", name: "placement", path: Self.path, envelope: .placement,
            microversions: MicroversionPolicy(
                service: "placement", minimum: Microversion(1, 0), maximum: Microversion(1, 39)),
            endpoints: endpoints, rules: PlacementPolicies.rules, conventions: .webOb)
    }

    private var endpoints: [Endpoint] {
        let database = placement.database
        return RootEndpoints.table
            + ProviderEndpoints(database: database).table
            + InventoryEndpoints(database: database).table
            + AggregateEndpoints(database: database).table
            + ResourceClassEndpoints(database: database).table
            + TraitEndpoints(database: database).table
            + ProviderTraitEndpoints(database: database).table
            + AllocationEndpoints(database: database).table
            + UsageEndpoints(database: database).table
            + ReshaperEndpoints(database: database).table
            + CandidateEndpoints(database: database, cache: placement.snapshots, options: placement.candidateOptions).table
    }
}
