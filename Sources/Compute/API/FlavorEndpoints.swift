import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Flavors.
struct FlavorEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        let noRule: Access = .authenticated(because: "upstream registers no rule")
        return [
            Endpoint(.get, "/v2.1/flavors", "List flavors", access: noRule, handler: list),
            Endpoint(.get, "/v2.1/flavors/detail", "List flavors in detail", access: noRule, handler: detail),
            Endpoint(.get, "/v2.1/flavors/{flavor_id}", "Show a flavor", access: noRule, handler: show),
            Endpoint(
                .post, "/v2.1/flavors", "Create a flavor", access: .rule("os_compute_api:os-flavor-manage:create"),
                body: .versioned([1, 55, 102].map(FlavorSchemas.create)), handler: create),
            Endpoint(
                .put, "/v2.1/flavors/{flavor_id}", "Change a flavor's description", microversions: .from(2, 55),
                access: .rule("os_compute_api:os-flavor-manage:update"), body: .json(FlavorSchemas.update), handler: update),
            Endpoint(
                .delete, "/v2.1/flavors/{flavor_id}", "Delete a flavor",
                access: .rule("os_compute_api:os-flavor-manage:delete"), success: .accepted, handler: delete),
        ]
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (page, address) = (try await page(request), ServiceAddress(root: request.serviceURL))
        return write(page, request) {
            FlavorReference(flavor: $0, microversion: request.microversion, address: address).write(to: &$1)
        }
    }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        let page = try await page(request)
        let view = view(for: request)
        return write(page, request) { view($0).write(to: &$1) }
    }

    private func write(
        _ page: FlavorPage, _ request: APIRequest, _ view: (Flavor, inout JSONWriter) -> Void
    ) -> APIResponse {
        let links = PageLinks(request, page.request, ids: page.flavors.map(\.id), hasMore: page.hasMore)
        return .json {
            $0.object {
                $0.member("flavors") { json in json.array { json in for flavor in page.flavors { view(flavor, &json) } } }
                links.writeNext("flavors_links", to: &$0)
            }
        }
    }

    private struct FlavorPage {
        let request: PageRequest
        let flavors: [Flavor]
        let hasMore: Bool
    }

    private func page(_ request: APIRequest) async throws -> FlavorPage {
        try FlavorSchemas.checkListQuery(request)
        let page = try PageRequest(
            request.query.removing(["sort_key", "sort_dir"]), PageRules(.nova, maximumLimit: compute.options.maximumListLength))
        let query = request.query
        var filter = FlavorFilter(limit: page.fetchCount)
        filter.projectID = request.token?.projectID
        if request.token?.isAdmin == true {
            filter.showsDisabled = true
            filter.isPublic = try isPublic(query["is_public"])
        }
        filter.minimumMemoryMiB = try number(query["minRam"], "minRam")
        filter.minimumDiskGiB = try number(query["minDisk"], "minDisk")
        filter.name = request.microversion >= Microversion(2, 102) ? query["name"] : nil
        filter.sortKey = query["sort_key"].flatMap(FlavorSortKey.init) ?? .id
        filter.isAscending = query["sort_dir"] != "desc"
        let flavors = try await compute.database.read { [filter] reader in
            var filter = filter
            if let marker = page.marker {
                filter.marker = try FlavorRecords.find(marker, in: reader)
                guard filter.marker != nil else { throw ComputeError.badRequest("marker [\(marker)] not found") }
            }
            return try FlavorRecords.list(filter, in: reader)
        }
        let (rows, hasMore) = page.cut(flavors)
        return FlavorPage(request: page, flavors: rows, hasMore: hasMore)
    }

    /// Public flavors and those one may use by default; `none` asks for all there are.
    private func isPublic(_ text: String?) throws -> Bool? {
        guard let text else { return true }
        guard text.lowercased() != "none" else { return nil }
        guard let value = LenientBoolean.parse(text) else { throw ComputeError.badRequest("Invalid is_public filter [\(text)]") }
        return value
    }

    private func number(_ text: String?, _ name: String) throws -> Int? {
        guard let text else { return nil }
        guard let number = Int(text) else { throw ComputeError.badRequest("Invalid \(name) filter [\(text)]") }
        return number
    }

    // MARK: One flavor

    /// How flavors look to the caller: from 2.61 on with their extra specs, if the rule lets the caller see them.
    private func view(for request: APIRequest) -> (Flavor) -> FlavorView {
        let shows = request.microversion >= Microversion(2, 61)
            && request.allows("os_compute_api:os-flavor-extra-specs:index", request.callerTarget)
        return {
            FlavorView(
                flavor: $0, microversion: request.microversion, address: ServiceAddress(root: request.serviceURL),
                showsExtraSpecs: shows)
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return .json("flavor", view(for: request)(try await compute.flavor(for: request)))
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["flavor"] ?? .null
        let flavor = Flavor(
            id: identifier(body["id"]), name: body["name"]?.string ?? "", vcpus: body.lenientInt("vcpus") ?? 1,
            memoryMiB: body.lenientInt("ram") ?? 1, diskGiB: body.lenientInt("disk") ?? 0,
            ephemeralGiB: body.lenientInt("OS-FLV-EXT-DATA:ephemeral") ?? 0, swapMiB: body.lenientInt("swap") ?? 0,
            rxtxFactor: try rxtxFactor(body["rxtx_factor"]), isPublic: body.lenientBool("os-flavor-access:is_public") ?? true,
            isDisabled: false, description: body["description"]?.string, extraSpecs: [:])
        try await compute.database.write { transaction in
            guard try FlavorRecords.find(name: flavor.name, in: transaction) == nil else {
                throw ComputeError.conflict("Flavor with name \(flavor.name) already exists.")
            }
            guard try FlavorRecords.find(flavor.id, in: transaction) == nil else {
                throw ComputeError.conflict("Flavor with ID \(flavor.id) already exists.")
            }
            try FlavorRecords.insert(flavor, in: transaction)
        }
        return .json("flavor", view(for: request)(flavor))
    }

    /// The id asked for, or a new one.
    private func identifier(_ wanted: JSON?) -> String {
        switch wanted {
        case .string(let text)? where text != "auto": text
        case .int(let number)?: String(number)
        case .double(let number)?: "\(number)"
        default: Identifier.uuid()
        }
    }

    private func rxtxFactor(_ wanted: JSON?) throws -> Double {
        guard let wanted else { return 1 }
        guard let factor = wanted.double ?? wanted.string.flatMap({ Double($0) }), factor > 0, factor <= 3.40282e38 else {
            throw ComputeError.badRequest("'rxtx_factor' argument must be a float between 0 and 3.40282e+38")
        }
        return factor
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (id, description) = (request["flavor_id"], request.body["flavor"]?["description"]?.string)
        let changed = try await compute.database.write { transaction in
            try FlavorRecords.change(id, in: transaction) { $0.description = description }
        }
        guard let changed else { throw ComputeError.flavorNotFound(id) }
        return .json("flavor", view(for: request)(changed))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["flavor_id"]
        let found = try await compute.database.write { try FlavorRecords.delete(id, in: $0) }
        guard found else { throw ComputeError.flavorNotFound(id) }
        return .empty()
    }
}

extension Compute.Parts {
    /// The flavor that a request's path names.
    /// - Throws: 404 when there is none, or it is private and not the caller's to use.
    func flavor(for request: APIRequest) async throws -> Flavor {
        let (id, token) = (request["flavor_id"], request.token)
        let found = try await database.read { try FlavorRecords.usable(id, by: token, in: $0) }
        guard let found else { throw ComputeError.flavorNotFound(id) }
        return found
    }
}

extension FlavorRecords {
    /// The flavor with an id, if the caller may use it: a private one is for administrators and the projects on its list.
    static func usable(_ id: String, by token: TokenContext?, in reader: any Reader) throws -> Flavor? {
        guard let flavor = try find(id, in: reader) else { return nil }
        guard !flavor.isPublic, token?.isAdmin != true else { return flavor }
        guard let project = token?.projectID else { return nil }
        return try projects(id, in: reader).contains(project) ? flavor : nil
    }
}
