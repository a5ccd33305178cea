import CloudAPI
import CloudCore
import CloudStore

// Port forwardings of floating IPs and conntrack helpers of routers: decode, authorise, call, encode.
extension NetworkingAPI {
    var portForwardingEndpoints: [Endpoint] {
        let (names, all) = (PortForwardingView.names, "/v2.0/floatingips/{floatingip_id}/port_forwardings")
        let item = "\(all)/{port_forwarding_id}"
        return [
            Endpoint(.get, all, "List a floating IP's port forwardings", access: .listing) {
                try await listParts($0, try await forwardings($0))
            },
            Endpoint(
                .post, all, "Create a port forwarding", access: .ruleOnResource("create_floatingip_port_forwarding"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.portForwarding, required: ["internal_port_id", "protocol"]),
                success: .created, handler: createForwardings),
            Endpoint(.get, item, "Show a port forwarding", access: .ruleOnResource("get_floatingip_port_forwarding")) {
                try await show($0, try await forwardings($0))
            },
            Endpoint(
                .put, item, "Change a port forwarding", access: .ruleOnResource("update_floatingip_port_forwarding"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.portForwarding), handler: updateForwarding),
            Endpoint(
                .delete, item, "Delete a port forwarding", access: .ruleOnResource("delete_floatingip_port_forwarding"),
                success: .noContent
            ) { [operations] request in
                try await delete(request, try await forwardings(request)) { try operations.deleteForwarding($0, in: $1) }
            },
        ]
    }

    private typealias Forwardings = ResourceKind<PortForwarding, PortForwardingView>

    private func floatingIP(_ request: APIRequest) async throws -> FloatingIP {
        let id = request["floatingip_id"]
        return try await database.read { try FloatingIPRecords.find(id, in: $0).orThrow(.floatingIPNotFound(id)) }
    }

    /// The port forwardings of the floating IP that a request names.
    private func forwardings(_ request: APIRequest) async throws -> Forwardings {
        let parent = try await floatingIP(request)
        return Forwardings(
            names: PortForwardingView.names, listing: PortForwardingRecords.listing,
            missing: NetworkingError.portForwardingNotFound,
            find: { id, reader in
                let found = try PortForwardingRecords.find(id, in: reader)
                return found?.floatingIPID == parent.id ? found : nil
            },
            list: { list, _, reader in try PortForwardingRecords.list(list, floatingIP: parent.id, in: reader) },
            load: { items, _ in items.map { PortForwardingView(forwarding: $0, projectID: parent.projectID) } },
            ruleName: "floatingip_port_forwarding")
    }

    /// Lists the parts of a resource, whose rule has a name of its own.
    private func listParts<Item, Shown>(
        _ request: APIRequest, _ kind: ResourceKind<Item, Shown>
    ) async throws -> APIResponse {
        let list = try listRequest(request, kind.listing)
        let visibility = request.visibility
        let views = try await database.read { try kind.load(try kind.list(list, visibility, $0), $0) }
        let rule = "get_\(kind.ruleName ?? kind.names.singular)"
        let visible = views.filter { request.allows(rule, $0.subject.target) }
        return await request.answer(visible, kind.names, list, isComplete: true)
    }

    private static func draft(_ attributes: Attributes) throws(NetworkingError) -> PortForwardingDraft {
        var draft = PortForwardingDraft(
            portID: attributes.text("internal_port_id"), address: attributes.text("internal_ip_address"))
        if let name = attributes.text("protocol")?.lowercased() {
            guard PortForwarding.protocols.contains(name) else {
                throw .badBody("Invalid input for protocol. Reason: '\(name)' is not in \(PortForwarding.protocols.sorted()).")
            }
            draft.ipProtocol = name
        }
        draft.external = try range(attributes, "external_port")
        draft.internal = try range(attributes, "internal_port")
        draft.description = attributes.text("description")
        return draft
    }

    /// A port or a range of them; nil when neither is there.
    private static func range(_ attributes: Attributes, _ name: String) throws(NetworkingError) -> ClosedRange<Int>? {
        let several = attributes.text("\(name)_range") ?? attributes.number("\(name)_range").map(String.init)
        guard let text = several ?? attributes.number(name).map(String.init) else { return nil }
        guard let range = PortForwarding.range(text) else {
            throw .badBody("Invalid input for \(name)_range. Reason: Invalid port range: '\(text)'.")
        }
        return range
    }

    private func createForwardings(_ request: APIRequest) async throws -> APIResponse {
        let (id, caller) = (request["floatingip_id"], request.caller)
        let drafts = try request.creations(PortForwardingView.names).map(Self.draft)
        let parent = try await floatingIP(request)
        try request.authorizeCreation(of: "floatingip_port_forwarding", PolicySubject(partOf: parent.projectID))
        return try await create(request, try await forwardings(request)) { [operations] transaction in
            try drafts.map { draft in
                let floatingIP = try FloatingIPRecords.find(id, in: transaction).orThrow(.floatingIPNotFound(id))
                return try operations.createForwarding(draft, of: floatingIP, by: caller, in: transaction)
            }
        }
    }

    private func updateForwarding(_ request: APIRequest) async throws -> APIResponse {
        let (id, caller) = (request["floatingip_id"], request.caller)
        let draft = try Self.draft(request.attributes(PortForwardingView.names))
        return try await change(request, try await forwardings(request)) { [operations] forwarding, transaction in
            let floatingIP = try FloatingIPRecords.find(id, in: transaction).orThrow(.floatingIPNotFound(id))
            return try operations.updateForwarding(forwarding, draft, of: floatingIP, by: caller, in: transaction)
        }
    }
}

// Conntrack helpers.
extension NetworkingAPI {
    var conntrackHelperEndpoints: [Endpoint] {
        let (names, all) = (ConntrackHelperView.names, "/v2.0/routers/{router_id}/conntrack_helpers")
        let item = "\(all)/{conntrack_helper_id}"
        return [
            Endpoint(.get, all, "List a router's conntrack helpers", access: .listing) {
                try await listParts($0, try await helpers($0))
            },
            Endpoint(
                .post, all, "Create a conntrack helper", access: .ruleOnResource("create_router_conntrack_helper"),
                body: NetworkingSchemas.creation(
                    names, NetworkingSchemas.conntrackHelper, required: ["protocol", "port", "helper"]),
                success: .created, handler: createHelpers),
            Endpoint(.get, item, "Show a conntrack helper", access: .ruleOnResource("get_router_conntrack_helper")) {
                try await show($0, try await helpers($0))
            },
            Endpoint(
                .put, item, "Change a conntrack helper", access: .ruleOnResource("update_router_conntrack_helper"),
                body: NetworkingSchemas.update(names, NetworkingSchemas.conntrackHelper), handler: updateHelper),
            Endpoint(
                .delete, item, "Delete a conntrack helper", access: .ruleOnResource("delete_router_conntrack_helper"),
                success: .noContent
            ) { [operations] request in
                try await delete(request, try await helpers(request)) { try operations.deleteHelper($0, in: $1) }
            },
        ]
    }

    private typealias Helpers = ResourceKind<ConntrackHelper, ConntrackHelperView>

    private func parentRouter(_ request: APIRequest) async throws -> Router {
        let id = request["router_id"]
        return try await database.read { try RouterRecords.find(id, in: $0).orThrow(.routerNotFound(id)) }
    }

    /// The helpers of the router that a request names.
    private func helpers(_ request: APIRequest) async throws -> Helpers {
        let parent = try await parentRouter(request)
        return Helpers(
            names: ConntrackHelperView.names, listing: ConntrackHelperRecords.listing,
            missing: NetworkingError.conntrackHelperNotFound,
            find: { id, reader in
                let found = try ConntrackHelperRecords.find(id, in: reader)
                return found?.routerID == parent.id ? found : nil
            },
            list: { list, _, reader in try ConntrackHelperRecords.list(list, router: parent.id, in: reader) },
            load: { items, _ in items.map { ConntrackHelperView(helper: $0, projectID: parent.projectID) } },
            ruleName: "router_conntrack_helper")
    }

    private func createHelpers(_ request: APIRequest) async throws -> APIResponse {
        let parent = try await parentRouter(request)
        try request.authorizeCreation(of: "router_conntrack_helper", PolicySubject(partOf: parent.projectID))
        let helpers = try request.creations(ConntrackHelperView.names).map { attributes in
            ConntrackHelper(
                id: Identifier.uuid(), routerID: parent.id, ipProtocol: attributes.text("protocol")?.lowercased() ?? "",
                port: attributes.number("port") ?? 0, helper: attributes.text("helper") ?? "")
        }
        return try await create(request, try await self.helpers(request)) { [operations] transaction in
            _ = try RouterRecords.find(parent.id, in: transaction).orThrow(.routerNotFound(parent.id))
            return try helpers.map { try operations.createHelper($0, in: transaction) }
        }
    }

    private func updateHelper(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(ConntrackHelperView.names)
        return try await change(request, try await helpers(request)) { [operations] helper, transaction in
            var helper = helper
            helper.ipProtocol = attributes.text("protocol")?.lowercased() ?? helper.ipProtocol
            helper.port = attributes.number("port") ?? helper.port
            helper.helper = attributes.text("helper") ?? helper.helper
            return try operations.updateHelper(helper, in: transaction)
        }
    }
}
