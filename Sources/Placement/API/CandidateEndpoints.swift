import CloudAPI
import CloudCore
import CloudStore

/// Who could give what is wanted.
struct CandidateEndpoints: Sendable {
    let database: any Database

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/allocation_candidates", "List allocation candidates", microversions: .from(1, 10),
                access: .rule(PlacementPolicies.Name.candidates), handler: list)
        ]
    }

    /// What an answer is made of.
    private struct Found: Sendable {
        let providers: [ResourceProvider]
        let summaries: [String: [ClassSummary]]
        let traits: [String: [String]]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.checkAcceptsJSON()
        let filter = try filter(request)
        let limit = try limit(request)
        let found = try await database.read { reader in
            try Self.checkNames(filter, in: reader)
            guard try !CandidateRecords.haveTreesOrSharing(filter.resources.keys, in: reader) else {
                throw PlacementError.notSupported(
                    "Candidates that span provider trees or sharing providers are not implemented yet.")
            }
            let place = limit == nil ? "" : Identifier.uuid()
            let uuids = try CandidateRecords.providers(filter, from: place, limit: limit ?? .max, in: reader)
            let providers = Dictionary(uniqueKeysWithValues: try ProviderRecords.find(uuids: uuids, in: reader).map { ($0.uuid, $0) })
            return Found(
                providers: uuids.compactMap { providers[$0] },
                summaries: try CandidateRecords.summaries(uuids, in: reader),
                traits: request.isAtLeast(17) ? try TraitRecords.list(providers: uuids, in: reader) : [:])
        }
        return .json(headers: request.freshness(nil)) {
            $0.object { json in
                json.member("allocation_requests") { json in
                    json.array { json in
                        for provider in found.providers { Self.write(provider.uuid, filter.resources, request, to: &json) }
                    }
                }
                json.member("provider_summaries") { json in
                    json.object { json in
                        for provider in found.providers { Self.write(provider, found, filter.resources, request, to: &json) }
                    }
                }
            }
        }
    }

    // MARK: What is wanted

    private func filter(_ request: APIRequest) throws -> ProviderFilter {
        var known: Set = ["resources"]
        for (minor, name) in [(16, "limit"), (17, "required"), (21, "member_of"), (31, "in_tree")] where request.isAtLeast(minor) {
            known.insert(name)
        }
        for item in request.query.items where !known.contains(item.name) { try refuse(item.name, request) }
        guard let resources = request.query["resources"] else {
            let message = request.isAtLeast(25)
                ? "At least one request group (`resources` or `resources{$S}`) is required."
                : "Invalid query string parameters: 'resources' is a required property"
            throw PlacementError.badRequest(message)
        }
        var filter = ProviderFilter(inTree: try request.uuidQuery("in_tree"), resources: try QueryParsing.resources(resources))
        filter.traits = try QueryParsing.traits("required", request)
        let conflicts = filter.traits.required.filter { $0.count == 1 }.reduce(into: Set()) { $0.formUnion($1) }
            .intersection(filter.traits.forbidden)
        guard conflicts.isEmpty else {
            throw PlacementError.badRequest(
                "Conflicting required and forbidden traits found in the following traits keys: required: "
                    + "(\(conflicts.sorted().joined(separator: ", ")))")
        }
        (filter.memberOf, filter.forbiddenAggregates) = try QueryParsing.aggregates("member_of", request)
        return filter
    }

    /// Tells a parameter that this version cannot serve yet from one that does not exist.
    private func refuse(_ name: String, _ request: APIRequest) throws {
        let isSuffixed = ["resources", "required", "member_of", "in_tree"].contains { name.hasPrefix($0) && name != $0 }
        let isKnown =
            switch name {
            case "group_policy": request.isAtLeast(25)
            case "root_required": request.isAtLeast(35)
            case "same_subtree": request.isAtLeast(36)
            default: isSuffixed && request.isAtLeast(25)
            }
        guard isKnown else {
            throw PlacementError.badRequest(
                "Invalid query string parameters: Additional properties are not allowed ('\(name)' was unexpected)")
        }
        throw PlacementError.notSupported("The query parameter \(name) is not implemented yet.")
    }

    private func limit(_ request: APIRequest) throws -> Int? {
        try request.query["limit"].map { text in
            guard let limit = Int(text), limit >= 1, text.first != "0", text.first != "+" else {
                throw PlacementError.badRequest("Invalid query string parameters: '\(text)' does not match '^[1-9][0-9]*$'")
            }
            return limit
        }
    }

    private static func checkNames(_ filter: ProviderFilter, in reader: any Reader) throws {
        if let unknown = try ResourceClassRecords.unknown(filter.resources.keys, in: reader).first {
            throw PlacementError.badRequest("Invalid resource class in resources parameter: No such resource class \(unknown).")
        }
        let unknown = try TraitRecords.unknown(filter.traits.names, in: reader)
        guard unknown.isEmpty else { throw PlacementError.badRequest("No such trait(s): \(unknown.joined(separator: ", ")).") }
    }

    // MARK: What is found

    /// A claim as `PUT /allocations/{consumer_uuid}` of the same microversion takes it.
    private static func write(_ provider: String, _ resources: Resources, _ request: APIRequest, to json: inout JSONWriter) {
        json.object { json in
            json.member("allocations") { json in
                guard request.isAtLeast(12) else {
                    return json.array {
                        $0.object {
                            $0.member("resource_provider") { $0.object { $0.member("uuid", provider) } }
                            $0.member("resources", resources)
                        }
                    }
                }
                json.object { $0.member(provider) { $0.object { $0.member("resources", resources) } } }
            }
            guard request.isAtLeast(34) else { return }
            json.member("mappings") { $0.object { $0.member("", array: [provider]) } }
        }
    }

    private static func write(
        _ provider: ResourceProvider, _ found: Found, _ wanted: Resources, _ request: APIRequest, to json: inout JSONWriter
    ) {
        json.member(provider.uuid) {
            $0.object { json in
                json.member("resources") { json in
                    json.object { json in
                        for summary in found.summaries[provider.uuid] ?? []
                        where request.isAtLeast(27) || wanted[summary.resourceClass] != nil {
                            json.member(summary.resourceClass) {
                                $0.object {
                                    $0.member("capacity", summary.capacity)
                                    $0.member("used", summary.used)
                                }
                            }
                        }
                    }
                }
                if request.isAtLeast(17) { json.member("traits", array: found.traits[provider.uuid] ?? []) }
                guard request.isAtLeast(29) else { return }
                json.member("parent_provider_uuid", provider.parentUUID)
                json.member("root_provider_uuid", provider.rootUUID)
            }
        }
    }
}
