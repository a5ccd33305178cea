import CloudAPI
import CloudCore
import CloudPolicy

extension Endpoint {
    /// An endpoint of Keystone's guarded by one rule that asks nothing about a resource.
    static func ruled(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, rule: String, body: RequestBody = .none,
        success: HTTPResponse.Status = .ok, handler: @escaping Handler
    ) -> Endpoint {
        Endpoint(method, "/v3" + path, summary, access: .rule(rule), body: body, success: success, handler: handler)
    }
}

extension Identity.IdentityProviderFields {
    /// The fields of a body that the schema admits.
    init(_ body: JSONObject) {
        isEnabled = body["enabled"]?.truth
        description = body["description"]
        remoteIDs = body["remote_ids"].map { $0.array?.compactMap(\.string) ?? [] }
        authorizationTTL = body["authorization_ttl"]
    }
}

/// `/v3/OS-FEDERATION/identity_providers`.
extension Identity {
    private static let providerPath = "/OS-FEDERATION/identity_providers/{idp_id}"
    private static let providerFields: [(name: String, schema: Schema)] = [
        ("enabled", Shape.flag), ("description", Shape.text), ("authorization_ttl", .nullable(.integer(0...Int(Int32.max)))),
        ("remote_ids", .nullable(.array(.string(length: 0...64), unique: true))),
    ]

    var identityProviderEndpoints: [Endpoint] {
        [
            .ruled(
                .get, "/OS-FEDERATION/identity_providers", "List identity providers", rule: "identity:list_identity_providers"
            ) { request in
                let query = try request.listQuery(IdentityProviderRecords.filters, options)
                return .listing(try await listIdentityProviders(query), request, query)
            },
            .ruled(
                .put, Self.providerPath, "Create an identity provider", rule: "identity:create_identity_provider",
                body: .json(.object([
                    ("identity_provider", .object(Self.providerFields + [("domain_id", .nullable(Shape.identifier))])),
                ])),
                success: .created
            ) { request in
                let body = request.body["identity_provider"]?.object ?? [:]
                let created = try await createIdentityProvider(
                    request["idp_id"], domainID: body["domain_id"]?.string, IdentityProviderFields(body))
                return .showing(created, request)
            },
            .ruled(.get, Self.providerPath, "Show an identity provider", rule: "identity:get_identity_provider") { request in
                .showing(try await identityProvider(id: request["idp_id"]), request)
            },
            .ruled(
                .patch, Self.providerPath, "Change an identity provider", rule: "identity:update_identity_provider",
                body: .json(.object([("identity_provider", .object(Self.providerFields))], required: ["identity_provider"], additional: .any))
            ) { request in
                let body = request.body["identity_provider"]?.object ?? [:]
                guard !body.isEmpty else { throw IdentityError.nothingToChange("identity_provider") }
                return .showing(try await updateIdentityProvider(request["idp_id"], IdentityProviderFields(body)), request)
            },
            .ruled(
                .delete, Self.providerPath, "Delete an identity provider with its users",
                rule: "identity:delete_identity_provider", success: .noContent
            ) { request in
                try await deleteIdentityProvider(request["idp_id"])
                return .empty()
            },
        ]
    }

    static let identityProviderRules = [
        rule("create_identity_provider", Check.admin, .systemOrProject, "Create an identity provider."),
        rule("list_identity_providers", Check.adminOrSystemReader, .systemOrProject, "List identity providers."),
        rule("get_identity_provider", Check.adminOrSystemReader, .systemOrProject, "Show an identity provider."),
        rule("update_identity_provider", Check.admin, .systemOrProject, "Change an identity provider."),
        rule("delete_identity_provider", Check.admin, .systemOrProject, "Delete an identity provider."),
    ]
}

/// `/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols`.
extension Identity {
    private static let protocolPath = providerPath + "/protocols/{protocol_id}"

    private static func protocolBody(_ remoteID: Schema) -> RequestBody {
        .json(.object(
            [
                ("protocol", .object(
                    [("mapping_id", .string(length: 1...64)), ("remote_id_attribute", remoteID)], required: ["mapping_id"])),
            ], required: ["protocol"]))
    }

    var federationProtocolEndpoints: [Endpoint] {
        [
            .ruled(.get, Self.providerPath + "/protocols", "List an identity provider's protocols", rule: "identity:list_protocols") { request in
                .listing(try await listFederationProtocols(of: request["idp_id"]).map { ProtocolView($0, isInList: true) }, request)
            },
            .ruled(
                .put, Self.protocolPath, "Add a protocol to an identity provider", rule: "identity:create_protocol",
                body: Self.protocolBody(.nullable(.string(length: 0...64))), success: .created
            ) { request in
                let body = request.body["protocol"] ?? .null
                let new = FederationProtocol(
                    id: request["protocol_id"], identityProviderID: request["idp_id"],
                    mappingID: body["mapping_id"]?.string ?? "", remoteIDAttribute: body["remote_id_attribute"]?.string)
                return .showing(ProtocolView(try await createFederationProtocol(new)), request)
            },
            .ruled(.get, Self.protocolPath, "Show an identity provider's protocol", rule: "identity:get_protocol") { request in
                .showing(ProtocolView(try await federationProtocol(request["protocol_id"], of: request["idp_id"])), request)
            },
            .ruled(
                .patch, Self.protocolPath, "Change an identity provider's protocol", rule: "identity:update_protocol",
                body: Self.protocolBody(.string(length: 0...64))
            ) { request in
                let body = request.body["protocol"] ?? .null
                let changed = try await updateFederationProtocol(
                    request["protocol_id"], of: request["idp_id"], mappingID: body["mapping_id"]?.string ?? "",
                    remoteIDAttribute: body["remote_id_attribute"]?.string)
                return .showing(ProtocolView(changed), request)
            },
            .ruled(
                .delete, Self.protocolPath, "Take a protocol from an identity provider", rule: "identity:delete_protocol",
                success: .noContent
            ) { request in
                try await deleteFederationProtocol(request["protocol_id"], of: request["idp_id"])
                return .empty()
            },
        ]
    }

    static let federationProtocolRules = [
        rule("create_protocol", Check.admin, .systemOrProject, "Add a protocol to an identity provider."),
        rule("update_protocol", Check.admin, .systemOrProject, "Change an identity provider's protocol."),
        rule("get_protocol", Check.adminOrSystemReader, .systemOrProject, "Show an identity provider's protocol."),
        rule("list_protocols", Check.adminOrSystemReader, .systemOrProject, "List an identity provider's protocols."),
        rule("delete_protocol", Check.admin, .systemOrProject, "Take a protocol from an identity provider."),
    ]
}

extension IdentityError {
    /// 400 for a change that mentions nothing.
    static func nothingToChange(_ member: String) -> IdentityError {
        .invalid("Invalid input for field '\(member)': nothing to change.")
    }
}

extension IdentityProvider: ResourceView {
    static let singular = "identity_provider"
    static let collection = "identity_providers"

    var linkedPaths: [(name: String, path: String)] {
        let path = "/OS-FEDERATION/identity_providers/\(PercentEncoding.encode(id))"
        return [("self", path), ("protocols", path + "/protocols")]
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("domain_id", domainID)
        json.member("enabled", isEnabled)
        json.member("description", description)
        json.member("remote_ids", remoteIDs)
        json.member("authorization_ttl", authorizationTTL)
    }
}

/// A protocol: alone it shows less than in a list.
struct ProtocolView: ResourceView, Sendable {
    static let singular = "protocol"
    static let collection = "protocols"

    let value: FederationProtocol
    let isInList: Bool
    var id: String { value.id }

    init(_ value: FederationProtocol, isInList: Bool = false) { (self.value, self.isInList) = (value, isInList) }

    var linkedPaths: [(name: String, path: String)] {
        let provider = "/OS-FEDERATION/identity_providers/\(PercentEncoding.encode(value.identityProviderID))"
        return [("self", "\(provider)/protocols/\(PercentEncoding.encode(id))"), ("identity_provider", provider)]
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        if isInList { json.member("idp_id", value.identityProviderID) }
        json.member("mapping_id", value.mappingID)
        if isInList || value.remoteIDAttribute != nil { json.member("remote_id_attribute", value.remoteIDAttribute) }
    }
}
