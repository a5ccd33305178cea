import CloudAPI
import CloudCore
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
