import CloudAPI
import CloudCore

/// Volumes and their snapshots as nova showed them before 2.36: block storage's, asked in the caller's name, under older names.
struct VolumeProxyEndpoints: Sendable {
    let compute: Compute.Parts

    private static let query = QueryRules([("limit", .integer(0...Int.max)), ("offset", .integer(0...Int.max))], strictFrom: .max)
    private static let size: Schema = .anyOf([.integer(1...Int.max), .string(pattern: "[0-9]+")])

    private static let newVolume: Schema = .object(
        [
            ("volume", .object(
                [
                    ("volume_type", .string()), ("metadata", .object([], additional: .any)), ("snapshot_id", .string()), ("size", size),
                    ("availability_zone", .string()), ("display_name", .string()), ("display_description", .string()),
                ], required: ["size"]))
        ], required: ["volume"])
    private static let newSnapshot: Schema = .object(
        [
            ("snapshot", .object(
                [
                    ("volume_id", .string()), ("force", TextSchemas.boolean), ("display_name", .string()),
                    ("display_description", .string()),
                ], required: ["volume_id"]))
        ], required: ["snapshot"])

    var table: [Endpoint] { endpoints(.volume) + endpoints(.snapshot) }

    /// A kind of resource that is passed on.
    private enum Kind: String, Sendable {
        case volume, snapshot
        var idName: String { rawValue + "_id" }
        var path: String { "/v2.1/os-\(rawValue)s" }
        var rules: String { self == .volume ? "" : "snapshots:" }
        var schema: Schema { self == .volume ? newVolume : newSnapshot }

        /// The resource in nova's words.
        func view(_ resource: JSON) -> JSON { self == .volume ? VolumeProxyView.volume(resource) : VolumeProxyView.snapshot(resource) }
    }

    private func endpoints(_ kind: Kind) -> [Endpoint] {
        let (noun, one) = (kind.rawValue, kind.path + "/{\(kind.rawValue)_id}")
        func rule(_ name: String) -> Access { .rule("os_compute_api:os-volumes:\(kind.rules)\(name)") }
        return [
            Endpoint(.get, kind.path, "List \(noun)s", microversions: .proxied, access: rule("list")) { try await list(kind, $0) },
            Endpoint(.get, kind.path + "/detail", "List \(noun)s in detail", microversions: .proxied, access: rule("detail")) {
                try await list(kind, $0)
            },
            Endpoint(
                .post, kind.path, "Create a \(noun)", microversions: .proxied, access: rule("create"), body: .json(kind.schema)
            ) { try await create(kind, $0) },
            Endpoint(.get, one, "Show a \(noun)", microversions: .proxied, access: rule("show")) { try await show(kind, $0) },
            Endpoint(.delete, one, "Delete a \(noun)", microversions: .proxied, access: rule("delete"), success: .accepted) {
                try await delete(kind, $0)
            },
        ]
    }

    private func path(_ kind: Kind, _ id: String) throws -> String {
        guard !id.isEmpty else { throw missing(kind, id) }
        return "/v3/\(kind.rawValue)s/\(PathSegment.escape(id))"
    }

    private func missing(_ kind: Kind, _ id: String) -> ComputeError {
        .notFound("\(kind == .volume ? "Volume" : "Snapshot") \(id) could not be found.")
    }

    private func list(_ kind: Kind, _ request: APIRequest) async throws -> APIResponse {
        try Self.query.check(request)
        let plural = kind.rawValue + "s"
        let all = try await ServiceClient(compute, for: request).list(.volume, "/v3/\(plural)/detail", plural)
        let (offset, limit) = (request.query["offset"].flatMap { Int($0) } ?? 0, request.query["limit"].flatMap { Int($0) })
        let most = compute.options.maximumListLength
        let page = all.dropFirst(offset).prefix(limit.map { $0 > 0 ? min($0, most) : most } ?? most)
        return .json { $0.object { $0.member(plural, JSON.array(page.map(kind.view))) } }
    }

    private func show(_ kind: Kind, _ request: APIRequest) async throws -> APIResponse {
        let id = request[kind.idName]
        do {
            let body = try await ServiceClient(compute, for: request).send(.volume, .get, path(kind, id))
            return .json { $0.object { $0.member(kind.rawValue, kind.view(body[kind.rawValue] ?? .null)) } }
        } catch let refusal as ServiceRefusal where refusal.status == 404 || refusal.status == 400 {
            throw missing(kind, id)
        }
    }

    private func create(_ kind: Kind, _ request: APIRequest) async throws -> APIResponse {
        var wanted = request.body[kind.rawValue]?.object ?? [:]
        wanted["name"] = wanted["display_name"]
        wanted["description"] = wanted["display_description"]
        (wanted["display_name"], wanted["display_description"]) = (nil, nil)
        if let size = request.body[kind.rawValue]?.lenientInt("size") { wanted["size"] = .int(size) }
        if let force = request.body[kind.rawValue]?.lenientBool("force") { wanted["force"] = .bool(force) }
        do {
            let body = try await ServiceClient(compute, for: request).send(
                .volume, .post, "/v3/\(kind.rawValue)s", body: .object([kind.rawValue: .object(wanted)]))
            let view = kind.view(body[kind.rawValue] ?? .null)
            let location = "\(ServiceAddress(root: request.serviceURL).root)\(kind.path)/\(view["id"]?.string ?? "")"
            return .json(status: .ok, headers: kind == .volume ? [.location: location] : [:]) {
                $0.object { $0.member(kind.rawValue, view) }
            }
        } catch let refusal as ServiceRefusal where refusal.status == 413 {
            throw ComputeError.forbidden(refusal.message)
        }
    }

    private func delete(_ kind: Kind, _ request: APIRequest) async throws -> APIResponse {
        do {
            try await ServiceClient(compute, for: request).send(.volume, .delete, path(kind, request[kind.idName]))
        } catch let refusal as ServiceRefusal where refusal.status == 404 {
            throw missing(kind, request[kind.idName])
        }
        return .empty(status: .accepted)
    }
}

/// Block storage's resources under the names of the first API.
enum VolumeProxyView {
    /// A volume.
    static func volume(_ volume: JSON) -> JSON {
        let metadata = volume["metadata"].flatMap { $0.object == nil ? nil : $0 }
        return [
            "id": member("id", volume), "status": member("status", volume), "size": member("size", volume),
            "availabilityZone": member("availability_zone", volume), "createdAt": member("created_at", volume),
            "attachments": .array([attachment(volume)]), "displayName": member("name", volume),
            "displayDescription": member("description", volume), "volumeType": member("volume_type", volume),
            "snapshotId": member("snapshot_id", volume), "metadata": metadata ?? [:],
        ]
    }

    /// A volume that is attached to nothing has an empty attachment.
    private static func attachment(_ volume: JSON) -> JSON {
        guard let first = volume["attachments"]?.array?.first, let server = first["server_id"]?.string else { return [:] }
        var attachment: JSONObject = ["id": member("id", volume), "volumeId": member("id", volume), "serverId": .string(server)]
        if let device = first["device"]?.string, !device.isEmpty { attachment["device"] = .string(device) }
        return .object(attachment)
    }

    /// A snapshot.
    static func snapshot(_ snapshot: JSON) -> JSON {
        [
            "id": member("id", snapshot), "volumeId": member("volume_id", snapshot), "status": member("status", snapshot),
            "size": member("size", snapshot), "createdAt": member("created_at", snapshot), "displayName": member("name", snapshot),
            "displayDescription": member("description", snapshot),
        ]
    }

    private static func member(_ name: String, _ resource: JSON) -> JSON { resource[name] ?? .null }
}
