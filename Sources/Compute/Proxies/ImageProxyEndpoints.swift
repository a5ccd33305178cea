import CloudAPI
import CloudCore
import CloudStore

/// Images as nova showed them before 2.36.
struct ImageProxyEndpoints: Sendable {
    let compute: Compute.Parts

    static let access: Access = .authenticated(because: "upstream registers no rule: the image service's hold")

    private static let query = QueryRules(
        [("limit", .integer(1...Int.max)), ("page_size", .integer(1...Int.max)), ("offset", .integer(1...Int.max))],
        strictFrom: .max)

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/images", "List images", microversions: .proxied, access: Self.access, handler: list),
            Endpoint(.get, "/v2.1/images/detail", "List images in detail", microversions: .proxied, access: Self.access, handler: detail),
            Endpoint(.get, "/v2.1/images/{image_id}", "Show an image", microversions: .proxied, access: Self.access, handler: show),
            Endpoint(
                .delete, "/v2.1/images/{image_id}", "Delete an image", microversions: .proxied, access: Self.access,
                success: .noContent, handler: delete),
        ]
    }

    /// An image's path at the image service.
    static func path(_ id: String) throws -> String {
        guard !id.isEmpty else { throw ComputeError.notFound("Image not found.") }
        return "/v2/images/\(PathSegment.escape(id))"
    }

    /// An image, if the caller may see it.
    static func find(_ request: APIRequest, _ client: ServiceClient) async throws -> JSON {
        do {
            return try await client.send(.image, .get, path(request["image_id"]))
        } catch let refusal as ServiceRefusal where refusal.status == 404 || refusal.status == 400 {
            throw ComputeError.notFound("Image not found.")
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let image = try await Self.find(request, ServiceClient(compute, for: request))
        return .json("image", ImageProxyView(image: image, address: ServiceAddress(root: request.serviceURL), isBrief: false))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        do {
            try await ServiceClient(compute, for: request).send(.image, .delete, Self.path(request["image_id"]))
        } catch let refusal as ServiceRefusal where refusal.status == 404 {
            throw ComputeError.notFound("Image not found.")
        } catch let refusal as ServiceRefusal where refusal.status == 403 {
            throw ComputeError.forbidden("You are not allowed to delete the image.")
        }
        return .empty()
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse { try await list(request, isBrief: true) }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        try await list(request, isBrief: false)
    }

    private func list(_ request: APIRequest, isBrief: Bool) async throws -> APIResponse {
        try Self.query.check(request)
        let page = try request.page(PageRules(.nova, maximumLimit: compute.options.maximumListLength))
        var query = try filters(request)
        query.append(("limit", String(page.fetchCount)))
        if let marker = page.marker { query.append(("marker", marker)) }
        let found: [JSON]
        do {
            found = try await ServiceClient(compute, for: request).list(.image, "/v2/images", "images", query: query)
        } catch let refusal as ServiceRefusal where refusal.status == 404 {
            throw ComputeError.badRequest("Marker \(page.marker ?? "") could not be found.")
        }
        let (images, hasMore) = page.cut(found)
        let links = PageLinks(request, page, ids: images.map { $0["id"]?.string ?? "" }, hasMore: hasMore)
        let address = ServiceAddress(root: request.serviceURL)
        return .json {
            $0.object {
                $0.member("images") { json in
                    json.array { json in
                        for image in images { json.write(ImageProxyView(image: image, address: address, isBrief: isBrief)) }
                    }
                }
                links.writeNext("images_links", to: &$0)
            }
        }
    }

    /// Nova's filters as Glance knows them; others are passed over.
    private func filters(_ request: APIRequest) throws -> [(String, String)] {
        var filters: [(String, String)] = []
        for (name, value) in request.query.items {
            switch name {
            case "name": filters.append((name, value))
            case "status": filters.append((name, Self.status(value)))
            case "changes-since":
                guard Timestamp(iso8601: value) != nil else { throw ComputeError.badRequest("Invalid changes-since filter [\(value)]") }
                filters.append(("updated_at", "gte:\(value)"))
            case "server": filters.append(("instance_uuid", String(value.split(separator: "/").last ?? "")))
            case "type": filters.append(("image_type", value))
            case "minRam": filters.append(("min_ram", value))
            case "minDisk": filters.append(("min_disk", value))
            case _ where name.hasPrefix("property-"): filters.append((String(name.dropFirst("property-".count)), value))
            default: break
            }
        }
        return filters
    }

    private static func status(_ status: String) -> String { status.lowercased() }
}

/// The properties of images as nova showed them before 2.39, as metadata.
struct ImageMetadataProxyEndpoints: Sendable {
    let compute: Compute.Parts

    private static let all: Schema = .object([("metadata", TextSchemas.metadata)], required: ["metadata"])
    private static let item: Schema = .object([("meta", TextSchemas.metadata)], required: ["meta"])

    var table: [Endpoint] {
        let (list, one) = ("/v2.1/images/{image_id}/metadata", "/v2.1/images/{image_id}/metadata/{key}")
        let (versions, access) = (MicroversionRange.through(2, 38), ImageProxyEndpoints.access)
        return [
            Endpoint(.get, list, "List an image's metadata", microversions: versions, access: access, handler: index),
            Endpoint(
                .post, list, "Add metadata to an image", microversions: versions, access: access, body: .json(Self.all), handler: add),
            Endpoint(
                .put, list, "Replace an image's metadata", microversions: versions, access: access, body: .json(Self.all),
                handler: replace),
            Endpoint(.get, one, "Show a metadata item of an image", microversions: versions, access: access, handler: show),
            Endpoint(
                .put, one, "Set a metadata item of an image", microversions: versions, access: access, body: .json(Self.item),
                handler: set),
            Endpoint(
                .delete, one, "Remove a metadata item of an image", microversions: versions, access: access, success: .noContent,
                handler: remove),
        ]
    }

    private func properties(_ request: APIRequest) async throws -> [String: String] {
        ImageProxyView.properties(of: try await ImageProxyEndpoints.find(request, ServiceClient(compute, for: request)))
    }

    /// Makes an image's properties these.
    private func change(
        _ request: APIRequest, _ change: (inout [String: String]) throws -> Void
    ) async throws -> [String: String] {
        let old = try await properties(request)
        var new = old
        try change(&new)
        if new.count >= old.count { try await check(new.count, request) }
        var patch: [JSON] = []
        for (name, value) in new.sorted(by: { $0.key < $1.key }) where old[name] != value {
            patch.append(["op": .string(old[name] == nil ? "add" : "replace"), "path": Self.pointer(name), "value": .string(value)])
        }
        for name in old.keys.sorted() where new[name] == nil { patch.append(["op": "remove", "path": Self.pointer(name)]) }
        guard !patch.isEmpty else { return new }
        let changed = try await ServiceClient(compute, for: request).send(
            .image, .patch, ImageProxyEndpoints.path(request["image_id"]), body: .array(patch),
            mediaType: "application/openstack-images-v2.1-json-patch")
        return ImageProxyView.properties(of: changed)
    }

    private func check(_ count: Int, _ request: APIRequest) async throws {
        let allowance = try await compute.limits(project: request.token?.projectID ?? "")
        let maximum = try await compute.database.read { try allowance.quota(in: $0).metadataItems }
        guard maximum < 0 || count <= maximum else { throw ComputeError.forbidden("Image metadata limit exceeded") }
    }

    /// A name as a JSON pointer (RFC 6901).
    private static func pointer(_ name: String) -> JSON {
        .string("/" + name.replacing("~", with: "~0").replacing("/", with: "~1"))
    }

    @Sendable private func index(_ request: APIRequest) async throws -> APIResponse {
        .json("metadata", try await properties(request))
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let key = request["key"]
        guard let value = try await properties(request)[key] else {
            throw ComputeError.notFound("The image has no metadata item \(key).")
        }
        return .json("meta", [key: value])
    }

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let new = request.body["metadata"]?.stringDictionary ?? [:]
        return .json("metadata", try await change(request) { $0.merge(new) { $1 } })
    }

    @Sendable private func replace(_ request: APIRequest) async throws -> APIResponse {
        let new = request.body["metadata"]?.stringDictionary ?? [:]
        return .json("metadata", try await change(request) { $0 = new })
    }

    @Sendable private func set(_ request: APIRequest) async throws -> APIResponse {
        let (key, new) = (request["key"], request.body["meta"]?.stringDictionary ?? [:])
        guard let value = new[key], new.count == 1 else { throw ComputeError.badRequest("Request body and URI mismatch") }
        _ = try await change(request) { $0[key] = value }
        return .json("meta", new)
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let key = request["key"]
        _ = try await change(request) { properties in
            guard properties.removeValue(forKey: key) != nil else { throw ComputeError.notFound("Invalid metadata key") }
        }
        return .empty()
    }
}
