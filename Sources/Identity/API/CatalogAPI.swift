import CloudAPI
import CloudCore

/// The attributes of regions, services and endpoints that are not extra.
enum RegionFieldNames {
    static let known: Set<String> = ["id", "description", "parent_region_id", "links"]
}

enum ServiceFieldNames {
    static let known: Set<String> = ["id", "name", "type", "enabled", "links"]
}

enum EndpointFieldNames {
    static let known: Set<String> = [
        "id", "interface", "region", "region_id", "service_id", "url", "enabled", "links", "legacy_endpoint_id",
    ]
}

/// `/v3/regions`.
extension Identity {
    private static func regionBody(shortestID: Int) -> RequestBody {
        Shape.resource("region", [
            ("id", .nullable(.string(length: shortestID...255))), ("parent_region_id", .nullable(.string(length: 1...255))),
            ("description", .nullable(.string(length: 0...255))),
        ])
    }

    var regionEndpoints: [Endpoint] {
        [
            .guarded(.get, "/regions", "List regions", rule: "identity:list_regions") { request, gate in
                try gate.open()
                let query = try request.listQuery(RegionRecords.filters, options)
                return .listing(try await listRegions(query), request, query)
            },
            .guarded(
                .post, "/regions", "Create a region", rule: "identity:create_region", body: Self.regionBody(shortestID: 0),
                success: .created
            ) { request, gate in
                try gate.open()
                let body = request.body["region"]?.object ?? [:]
                let id = body["id"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? Identifier.hex()
                return .showing(try await createRegion(Region(id: id, body)), request)
            },
            .guarded(.get, "/regions/{region_id}", "Show a region", rule: "identity:get_region") { request, gate in
                try gate.open()
                return .showing(try await region(id: request["region_id"]), request)
            },
            .guarded(
                .put, "/regions/{region_id}", "Create a region of this id", rule: "identity:create_region",
                body: Self.regionBody(shortestID: 0), success: .created
            ) { request, gate in
                try gate.open()
                let (body, id) = (request.body["region"]?.object ?? [:], request["region_id"])
                if let named = body["id"]?.string, named != id {
                    throw IdentityError.invalid("Conflicting region IDs specified: \"\(id)\" != \"\(named)\"")
                }
                return .showing(try await createRegion(Region(id: id, body)), request)
            },
            .guarded(
                .patch, "/regions/{region_id}", "Change a region", rule: "identity:update_region",
                body: Self.regionBody(shortestID: 1)
            ) { request, gate in
                try gate.open()
                let body = request.body["region"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'region': nothing to change.") }
                if let id = body["id"], !id.isNull, id != .string(request["region_id"]) { throw IdentityError.invalid("Cannot change ID") }
                return .showing(try await updateRegion(request["region_id"]) { $0.apply(body) }, request)
            },
            .guarded(.delete, "/regions/{region_id}", "Delete a region", rule: "identity:delete_region", success: .noContent) { request, gate in
                try gate.open()
                try await deleteRegion(request["region_id"])
                return .empty()
            },
        ]
    }

    static let regionRules = [
        rule("get_region", "", "Show a region."),
        rule("list_regions", "", "List regions."),
        rule("create_region", Check.admin, .systemOrProject, "Create a region."),
        rule("update_region", Check.admin, .systemOrProject, "Change a region."),
        rule("delete_region", Check.admin, .systemOrProject, "Delete a region."),
    ]
}

extension Region {
    init(id: String, _ body: JSONObject) {
        self.init(id: id)
        apply(body)
    }

    mutating func apply(_ body: JSONObject) {
        if let parent = body["parent_region_id"] { parentID = parent.string }
        if let text = body["description"] { description = text.string ?? "" }
        extra.merge(body.extra(besides: RegionFieldNames.known))
    }
}

/// `/v3/services`.
extension Identity {
    private static let serviceFields: [(name: String, schema: Schema)] = [
        ("type", .string(length: 1...255)), ("name", .string(length: 1...255)), ("enabled", .boolean()),
    ]

    var serviceEndpoints: [Endpoint] {
        [
            .guarded(.get, "/services", "List services", rule: "identity:list_services") { request, gate in
                try gate.open()
                let query = try request.listQuery(ServiceRecords.filters, options)
                return .listing(try await listServices(query), request, query)
            },
            .guarded(
                .post, "/services", "Create a service", rule: "identity:create_service",
                body: Shape.resource("service", Self.serviceFields, required: ["type"]), success: .created
            ) { request, gate in
                try gate.open()
                let body = request.body["service"]?.object ?? [:]
                var service = Service(id: Identifier.hex(), type: "")
                service.apply(body)
                return .showing(try await createService(service), request)
            },
            .guarded(.get, "/services/{service_id}", "Show a service", rule: "identity:get_service") { request, gate in
                try gate.open()
                return .showing(try await service(id: request["service_id"]), request)
            },
            .guarded(
                .patch, "/services/{service_id}", "Change a service", rule: "identity:update_service",
                body: Shape.resource("service", Self.serviceFields)
            ) { request, gate in
                try gate.open()
                let body = request.body["service"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'service': nothing to change.") }
                if let id = body["id"], !id.isNull, id != .string(request["service_id"]) { throw IdentityError.invalid("Cannot change ID") }
                return .showing(try await updateService(request["service_id"]) { $0.apply(body) }, request)
            },
            .guarded(
                .delete, "/services/{service_id}", "Delete a service with its endpoints", rule: "identity:delete_service",
                success: .noContent
            ) { request, gate in
                try gate.open()
                try await deleteService(request["service_id"])
                return .empty()
            },
        ]
    }

    static let serviceRules = [
        rule("get_service", Check.adminOrSystemReader, .systemOrProject, "Show a service."),
        rule("list_services", Check.adminOrSystemReader, .systemOrProject, "List services."),
        rule("create_service", Check.admin, .systemOrProject, "Create a service."),
        rule("update_service", Check.admin, .systemOrProject, "Change a service."),
        rule("delete_service", Check.admin, .systemOrProject, "Delete a service."),
    ]
}

extension Service {
    mutating func apply(_ body: JSONObject) {
        if let text = body["type"]?.string { type = text }
        if let text = body["name"]?.string { name = text }
        if let flag = body["enabled"]?.bool { isEnabled = flag }
        extra.merge(body.extra(besides: ServiceFieldNames.known))
    }
}

/// `/v3/endpoints`.
extension Identity {
    private static let endpointFields: [(name: String, schema: Schema)] = [
        ("interface", .oneOf(["admin", "internal", "public"])), ("service_id", .string(length: 1...64)),
        ("url", .string(length: 1...225, pattern: "[a-zA-Z0-9+.-]+:.+")), ("region_id", .nullable(.string(length: 0...255))),
        ("region", .nullable(.string(length: 0...255))), ("enabled", .boolean()), ("name", .string()), ("description", Shape.text),
    ]

    var endpointEndpoints: [Endpoint] {
        [
            .guarded(.get, "/endpoints", "List endpoints", rule: "identity:list_endpoints") { request, gate in
                try request.check(query: [("interface", .oneOf(["admin", "internal", "public"]))])
                try gate.open()
                let query = try request.listQuery(EndpointRecords.filters, options)
                return .listing(try await listEndpoints(query), request, query)
            },
            .guarded(
                .post, "/endpoints", "Create an endpoint", rule: "identity:create_endpoint",
                body: Shape.resource("endpoint", Self.endpointFields, required: ["interface", "service_id", "url"]),
                success: .created
            ) { request, gate in
                try gate.open()
                let body = request.body["endpoint"]?.object ?? [:]
                var endpoint = CatalogEndpoint(id: Identifier.hex(), interface: .public, serviceID: "", url: "")
                endpoint.apply(body)
                return .showing(try await createEndpoint(endpoint, legacyRegion: Self.legacyRegion(body)), request)
            },
            .guarded(.get, "/endpoints/{endpoint_id}", "Show an endpoint", rule: "identity:get_endpoint") { request, gate in
                try gate.open()
                return .showing(try await endpoint(id: request["endpoint_id"]), request)
            },
            .guarded(
                .patch, "/endpoints/{endpoint_id}", "Change an endpoint", rule: "identity:update_endpoint",
                body: Shape.resource("endpoint", Self.endpointFields)
            ) { request, gate in
                try gate.open()
                let body = request.body["endpoint"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.invalid("Invalid input for field 'endpoint': nothing to change.") }
                if let id = body["id"], !id.isNull, id != .string(request["endpoint_id"]) { throw IdentityError.invalid("Cannot change ID") }
                let changed = try await updateEndpoint(request["endpoint_id"], legacyRegion: Self.legacyRegion(body)) { $0.apply(body) }
                return .showing(changed, request)
            },
            .guarded(.delete, "/endpoints/{endpoint_id}", "Delete an endpoint", rule: "identity:delete_endpoint", success: .noContent) { request, gate in
                try gate.open()
                try await deleteEndpoint(request["endpoint_id"])
                return .empty()
            },
        ]
    }

    static let endpointRules = [
        rule("get_endpoint", Check.adminOrSystemReader, .systemOrProject, "Show an endpoint."),
        rule("list_endpoints", Check.adminOrSystemReader, .systemOrProject, "List endpoints."),
        rule("create_endpoint", Check.admin, .systemOrProject, "Create an endpoint."),
        rule("update_endpoint", Check.admin, .systemOrProject, "Change an endpoint."),
        rule("delete_endpoint", Check.admin, .systemOrProject, "Delete an endpoint."),
    ]

    /// A region named the way of version 2, which is made when it does not exist.
    private static func legacyRegion(_ body: JSONObject) -> String? {
        body["region_id"]?.string == nil ? body["region"]?.string : nil
    }
}

extension CatalogEndpoint {
    mutating func apply(_ body: JSONObject) {
        if let text = body["interface"]?.string, let value = Interface(rawValue: text) { interface = value }
        if let id = body["service_id"]?.string { serviceID = id }
        if let text = body["url"]?.string { url = text }
        if let flag = body["enabled"]?.bool { isEnabled = flag }
        if let region = body["region"] { regionID = region.string }
        if let region = body["region_id"], !region.isNull || body["region"] == nil { regionID = region.string }
        extra.merge(body.extra(besides: EndpointFieldNames.known))
    }
}
