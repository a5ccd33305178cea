import CloudAPI
import CloudCore
import CloudStore

/// Secret stores, of which there is one, and which of them projects prefer.
struct SecretStoreEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        let all = "/v1/secret-stores"
        let one = all + "/{store_id}"
        return [
            Endpoint(.get, all, "List secret stores", access: .rule("secretstores:get"), handler: list),
            Endpoint(
                .get, all + "/global-default", "Show the default secret store", access: .rule("secretstores:get_global_default"),
                handler: showDefault),
            Endpoint(
                .get, all + "/preferred", "Show the project's preferred secret store", access: .rule("secretstores:get_preferred"),
                handler: showPreferred),
            Endpoint(.get, one, "Show a secret store", access: .rule("secretstore:get"), handler: show),
            Endpoint(
                .post, one + "/preferred", "Prefer a secret store", access: .rule("secretstore_preferred:post"), success: .noContent,
                handler: prefer),
            Endpoint(
                .delete, one + "/preferred", "Prefer no secret store any more", access: .rule("secretstore_preferred:delete"),
                success: .noContent, handler: preferNone),
        ]
    }

    private static let noPreference = KeyManagerError.notFound("Not Found. No preferred secret store defined for this project.")

    private static func write(_ store: StoreRecords.SecretStore, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.times(store.createdAt, store.createdAt)
            $0.member("status", "ACTIVE")
            $0.member("name", store.name)
            $0.member("secret_store_plugin", "store_crypto")
            $0.member("crypto_plugin", "simple_crypto")
            $0.member("global_default", true)
            $0.member("secret_store_ref", request.reference("secret-stores/\(store.id)"))
        }
    }

    private func store(_ request: APIRequest, in reader: any Reader) throws -> StoreRecords.SecretStore {
        guard let store = try StoreRecords.stores(in: reader).first(where: { $0.id == request["store_id"] }) else {
            throw KeyManagerError.notFound("Not Found. Secret store not found.")
        }
        return store
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let stores = try await parts.database.read { try StoreRecords.stores(in: $0) }
        return .json {
            $0.object { $0.member("secret_stores") { $0.array { for store in stores { Self.write(store, request, to: &$0) } } } }
        }
    }

    @Sendable private func showDefault(_ request: APIRequest) async throws -> APIResponse {
        guard let store = try await parts.database.read({ try StoreRecords.stores(in: $0).first }) else {
            throw KeyManagerError.notFound("Not Found. Secret store not found.")
        }
        return .json { Self.write(store, request, to: &$0) }
    }

    @Sendable private func showPreferred(_ request: APIRequest) async throws -> APIResponse {
        let projectID = try request.caller().projectID
        guard let store = try await parts.database.read({ try StoreRecords.preferred(by: projectID, in: $0) }) else {
            throw Self.noPreference
        }
        return .json { Self.write(store, request, to: &$0) }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let store = try await parts.database.read { try self.store(request, in: $0) }
        return .json { Self.write(store, request, to: &$0) }
    }

    @Sendable private func prefer(_ request: APIRequest) async throws -> APIResponse {
        let projectID = try request.caller().projectID
        try await parts.database.write { try StoreRecords.prefer(try store(request, in: $0).id, by: projectID, in: $0) }
        return .empty()
    }

    @Sendable private func preferNone(_ request: APIRequest) async throws -> APIResponse {
        let projectID = try request.caller().projectID
        try await parts.database.write {
            _ = try store(request, in: $0)
            guard try StoreRecords.preferNone(by: projectID, in: $0) else { throw Self.noPreference }
        }
        return .empty()
    }
}

/// Transport keys, which clients of plugins wrap their secrets under. No store here takes wrapped secrets.
struct TransportKeyEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        let one = "/v1/transport_keys/{key_id}"
        return [
            Endpoint(.get, "/v1/transport_keys", "List transport keys", access: .rule("transport_keys:get"), handler: list),
            Endpoint(
                .post, "/v1/transport_keys", "Add a transport key", access: .rule("transport_keys:post"), body: .json(Self.schema),
                success: .created, handler: create),
            Endpoint(.get, one, "Show a transport key", access: .rule("transport_key:get"), handler: show),
            Endpoint(
                .delete, one, "Delete a transport key", access: .rule("transport_key:delete"), success: .noContent, handler: delete),
        ]
    }

    private static let schema: Schema = .object(
        [("plugin_name", .string(length: 0...255)), ("transport_key", .string(length: 0...65_536))], additional: .any)

    private static let unknown = KeyManagerError.notFound("Not Found. Transport Key not found.")

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (page, plugin) = (ListPage(request.query, parts.options), request.query["plugin_name"])
        let (ids, total) = try await parts.database.read { try StoreRecords.transportKeys(plugin: plugin, page, in: $0) }
        return .json {
            $0.object {
                $0.member("transport_keys", ids.map { request.reference("transport_keys/\($0)") })
                page.writeLinks(request, "transport_keys", total: total, isEmpty: ids.isEmpty, to: &$0)
            }
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.trimmedBody
        guard let plugin = body["plugin_name"]?.string, !plugin.isEmpty else {
            throw KeyManagerError.invalid("Transport Key", "plugin_name", "plugin_name must be provided")
        }
        guard let text = body["transport_key"]?.string, !text.isEmpty else {
            throw KeyManagerError.invalid("Transport Key", "transport_key", "transport_key must be provided")
        }
        let key = StoreRecords.TransportKey(id: Identifier.uuid(), pluginName: plugin, key: text, createdAt: .now)
        try await parts.database.write { try StoreRecords.insert(key, in: $0) }
        let url = request.reference("transport_keys/\(key.id)")
        return .json(headers: [.location: url], "transport_key_ref", url)
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        guard let key = try await parts.database.read({ try StoreRecords.transportKey(request["key_id"], in: $0) }) else {
            throw Self.unknown
        }
        return .json {
            $0.object {
                $0.times(key.createdAt, key.createdAt)
                $0.member("status", "ACTIVE")
                $0.member("plugin_name", key.pluginName)
                $0.member("transport_key", key.key)
                $0.member("transport_key_ref", request.reference("transport_keys/\(key.id)"))
            }
        }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        guard try await parts.database.write({ try StoreRecords.deleteTransportKey(request["key_id"], in: $0) }) else {
            throw Self.unknown
        }
        return .empty()
    }
}
