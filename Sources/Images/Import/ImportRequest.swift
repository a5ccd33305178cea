import CloudAPI
import CloudCore

/// What a client asks for by `POST /v2/images/{id}/import`.
struct ImportRequest: Sendable {
    let method: ImportMethod
    /// The source of a web-download.
    let uri: String?
    /// The source of a glance-download.
    let remote: RemoteImage?
    let stores: [String]?
    let wantsAllStores: Bool
    let mustSucceed: Bool
    /// The body as it came, with what was filled in: the task shows it.
    let body: JSON

    /// An image of another cloud.
    struct RemoteImage: Sendable, Codable, Hashable {
        var region: String
        var imageID: String
        var interface: String
    }

    static let schema: Schema = .object(
        [
            ("method", .object([("name", .string())], required: ["name"], additional: .any)),
            ("stores", .array(.string(length: 0...255), count: 0...100)), ("all_stores", .boolean()),
            ("all_stores_must_succeed", .boolean()),
        ], required: ["method"], additional: .any)

    /// Reads a body that the schema admits.
    /// - Throws: 400 for a method that is not offered.
    init(_ body: JSON, methods: [String]) throws {
        let name = body["method"]?["name"]?.string ?? ""
        guard methods.contains(name), let method = ImportMethod(rawValue: name) else {
            throw ImageError.badRequest("Unknown import method name '\(name)'.")
        }
        (self.method, uri) = (method, body["method"]?["uri"]?.string)
        (stores, wantsAllStores) = (body["stores"]?.array?.compactMap(\.string), body["all_stores"]?.bool ?? false)
        mustSucceed = body["all_stores_must_succeed"]?.bool ?? true
        guard method == .glanceDownload else {
            (self.body, remote) = (body, nil)
            return
        }
        (self.body, remote) = Self.withInterface(body)
    }

    /// The interface is the public one unless the client names another.
    private static func withInterface(_ body: JSON) -> (JSON, RemoteImage?) {
        guard var object = body.object, var method = body["method"]?.object else { return (body, nil) }
        let interface = method["glance_service_interface"]?.string ?? "public"
        method["glance_service_interface"] = .string(interface)
        object["method"] = .object(method)
        guard let region = method["glance_region"]?.string, let id = method["glance_image_id"]?.string else {
            return (.object(object), nil)
        }
        return (.object(object), RemoteImage(region: region, imageID: id, interface: interface))
    }

    // MARK: Judgement

    /// Whether the image is in a state to be imported into, in upstream's order.
    /// - Throws: 409, or 400 for a source that can't be one.
    func check(_ image: Image) throws {
        if image.status == .active, method != .copyImage {
            throw ImageError.conflict("Image with status active cannot be target for import")
        }
        if image.status != .active, method == .copyImage {
            throw ImageError.conflict("Only images with status active can be targeted for copying")
        }
        if image.status != .queued, method == .webDownload || method == .glanceDownload {
            throw ImageError.conflict("Image needs to be in 'queued' state to use '\(method.rawValue)' method")
        }
        if image.status != .uploading, method == .glanceDirect {
            throw ImageError.conflict("Image needs to be staged before 'glance-direct' method can be used")
        }
        guard image.containerFormat != nil else { throw ImageError.conflict("'container_format' needs to be set before import") }
        guard image.diskFormat != nil else { throw ImageError.conflict("'disk_format' needs to be set before import") }
        if method == .glanceDownload { try checkRemote() }
    }

    private func checkRemote() throws {
        for name in ["glance_region", "glance_image_id"] where body["method"]?[name]?.string == nil {
            throw ImageError.badRequest("'\(name)' needs to be set for glance-download import method")
        }
        guard let remote, Identifier.isUUID(remote.imageID) else {
            throw ImageError.badRequest("Remote image id does not look like a UUID: \(remote?.imageID ?? "")")
        }
    }

    /// The stores that the bytes go to. A copy leaves out those that hold them already, when all are asked for.
    /// - Parameters:
    ///   - header: the store that `X-Image-Meta-Store` names.
    ///   - writable: the ids of the stores that take bytes.
    /// - Throws: 400 for stores named twice or a copy to where the image is; 409 for stores that there are not.
    func targets(_ image: Image, header: String?, writable: [String], standard: String) throws -> [String] {
        if wantsAllStores, stores != nil || header != nil {
            throw ImageError.badRequest(
                "All_stores parameter can't be used with x-image-meta-store header or stores parameter")
        }
        if stores != nil, header != nil {
            throw ImageError.badRequest("Stores parameter and x-image-meta-store header can't be both specified")
        }
        var targets: [String] = []
        for store in wantsAllStores ? writable : stores ?? [header ?? standard] where !targets.contains(store) {
            targets.append(store)
        }
        if let unknown = targets.first(where: { !writable.contains($0) }) {
            throw ImageError.conflict("There is no store '\(unknown)' that images can be added to.")
        }
        guard !targets.isEmpty else { throw ImageError.badRequest("There must be a store to import to.") }
        guard method == .copyImage else { return targets }
        if wantsAllStores { return targets.filter { !image.stores.contains($0) } }
        if let present = targets.first(where: image.stores.contains) {
            throw ImageError.badRequest("Image is already present at store '\(present)'")
        }
        return targets
    }
}

/// The attributes by which an image tells how its import goes. Clients can't set names that begin so.
enum ImportMark {
    /// The task that holds the image.
    static let task = "os_glance_import_task"
    /// The stores that the bytes are on their way to.
    static let importing = "os_glance_importing_to_stores"
    /// The stores that the bytes didn't reach.
    static let failed = "os_glance_failed_import"
    /// The host that holds the staged bytes, or takes an upload's; not shown.
    static let stageHost = "os_glance_stage_host"
    /// What names of the service's own begin with.
    static let reserved = "os_glance"
}

extension Image {
    /// Adds stores to one of the lists of an import, or takes them away. A list that was there stays, empty or not.
    mutating func mark(_ name: String, adding: [String] = [], removing: [String] = []) {
        let present = properties[name, default: ""].split(separator: ",").map(String.init)
        let merged = Set(present).union(adding).subtracting(removing)
        properties[name] = merged.sorted().joined(separator: ",")
    }
}
