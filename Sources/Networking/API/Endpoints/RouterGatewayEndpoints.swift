import CloudAPI
import CloudCore
import CloudStore

// Several gateways of a router: decode, authorise, call, encode.
extension NetworkingAPI {
    var routerGatewayEndpoints: [Endpoint] {
        [
            gatewayEndpoint("add_external_gateways", "Add gateways to a router") { [operations] drafts, router, transaction in
                try operations.addGateways(drafts, to: router, in: transaction)
            },
            gatewayEndpoint("update_external_gateways", "Replace a router's gateways") {
                [operations] drafts, router, transaction in
                try operations.updateGateways(drafts, of: router, in: transaction)
            },
            gatewayEndpoint("remove_external_gateways", "Remove gateways from a router") {
                [operations] drafts, router, transaction in
                try operations.removeGateways(drafts, from: router, in: transaction)
            },
        ]
    }

    private func gatewayEndpoint(
        _ action: String, _ summary: String,
        _ change: @escaping @Sendable ([GatewayDraft], Router, any Transaction) throws -> Router
    ) -> Endpoint {
        Endpoint(
            .put, "/v2.0/routers/{router_id}/\(action)", summary, access: .ruleOnResource(action),
            body: NetworkingSchemas.externalGateways
        ) { request in
            let items = request.attributes(RouterView.names).json["external_gateways"]?.array ?? []
            let drafts = try items.map { try Self.gatewayDraft(Attributes(json: $0)) }
            let named = Set(items.flatMap { $0.object?.names ?? [] })
            return try await changeRouter(request) { router, transaction in
                let target = PolicySubject(projectID: router.projectID).target
                for name in named.sorted() {
                    let rule = "\(action):external_gateways:\(name)"
                    if NeutronPolicy.names.contains(rule) { try request.require(rule, target) }
                }
                for draft in drafts { try Self.checkVisible(draft, request, in: transaction) }
                return try change(drafts, router, transaction)
            }
        }
    }

    /// A gateway as a body says it; an empty list of addresses means any.
    static func gatewayDraft(_ info: Attributes) throws(NetworkingError) -> GatewayDraft {
        GatewayDraft(
            networkID: info.text("network_id") ?? "", isSNATEnabled: info.flag("enable_snat"),
            fixedIPs: try info.addresses("external_fixed_ips").flatMap { $0.isEmpty ? nil : $0 },
            qosPolicyID: info.has("qos_policy_id") ? .some(info.text("qos_policy_id")) : nil)
    }
}
