import CloudAPI
import CloudCore
import Compute
import Identity
import Placement
import Synchronization

/// Identity as compute asks for it.
struct ComputeIdentityAdapter: ComputeIdentity {
    let identity: Identity
    let region: String

    func projectExists(_ id: String) async throws -> Bool { try await identity.project(id) != nil }

    func limits(ofProject id: String) async throws -> [String: Int] {
        try await identity.limits(ofProject: id, onService: "compute", region: region)
    }

    /// No project has an empty id, so none of these is a project's own.
    func registeredLimits() async throws -> [String: Int] { try await limits(ofProject: "") }
}

/// Placement's standard names.
struct PlacementNames: StandardNames {
    func isResourceClass(_ name: String) -> Bool { Placement.isStandardResourceClass(name) }
    func isTrait(_ name: String) -> Bool { Placement.isStandardTrait(name) }
}

/// Passes requests on to the other services of this program, through their whole front.
final class ServiceRelay: ServiceCalls {
    /// The front, which holds the services that hold this.
    private struct Front {
        weak var server: CloudServer?
    }

    private let front = Mutex(Front())

    /// Connects the front once it is built over the services.
    func connect(_ server: CloudServer) { front.withLock { $0.server = server } }

    func send(_ call: ServiceCall) async throws -> ServiceAnswer? {
        guard let server = front.withLock({ $0.server }), let root = Self.root(of: call.service),
            server.services.contains(where: { $0.path == root })
        else { return nil }
        var headers: HTTPFields = [.authToken: call.token.reveal()]
        if call.body != nil { headers[.contentType] = call.mediaType }
        let answer = await server.respond(call.method, root + call.path, headers: headers, body: call.body?.bytes ?? [])
        return ServiceAnswer(status: answer.status.code, body: answer.json)
    }

    /// Where a service is; nil for one that this program does not have.
    private static func root(of service: ServiceCall.Service) -> String? {
        switch service {
        case .image: "/image"
        case .network: "/network"
        case .volume: "/volume"
        }
    }
}
