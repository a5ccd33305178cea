import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Flavors, their extra specs and who may use them.
struct FlavorEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/flavors", "List flavors", access: .authenticated(because: "upstream registers no rule"), handler: list),
            Endpoint(.get, "/v2.1/flavors/detail", "List flavors in detail", access: .authenticated(because: "upstream registers no rule"), handler: detail),
            Endpoint(.get, "/v2.1/flavors/{flavor_id}", "Show a flavor", access: .authenticated(because: "upstream registers no rule"), handler: show),
            Endpoint(
                .post, "/v2.1/flavors", "Create a flavor", access: .rule("os_compute_api:os-flavor-manage:create"),
                body: .versioned([
                    (Microversion(2, 1), FlavorSchemas.create(description: false)),
                    (Microversion(2, 55), FlavorSchemas.create(description: true)),
                ]), handler: create),
            Endpoint(
                .put, "/v2.1/flavors/{flavor_id}", "Change a flavor's description", microversions: .from(2, 55),
                access: .rule("os_compute_api:os-flavor-manage:update"), body: .json(FlavorSchemas.update), handler: update),
            Endpoint(
                .delete, "/v2.1/flavors/{flavor_id}", "Delete a flavor",
                access: .rule("os_compute_api:os-flavor-manage:delete"), success: .accepted, handler: delete),
            Endpoint(
                .get, "/v2.1/flavors/{flavor_id}/os-extra_specs", "List extra specs",
                access: .rule("os_compute_api:os-flavor-extra-specs:index"), handler: listSpecs),
            Endpoint(
                .post, "/v2.1/flavors/{flavor_id}/os-extra_specs", "Set extra specs",
                access: .rule("os_compute_api:os-flavor-extra-specs:create"), body: .json(FlavorSchemas.extraSpecs), handler: setSpecs),
            Endpoint(
                .get, "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}", "Show an extra spec",
                access: .rule("os_compute_api:os-flavor-extra-specs:show"), handler: showSpec),
            Endpoint(
                .put, "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}", "Change an extra spec",
                access: .rule("os_compute_api:os-flavor-extra-specs:update"), body: .json(FlavorSchemas.specs), handler: putSpec),
            Endpoint(
                .delete, "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}", "Remove an extra spec",
                access: .rule("os_compute_api:os-flavor-extra-specs:delete"), handler: deleteSpec),
            Endpoint(
                .get, "/v2.1/flavors/{flavor_id}/os-flavor-access", "List who may use a flavor",
                access: .rule("os_compute_api:os-flavor-access"), handler: listAccess),
            Endpoint(
                .post, "/v2.1/flavors/{flavor_id}/action", "Let a project use a flavor, or no longer",
                access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
                body: .json(.anyOf([FlavorSchemas.access("addTenantAccess"), FlavorSchemas.access("removeTenantAccess")])),
                handler: changeAccess),
        ]
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (flavors, address) = (try await page(request), ServiceAddress(root: request.serviceURL))
        return write(flavors, request) {
            FlavorReference(flavor: $0, microversion: request.microversion, address: address).write(to: &$1)
        }
    }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        let (flavors, address) = (try await page(request), ServiceAddress(root: request.serviceURL))
        return write(flavors, request) {
            FlavorView(flavor: $0, microversion: request.microversion, address: address).write(to: &$1)
        }
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

    /// What flavors are sorted by; the rest of upstream's keys is internal to its database.
    private static let sortKeys: Set = ["flavorid", "name", "vcpus", "memory_mb", "root_gb"]

    private func page(_ request: APIRequest) async throws -> FlavorPage {
        let page = try request.page(
            PageRules(
                .nova, maximumLimit: compute.options.maximumListLength, sortKeys: Self.sortKeys,
                defaultSort: [SortKey("flavorid")]))
        var filter = FlavorFilter()
        filter.projectID = request.token?.projectID
        filter.showsPrivate = request.token?.isAdmin ?? false
        if filter.showsPrivate, let isPublic = request.query["is_public"] {
            filter.isPublic = isPublic.lowercased() == "none" ? nil : try flag(isPublic, "is_public")
        } else {
            filter.isPublic = filter.showsPrivate ? true : nil
        }
        filter.minimumMemoryMiB = try number(request.query["minRam"], "minRam")
        filter.minimumDiskGiB = try number(request.query["minDisk"], "minDisk")
        if request.microversion >= Microversion(2, 102) { filter.name = request.query["name"] }
        let all = try await compute.database.read { [filter] in try FlavorRecords.list(filter, in: $0) }
        let sorted = sort(all, request)
        var rest = sorted[...]
        if let marker = page.marker {
            guard let position = sorted.firstIndex(where: { $0.id == marker }) else {
                throw ComputeError.badRequest("marker [\(marker)] not found")
            }
            rest = sorted[(position + 1)...]
        }
        let (flavors, hasMore) = page.cut(Array(rest))
        return FlavorPage(request: page, flavors: flavors, hasMore: hasMore)
    }

    private func sort(_ flavors: [Flavor], _ request: APIRequest) -> [Flavor] {
        let descending = request.query["sort_dir"] == "desc"
        let sorted = flavors.sorted { left, right in
            switch request.query["sort_key"] {
            case "name": left.name < right.name
            case "vcpus": (left.vcpus, left.id) < (right.vcpus, right.id)
            case "memory_mb": (left.memoryMiB, left.id) < (right.memoryMiB, right.id)
            case "root_gb": (left.diskGiB, left.id) < (right.diskGiB, right.id)
            default: left.id < right.id
            }
        }
        return descending ? sorted.reversed() : sorted
    }

    private func number(_ text: String?, _ name: String) throws -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), number >= 0 else { throw ComputeError.badRequest("Invalid \(name) filter [\(text)]") }
        return number
    }

    private func flag(_ text: String, _ name: String) throws -> Bool {
        guard let value = LenientBoolean.parse(text) else { throw ComputeError.badRequest("Invalid \(name) filter [\(text)]") }
        return value
    }

    // MARK: One flavor

    private func find(_ request: APIRequest) async throws -> Flavor {
        let id = request["flavor_id"]
        guard let flavor = try await compute.database.read({ try FlavorRecords.find(id, in: $0) }),
            try await isVisible(flavor, to: request)
        else { throw ComputeError.flavorNotFound(id) }
        return flavor
    }

    private func isVisible(_ flavor: Flavor, to request: APIRequest) async throws -> Bool {
        guard !flavor.isPublic, let token = request.token, !token.isAdmin else { return true }
        let projects = try await compute.database.read { try FlavorRecords.projects(flavor.id, in: $0) }
        return token.projectID.map(projects.contains) ?? false
    }

    private func answer(_ flavor: Flavor, _ request: APIRequest) -> APIResponse {
        .json("flavor", FlavorView(
            flavor: flavor, microversion: request.microversion, address: ServiceAddress(root: request.serviceURL)))
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        answer(try await find(request), request)
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["flavor"] ?? .null
        let id: String = switch body["id"] {
        case .string(let text)? where text != "auto": text
        case .int(let number)?: String(number)
        default: Identifier.uuid()
        }
        let flavor = Flavor(
            id: id, name: body["name"]?.string ?? "", vcpus: body.lenientInt("vcpus") ?? 1,
            memoryMiB: body.lenientInt("ram") ?? 1, diskGiB: body.lenientInt("disk") ?? 0,
            ephemeralGiB: body.lenientInt("OS-FLV-EXT-DATA:ephemeral") ?? 0, swapMiB: body.lenientInt("swap") ?? 0,
            rxtxFactor: body["rxtx_factor"]?.double ?? Double(body["rxtx_factor"]?.string ?? "") ?? 1,
            isPublic: body.lenientBool("os-flavor-access:is_public") ?? true, isDisabled: false,
            description: body["description"]?.string, extraSpecs: [:])
        try await compute.database.write { transaction in
            guard try FlavorRecords.find(flavor.id, in: transaction) == nil else {
                throw ComputeError.conflict("Flavor with ID \(flavor.id) already exists.")
            }
            guard try FlavorRecords.find(name: flavor.name, in: transaction) == nil else {
                throw ComputeError.conflict("Flavor with name \(flavor.name) already exists.")
            }
            try FlavorRecords.insert(flavor, in: transaction)
        }
        return answer(flavor, request)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        var flavor = try await find(request)
        flavor.description = request.body["flavor"]?["description"]?.string
        let changed = flavor
        try await compute.database.write { try FlavorRecords.update(changed, in: $0) }
        return answer(flavor, request)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["flavor_id"]
        let found = try await compute.database.write { try FlavorRecords.delete(id, in: $0) }
        guard found else { throw ComputeError.flavorNotFound(id) }
        return .empty()
    }

    // MARK: Extra specs

    @Sendable private func listSpecs(_ request: APIRequest) async throws -> APIResponse {
        .json("extra_specs", try await find(request).extraSpecs)
    }

    private func specs(_ json: JSON?) -> [String: String] {
        var specs: [String: String] = [:]
        for member in json?.object ?? [:] { specs[member.name] = member.value.string ?? member.value.text }
        return specs
    }

    private func merge(_ new: [String: String], into flavor: Flavor) async throws {
        var changed = flavor
        changed.extraSpecs.merge(new) { $1 }
        let saved = changed
        try await compute.database.write { try FlavorRecords.update(saved, in: $0) }
    }

    @Sendable private func setSpecs(_ request: APIRequest) async throws -> APIResponse {
        let new = specs(request.body["extra_specs"])
        try await merge(new, into: try await find(request))
        return .json("extra_specs", new)
    }

    @Sendable private func showSpec(_ request: APIRequest) async throws -> APIResponse {
        let (flavor, key) = (try await find(request), request["key"])
        guard let value = flavor.extraSpecs[key] else { throw missingSpec(key, flavor) }
        return .json(key, value)
    }

    private func missingSpec(_ key: String, _ flavor: Flavor) -> ComputeError {
        .notFound("Flavor \(flavor.id) has no extra specs with key \(key).")
    }

    @Sendable private func putSpec(_ request: APIRequest) async throws -> APIResponse {
        let (flavor, key) = (try await find(request), request["key"])
        let new = specs(request.body)
        guard let value = new[key], new.count == 1 else { throw ComputeError.badRequest("Request body and URI mismatch") }
        try await merge(new, into: flavor)
        return .json(key, value)
    }

    @Sendable private func deleteSpec(_ request: APIRequest) async throws -> APIResponse {
        var flavor = try await find(request)
        let key = request["key"]
        guard flavor.extraSpecs.removeValue(forKey: key) != nil else { throw missingSpec(key, flavor) }
        let changed = flavor
        try await compute.database.write { try FlavorRecords.update(changed, in: $0) }
        return .empty()
    }

    // MARK: Access

    private func answerAccess(_ flavor: Flavor) async throws -> APIResponse {
        let projects = try await compute.database.read { try FlavorRecords.projects(flavor.id, in: $0) }
        return .json {
            $0.object {
                $0.member("flavor_access") { json in
                    json.array { json in
                        for project in projects {
                            json.object {
                                $0.member("flavor_id", flavor.id)
                                $0.member("tenant_id", project)
                            }
                        }
                    }
                }
            }
        }
    }

    @Sendable private func listAccess(_ request: APIRequest) async throws -> APIResponse {
        let flavor = try await find(request)
        guard !flavor.isPublic else { throw ComputeError.notFound("Access list not available for public flavors.") }
        return try await answerAccess(flavor)
    }

    @Sendable private func changeAccess(_ request: APIRequest) async throws -> APIResponse {
        let adds = request.body["addTenantAccess"] != nil
        let action = adds ? "add_tenant_access" : "remove_tenant_access"
        try request.require("os_compute_api:os-flavor-access:\(action)", request.callerTarget)
        let flavor = try await find(request)
        guard !flavor.isPublic || !adds else { throw ComputeError.conflict("Can not add access to a public flavor.") }
        let project = (request.body["addTenantAccess"] ?? request.body["removeTenantAccess"])?["tenant"]?.string ?? ""
        try await compute.database.write { transaction in
            let changed = adds
                ? try FlavorRecords.allow(flavor.id, projectID: project, in: transaction)
                : try FlavorRecords.disallow(flavor.id, projectID: project, in: transaction)
            guard !changed else { return }
            throw adds
                ? ComputeError.conflict("Flavor access already exists for flavor \(flavor.id) and project \(project) combination.")
                : ComputeError.notFound("Flavor access not found for \(flavor.id) / \(project) combination.")
        }
        return try await answerAccess(flavor)
    }
}
