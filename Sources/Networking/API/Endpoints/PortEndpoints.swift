import CloudAPI
import CloudCore
import CloudStore
import NetworkMessages

// Ports: decode, authorise, call, encode.
extension NetworkingAPI {
    var portEndpoints: [Endpoint] {
        let names = PortView.names
        return [
            Endpoint(.get, "/v2.0/ports", "List ports", access: .listing, handler: listPorts),
            Endpoint(
                .post, "/v2.0/ports", "Create ports", access: .ruleOnResource("create_port"),
                body: NetworkingSchemas.creation(names, NetworkingSchemas.portCreation, required: ["network_id"]),
                success: .created, handler: createPorts),
            Endpoint(
                .get, "/v2.0/ports/{port_id}", "Show a port", access: .ruleOnResource("get_port"), handler: showPort),
            Endpoint(
                .put, "/v2.0/ports/{port_id}", "Change a port", access: .ruleOnResource("update_port"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.portUpdate), handler: updatePort),
            Endpoint(
                .delete, "/v2.0/ports/{port_id}", "Delete a port", access: .ruleOnResource("delete_port"),
                success: .noContent, handler: deletePort),
        ]
    }

    private func listPorts(_ request: APIRequest) async throws -> APIResponse {
        let list = try listRequest(request, PortRecords.listing)
        let (visibility, domain) = (request.visibility, options.dnsDomain)
        let views = try await database.read { reader in
            try PortView.load(try PortRecords.list(list, visibility, in: reader), domain: domain, in: reader)
        }
        return request.answer(views, PortView.names, list)
    }

    private func showPort(_ request: APIRequest) async throws -> APIResponse {
        let (id, domain) = (request["port_id"], options.dnsDomain)
        let view = try await database.read { reader in
            let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
            return try PortView.load([port], domain: domain, in: reader)[0]
        }
        try request.authorize(view.subject.target, orThrow: NetworkingError.portNotFound(id).fault)
        return request.answer(view, PortView.names, fields: request.fields)
    }

    private func createPorts(_ request: APIRequest) async throws -> APIResponse {
        let drafts = try request.creations(PortView.names).map { attributes in
            (draft: try Self.draft(attributes, request), attributes: attributes)
        }
        let (caller, domain) = (request.caller, options.dnsDomain)
        let views = try await database.write { [operations] transaction in
            let ports = try drafts.map { draft, attributes in
                let id = attributes.text("network_id") ?? ""
                let network = try NetworkRecords.find(id, in: transaction).orThrow(.networkNotFound(id))
                guard request.allows("get_network", PolicySubject(network).target) else {
                    throw NetworkingError.networkNotFound(id)
                }
                try request.authorizeCreation(
                    of: "port",
                    PolicySubject(projectID: draft.projectID, on: network, deviceOwner: draft.deviceOwner),
                    setting: Self.guarded(attributes, isCreation: true))
                return try operations.createPort(draft, on: network, by: caller, in: transaction)
            }
            return try PortView.load(ports, domain: domain, in: transaction)
        }
        return request.answer(created: views, PortView.names)
    }

    private static func draft(_ attributes: Attributes, _ request: APIRequest) throws(NetworkingError) -> PortDraft {
        var draft = PortDraft(projectID: try attributes.project(of: request))
        draft.name = attributes.text("name") ?? ""
        draft.description = attributes.text("description") ?? ""
        draft.isAdminUp = attributes.flag("admin_state_up") ?? true
        draft.mac = attributes.text("mac_address")
        draft.fixedIPs = try attributes.addresses("fixed_ips")
        draft.deviceID = attributes.text("device_id") ?? ""
        draft.deviceOwner = attributes.text("device_owner") ?? ""
        draft.securityGroupIDs = attributes.texts("security_groups")
        draft.hasPortSecurity = attributes.flag("port_security_enabled")
        draft.allowedPairs = pairs(attributes) ?? []
        draft.binding.host = attributes.text("binding:host_id") ?? ""
        draft.binding.profile = attributes.json["binding:profile"].flatMap { $0.isNull ? nil : $0 } ?? .object([:])
        draft.binding.vnicType = attributes.text("binding:vnic_type") ?? "normal"
        draft.dnsName = attributes.text("dns_name") ?? ""
        draft.tags = attributes.texts("tags") ?? []
        return draft
    }

    private static func pairs(_ attributes: Attributes) -> [AddressPair]? {
        attributes.json["allowed_address_pairs"].map { value in
            (value.array ?? []).map {
                AddressPair(mac: $0["mac_address"]?.string ?? "", address: $0["ip_address"]?.string ?? "")
            }
        }
    }

    /// The attributes with rules of their own that are set: in a creation those that differ from their defaults. Parts
    /// of addresses and pairs have rules too.
    private static func guarded(_ attributes: Attributes, isCreation: Bool) -> [String] {
        let plain = [
            "mac_address", "fixed_ips", "device_id", "device_owner", "binding:host_id", "binding:profile", "binding:vnic_type",
            "allowed_address_pairs", "port_security_enabled",
        ].filter { name in
            guard let value = attributes.json[name] else { return false }
            guard isCreation else { return true }
            let isDefault = value.isNull || value == "" || value == [] || value == [:]
                || name == "binding:vnic_type" && value == "normal" || name == "port_security_enabled" && value.lenientBool == true
            // An empty list of addresses is a wish; the default is to say nothing.
            return !isDefault || name == "fixed_ips" && !value.isNull
        }
        let nested = ["fixed_ips", "allowed_address_pairs"].flatMap { name -> [String] in
            let parts = (attributes.json[name]?.array ?? []).compactMap(\.object).flatMap(\.names)
            return Set(parts).sorted().map { "\(name):\($0)" }
        }
        return plain + nested + (isCreation ? attributes.present(["tags"]) : [])
    }

    private func updatePort(_ request: APIRequest) async throws -> APIResponse {
        let (id, attributes) = (request["port_id"], request.attributes(PortView.names))
        let change = try Self.change(attributes)
        let (caller, domain) = (request.caller, options.dnsDomain)
        let view = try await database.write { [operations] transaction in
            let port = try PortRecords.find(id, in: transaction).orThrow(.portNotFound(id))
            let network = try NetworkRecords.find(port.networkID, in: transaction)
            let owner = change.deviceOwner ?? port.deviceOwner
            try request.authorizeChange(
                of: "port", PolicySubject(projectID: port.projectID, on: network, deviceOwner: owner),
                setting: Self.guarded(attributes, isCreation: false), orHide: .portNotFound(id))
            try request.checkRevision(port.standard)
            let updated = try operations.updatePort(port, change, by: caller, in: transaction)
            return try PortView.load([updated], domain: domain, in: transaction)[0]
        }
        return request.answer(view, PortView.names)
    }

    private static func change(_ attributes: Attributes) throws(NetworkingError) -> PortChange {
        var change = PortChange()
        change.name = attributes.text("name")
        change.description = attributes.text("description")
        change.isAdminUp = attributes.flag("admin_state_up")
        // A null MAC address asks for a new one.
        change.mac = attributes.json["mac_address"].map { $0.string ?? MACAddress.generated().description }
        change.fixedIPs = attributes.has("fixed_ips") ? try attributes.addresses("fixed_ips") ?? [] : nil
        change.deviceID = attributes.text("device_id")
        change.deviceOwner = attributes.text("device_owner")
        change.securityGroupIDs = attributes.texts("security_groups")
        change.hasPortSecurity = attributes.flag("port_security_enabled")
        change.allowedPairs = pairs(attributes)
        change.host = attributes.json["binding:host_id"].map { $0.string ?? "" }
        change.profile = attributes.json["binding:profile"].map { $0.isNull ? .object([:]) : $0 }
        change.vnicType = attributes.text("binding:vnic_type")
        change.dnsName = attributes.text("dns_name")
        return change
    }

    private func deletePort(_ request: APIRequest) async throws -> APIResponse {
        let id = request["port_id"]
        try await database.write { [operations] transaction in
            let port = try PortRecords.find(id, in: transaction).orThrow(.portNotFound(id))
            let network = try NetworkRecords.find(port.networkID, in: transaction)
            try request.authorizeChange(
                of: "port", PolicySubject(projectID: port.projectID, on: network, deviceOwner: port.deviceOwner),
                orHide: .portNotFound(id))
            try request.checkRevision(port.standard)
            try operations.deletePort(port, in: transaction)
        }
        return .empty()
    }
}
