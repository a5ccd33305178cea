import CloudAPI
import CloudCore
import CloudStore

/// Who could give what is wanted.
struct CandidateEndpoints: Sendable {
    let database: any Database
    let cache: SnapshotCache
    let options: CandidateOptions

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/allocation_candidates", "List allocation candidates", microversions: .from(1, 10),
                access: .rule(PlacementPolicies.Name.candidates), handler: list)
        ]
    }

    /// Searches and writes on the store's threads: with thousands of providers both keep a processor busy.
    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let wanted = try CandidateQuery(request: request).parse()
        let (headers, version) = (request.freshness(nil), request.microversion)
        return try await database.read { [cache, options] reader in
            try Self.checkNames(wanted, in: reader)
            let snapshot = try cache.snapshot(in: reader)
            let answer = CandidateSearch.run(wanted, over: snapshot, options)
            return APIResponse.json(headers: headers) {
                CandidateView(answer: answer, snapshot: snapshot, wanted: wanted, version: version).write(to: &$0)
            }
        }
    }

    private static func checkNames(_ wanted: CandidateRequest, in reader: any Reader) throws {
        let classes = Set(wanted.groups.flatMap(\.resources.keys))
        if let unknown = try ResourceClassRecords.unknown(classes, in: reader).first {
            throw PlacementError.badRequest("Invalid resource class in resources parameter: No such resource class \(unknown).")
        }
        let traits = wanted.groups.reduce(into: wanted.rootTraits.names) { $0.formUnion($1.traits.names) }
        guard !traits.isEmpty else { return }
        let unknown = try TraitRecords.unknown(traits, in: reader)
        guard unknown.isEmpty else { throw PlacementError.badRequest("No such trait(s): \(unknown.joined(separator: ", ")).") }
    }
}
