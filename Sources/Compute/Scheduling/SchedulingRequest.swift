import CloudCore
import CloudStore

/// What a host is wanted for: everything that decides where a server may go, and whose claim it becomes there
/// (nova.objects.RequestSpec).
///
///     var request = SchedulingRequest(server: server)          // a build, an unshelve, an evacuation
///     request.flavor = newFlavor                               // a resize
///     request.excludedHosts = [server.host]                    // anywhere but here
///     request.destination = .requested(host: "node-7")         // there, if the filters let it
struct SchedulingRequest: Sendable, Hashable, Codable {
    /// A host of somebody's choice.
    enum Destination: Sendable, Hashable, Codable {
        /// This host, by its name or its hypervisor's, if it passes every filter (`host` and `hypervisor_hostname` from
        /// microversion 2.74 on, and the targets of migrations and evacuations).
        case requested(host: String?, hypervisorHostName: String? = nil)
        /// This host, whatever the filters say, as long as it is up and has room (an availability zone `zone:host:node`).
        case forced(host: String?, hypervisorHostName: String? = nil)

        /// The host's name; nil when only its hypervisor is named.
        var host: String? {
            switch self {
            case .requested(let host, _), .forced(let host, _): host
            }
        }

        /// The hypervisor's name; nil when only the host is named.
        var hypervisorHostName: String? {
            switch self {
            case .requested(_, let name), .forced(_, let name): name
            }
        }
    }

    /// Whose claim it becomes: the server's UUID.
    var serverID: String
    var projectID: String
    var userID: String
    /// What the server needs; for a resize the flavor that it gets.
    var flavor: Flavor
    /// The image it boots from; nil without one.
    var image: ServerImage?
    /// The properties of the image that its root volume was made of; nil without one.
    var volumeProperties: [String: String]?
    /// The properties that say what the host must be.
    var properties: [String: String] { image?.properties ?? volumeProperties ?? [:] }
    /// Whether its root disk is a volume, so that it takes none of the host's disk for it.
    var bootsFromVolume = false
    /// The zone it must be in; nil for any.
    var availabilityZone: String?
    /// The user's wishes.
    var hints = SchedulerHints()
    /// The ports that it is given and that were there before it; nil for those that it has.
    var portIDs: [String]?
    /// What its ports need beyond an address, once the scheduler has asked for it.
    var portRequests: [PortResourceRequest] = []
    /// A host of choice; nil for any.
    var destination: Destination?
    /// The hosts it must not go to: those that failed, or the one it leaves.
    var excludedHosts: [String] = []

    /// What a server as it is needs, with the wishes of its creation. A host named then holds for its building alone
    /// (`ServerDetails.destination`): nothing that moves the server is bound to it.
    init(server: Server) {
        (serverID, projectID, userID) = (server.id, server.projectID, server.userID)
        (flavor, image, availabilityZone) = (server.flavor, server.image, server.availabilityZone)
        (bootsFromVolume, volumeProperties) = (server.isVolumeBacked, server.details.volumeProperties)
        if let text = server.details.schedulerHints, let json = JSON(sqlValue: .text(text)) { hints = SchedulerHints(json) }
    }

    /// What a server that does not exist yet needs.
    init(
        serverID: String, projectID: String, userID: String, flavor: Flavor, image: ServerImage?, availabilityZone: String? = nil
    ) {
        (self.serverID, self.projectID, self.userID) = (serverID, projectID, userID)
        (self.flavor, self.image, self.availabilityZone) = (flavor, image, availabilityZone)
    }
}

/// The scheduler hints of a create request (`os:scheduler_hints`), as far as filters know them.
struct SchedulerHints: Sendable, Hashable, Codable {
    /// The server group's UUID.
    var group: String?
    /// Servers of which one must be on the host.
    var sameHost: [String] = []
    /// Servers of which none may be on the host.
    var differentHost: [String] = []
    /// An address whose network the host must be in.
    var buildNearHostAddress: String?
    /// The prefix of that network, such as "/24".
    var cidr: String?
    /// A condition on host states, as JSON text (JsonFilter).
    var query: String?

    /// No wishes.
    init() {}

    /// The wishes of a request; what filters do not know is left out.
    init(_ hints: JSON?) {
        func text(_ name: String) -> String? { hints?[name]?.string ?? hints?[name]?.array?.first?.string }
        func texts(_ name: String) -> [String] { hints?[name]?.array?.compactMap(\.string) ?? hints?[name]?.string.map { [$0] } ?? [] }
        (group, buildNearHostAddress, cidr) = (text("group"), text("build_near_host_ip"), text("cidr"))
        (sameHost, differentHost) = (texts("same_host"), texts("different_host"))
        query = hints?["query"]?.string ?? hints?["query"]?.text
    }
}

/// A host that was found, with what is to be claimed there.
struct HostChoice: Sendable, Hashable, Codable {
    /// The hypervisor's UUID, which is also its resource provider's.
    var hostID: String
    /// The host's name.
    var host: String
    /// What is claimed, by provider and resource class.
    var claims: [String: [String: Int]]
    /// The providers that serve each port's request, by the request's id.
    var portProviders: [String: [String]] = [:]

    /// Which provider serves each of the ports' requests.
    var portAllocations: [String: String] { portProviders.compactMapValues(\.first) }
}

extension ServerDetails {
    /// The host that the server's creation named.
    var destination: SchedulingRequest.Destination? {
        get {
            requestedHost.flatMap { Stored<SchedulingRequest.Destination>(sqlValue: .text($0))?.value }
        }
        set {
            guard let newValue, case .text(let text) = Stored(newValue).sqlValue else { return requestedHost = nil }
            requestedHost = text
        }
    }
}

/// The forms of a create request's `availability_zone`: `zone`, `zone:host`, `zone:host:node` and `zone::node`.
struct RequestedZone: Sendable, Hashable {
    /// The zone; nil when only a host was named (`:host`).
    var zone: String?
    /// The host; nil when none was named.
    var host: String?
    /// The hypervisor; nil when none was named.
    var node: String?

    /// - Throws: 400 for more than two colons, as upstream.
    init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: .max, omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3 else { throw ComputeError.badRequest("Unable to parse availability_zone \(text)") }
        func part(_ place: Int) -> String? { parts.indices.contains(place) && !parts[place].isEmpty ? parts[place] : nil }
        (zone, host, node) = (part(0), part(1), part(2))
    }

    /// The host that is forced; nil when the zone alone was named. Naming one needs `servers:create:forced_host`.
    var destination: SchedulingRequest.Destination? {
        host == nil && node == nil ? nil : .forced(host: host, hypervisorHostName: node)
    }
}
