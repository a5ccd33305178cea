import CloudAPI
import CloudCore
import CloudPolicy

extension Identity.ServiceProviderFields {
    /// The fields of a body that the schema admits.
    init(_ body: JSONObject) {
        isEnabled = body["enabled"]?.truth
        description = body["description"]
        authURL = body["auth_url"]?.string
        url = body["sp_url"]?.string
        relayStatePrefix = body["relay_state_prefix"]
    }
}

/// `/v3/OS-FEDERATION/service_providers`.
extension Identity {
    private static let serviceProviderPath = "/OS-FEDERATION/service_providers/{service_provider_id}"
    private static let address: Schema = .string(length: 0...225, pattern: #"[a-zA-Z0-9+.-]+:[\s\S]+"#)
    private static let serviceProviderFields: [(name: String, schema: Schema)] = [
        ("auth_url", address), ("sp_url", address), ("description", Shape.text), ("enabled", Shape.flag),
        ("relay_state_prefix", .nullable(.string(length: 0...256))),
    ]

    private static func serviceProviderBody(required: [String]) -> RequestBody {
        .json(.object(
            [("service_provider", .object(serviceProviderFields, required: required))], required: ["service_provider"]))
    }

    var serviceProviderEndpoints: [Endpoint] {
        [
            .ruled(
                .get, "/OS-FEDERATION/service_providers", "List service providers", rule: "identity:list_service_providers"
            ) { request in
                let query = try request.listQuery(ServiceProviderRecords.filters, options)
                return .listing(try await listServiceProviders(query), request, query)
            },
            .ruled(
                .put, Self.serviceProviderPath, "Create a service provider", rule: "identity:create_service_provider",
                body: Self.serviceProviderBody(required: ["auth_url", "sp_url"]), success: .created
            ) { request in
                let fields = ServiceProviderFields(request.body["service_provider"]?.object ?? [:])
                return .showing(try await createServiceProvider(request["service_provider_id"], fields), request)
            },
            .ruled(.get, Self.serviceProviderPath, "Show a service provider", rule: "identity:get_service_provider") { request in
                .showing(try await serviceProvider(id: request["service_provider_id"]), request)
            },
            .ruled(
                .patch, Self.serviceProviderPath, "Change a service provider", rule: "identity:update_service_provider",
                body: Self.serviceProviderBody(required: [])
            ) { request in
                let body = request.body["service_provider"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.nothingToChange("service_provider") }
                return .showing(try await updateServiceProvider(request["service_provider_id"], ServiceProviderFields(body)), request)
            },
            .ruled(
                .delete, Self.serviceProviderPath, "Delete a service provider", rule: "identity:delete_service_provider",
                success: .noContent
            ) { request in
                try await deleteServiceProvider(request["service_provider_id"])
                return .empty()
            },
        ]
    }

    static let serviceProviderRules = [
        rule("create_service_provider", Check.admin, .systemOrProject, "Create a service provider."),
        rule("list_service_providers", Check.adminOrSystemReader, .systemOrProject, "List service providers."),
        rule("get_service_provider", Check.adminOrSystemReader, .systemOrProject, "Show a service provider."),
        rule("update_service_provider", Check.admin, .systemOrProject, "Change a service provider."),
        rule("delete_service_provider", Check.admin, .systemOrProject, "Delete a service provider."),
    ]
}

extension ServiceProvider: ResourceView {
    static let singular = "service_provider"
    static let collection = "service_providers"

    var linkedPaths: [(name: String, path: String)] {
        [("self", "/OS-FEDERATION/service_providers/\(PercentEncoding.encode(id))")]
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("auth_url", authURL)
        json.member("id", id)
        json.member("enabled", isEnabled)
        json.member("description", description)
        json.member("relay_state_prefix", relayStatePrefix)
        json.member("sp_url", url)
    }
}
