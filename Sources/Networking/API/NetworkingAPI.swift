import CloudAPI
import CloudCore
import CloudStore

/// Neutron's API over the service.
struct NetworkingAPI: Sendable {
    let service: Networking

    var database: any Database { service.database }
    var operations: Operations { service.operations }
    var options: NetworkingOptions { service.options }

    /// The service's front.
    var front: ServiceAPI {
        ServiceAPI(
            type: "network", name: "neutron", path: "/network", envelope: Self.envelope,
            endpoints: endpoints, rules: NeutronPolicy.all)
    }

    /// Every endpoint, by both forms of its path: upstream takes `network-segment-ranges` for `network_segment_ranges`
    /// and the other way round, and its clients use both.
    private var endpoints: [Endpoint] {
        let table = table
        // Some are declared in both forms, as upstream documents them.
        let declared = Set(table.map { "\($0.method) \($0.path)" })
        return table + table.compactMap(\.otherForm).filter { !declared.contains("\($0.method) \($0.path)") }
    }

    private var table: [Endpoint] {
        [
            versionEndpoints,
            networkEndpoints,
            sharingEndpoints,
            subnetEndpoints,
            subnetPoolEndpoints,
            addressScopeEndpoints,
            autoAllocationEndpoints,
            segmentEndpoints,
            segmentRangeEndpoints,
            portEndpoints,
            portBindingEndpoints,
            trunkEndpoints,
            qosPolicyEndpoints,
            qosRuleEndpoints,
            securityGroupEndpoints,
            addressGroupEndpoints,
            defaultSecurityEndpoints,
            packetLogEndpoints,
            routerEndpoints,
            floatingIPEndpoints,
            tagEndpoints,
            quotaEndpoints,
            planeEndpoints,
            agentSchedulingEndpoints,
            flavorEndpoints,
            meteringEndpoints,
            portForwardingEndpoints,
            routerGatewayEndpoints,
            conntrackHelperEndpoints,
            firewallEndpoints,
        ].flatMap { $0 }
    }

    /// Neutron's form of errors: `{"NeutronError": {"type": …, "message": …, "detail": ""}}`.
    private static let envelope = ErrorEnvelope { fault, _, json in
        json.object {
            $0.member("NeutronError") {
                $0.object {
                    $0.member("type", fault.code ?? httpType(fault.status))
                    $0.member("message", fault.message)
                    $0.member("detail", "")
                }
            }
        }
    }

    /// The type of a fault that is no exception of Neutron's: WebOb's name for its status.
    private static func httpType(_ status: HTTPResponse.Status) -> String {
        switch status {
        case .badRequest: "HTTPBadRequest"
        case .unauthorized: "HTTPUnauthorized"
        case .forbidden: "PolicyNotAuthorized"
        case .notFound: "HTTPNotFound"
        case .methodNotAllowed: "HTTPMethodNotAllowed"
        case .conflict: "HTTPConflict"
        case .contentTooLarge: "HTTPRequestEntityTooLarge"
        case .unsupportedMediaType: "HTTPUnsupportedMediaType"
        case .serviceUnavailable: "HTTPServiceUnavailable"
        case .internalServerError: "HTTPInternalServerError"
        default: "HTTPException"
        }
    }

    /// Reads a list's query against a listing.
    func listRequest(_ request: APIRequest, _ listing: Listing) throws(NetworkingError) -> ListRequest {
        var list = try ListRequest(request.query, listing, pageLimit: options.pageLimit)
        list.project = request.token?.projectID
        return list
    }
}

extension Endpoint {
    /// The same with hyphens for the underscores of the collection's name, or the other way round; nil for a name without.
    fileprivate var otherForm: Endpoint? {
        let collection = path.prefix { $0 != "{" }
        let isHyphened = collection.contains("-")
        guard isHyphened || collection.contains("_") else { return nil }
        let other = String(collection.map { $0 == "-" ? "_" : $0 == "_" ? "-" : $0 })
        return Endpoint(
            method, other + path.dropFirst(collection.count), summary, microversions: microversions, access: access, body: body,
            query: query, success: success, negotiates: negotiates, handler: handler)
    }
}

extension Access {
    /// How lists are governed.
    static let listing = Access.authenticated(because: "a list shows only what the resource's get rule admits, item by item")
}

extension Networking {
    /// The service's front.
    public var api: ServiceAPI { NetworkingAPI(service: self).front }
}
