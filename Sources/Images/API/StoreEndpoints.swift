import CloudAPI
import CloudCore
import CloudStore
import ImageStores

/// What users and administrators read about the stores (`GET /v2/info/stores`).
struct StoreEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2/info/stores", "List stores", access: .authenticated(because: "upstream registers no rule"),
                handler: list),
            Endpoint(
                .get, "/v2/info/stores/detail", "List stores with their configuration", access: .rule("stores_info_detail"),
                handler: detail),
            Endpoint(
                .delete, "/v2/stores/{store_id}/{image_id}", "Remove an image's bytes from one store",
                access: .ruleOnResource("delete_image_location"), success: .noContent, handler: remove),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse { answer { _, _ in } }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        answer { store, json in
            json.member("type", store.store.kind)
            json.member("properties", JSON.object(store.store.properties))
            json.member("weight", store.weight)
        }
    }

    /// The bytes become garbage; readers that have them open go on.
    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let seen = try await images.see(request)
        let (id, store) = (seen.image.id, request["store_id"])
        guard images.stores[store] != nil else {
            throw ImageError.conflict("The selected store \(store) is not available on this node.")
        }
        try request.require("get_image_location", images.target(seen, request))
        try request.authorize(images.target(seen, request))
        let collect = images.collectGarbage
        try await images.change(id) { image, transaction in
            guard image.status == .active else {
                throw ImageError.conflict("It's not allowed to remove image data from store if image status is not 'active'")
            }
            guard image.locations.count > 1 else {
                throw ImageError.forbidden(
                    "Cannot delete image data from the only store containing it. Consider deleting the image instead.")
            }
            guard let position = image.locations.firstIndex(where: { $0.store == store }) else {
                throw ImageError.missing("Image \(id) is not stored in store \(store).")
            }
            image.locations.remove(at: position)
            transaction.onCommit(collect)
        }
        return .empty()
    }

    private func answer(_ more: (NamedStore, inout JSONWriter) -> Void) -> APIResponse {
        .json {
            $0.object { json in
                json.member("stores") { json in
                    json.array { json in for store in images.stores.all { write(store, more, to: &json) } }
                }
            }
        }
    }

    /// Upstream writes what is true as text and leaves out what is not.
    private func write(_ store: NamedStore, _ more: (NamedStore, inout JSONWriter) -> Void, to json: inout JSONWriter) {
        json.object { json in
            json.member("id", store.id)
            if let description = store.description { json.member("description", description) }
            if store.id == images.stores.defaultStore.id { json.member("default", "true") }
            if store.store.isReadOnly { json.member("read-only", "true") }
            more(store, &json)
        }
    }
}

extension HTTPField.Name {
    /// The stores that a new image's bytes can go to.
    static let imageStoreIDs = HTTPField.Name("OpenStack-image-store-ids") ?? .contentLocation
    /// The store that an upload's bytes shall go to.
    static let imageStore = HTTPField.Name("X-Image-Meta-Store") ?? .contentLocation
    /// An image's size, for clients that can't say it in `Content-Length`.
    static let imageSize = HTTPField.Name("X-OpenStack-Image-Size") ?? .contentLocation
}
