import CloudCore
import CloudStore

/// Where a server is to go.
struct MoveWish: Codable, Sendable, Hashable {
    /// The flavor it gets; nil to keep its own.
    var flavor: Flavor?
    /// The host that was asked for; nil for any.
    var host: String?
    /// Whether the filters have no say about that host.
    var isForced = false
    /// The hosts it must not go to.
    var excludedHosts: [String] = []

    /// What is asked of the scheduler.
    func request(for server: Server) -> SchedulingRequest {
        var request = SchedulingRequest(server: server)
        if let flavor { request.flavor = flavor }
        if let host { request.destination = isForced ? .forced(host: host) : .requested(host: host) }
        request.excludedHosts = excludedHosts
        return request
    }
}

extension Compute.Parts {
    /// Whether a host's agent has reported lately; nil for an unknown host.
    func isUp(_ host: String, in reader: any Reader) throws -> Bool? { try HostRecords.find(name: host, in: reader).map(isUp) }

    /// Hands what a server has to its migration, and claims its room on one of the hosts that were chosen.
    /// - Returns: that host; nil when none has room any more. The transaction must then be given up.
    func claim(_ state: MoveState, for server: Server, in transaction: any Transaction) throws -> HostChoice? {
        let migration = ResourceConsumer(
            id: state.migrationID, kind: .migration, projectID: server.projectID, userID: server.userID)
        try placement.move(from: server.id, to: migration, in: transaction)
        return try Scheduler(compute: self).claim(state.choices, for: state.request(for: server), in: transaction)
    }

    /// Binds a server's ports to another host, where other providers serve what they need.
    /// - Parameter providers: which, by the ports' requests.
    /// - Returns: which did before.
    @discardableResult
    func rebind(
        _ server: String, to host: String, _ providers: [String: String]?, in transaction: any Transaction
    ) throws -> [String: String] {
        try networking.rebind(server: server, host: host, in: transaction)
        guard let providers, !providers.isEmpty else { return [:] }
        return try networking.allocate(providers, server: server, in: transaction)
    }

    /// Gives up what a server claimed on the host that it does not go to, and gives it back what its migration holds.
    func unclaim(_ server: Server, migration uuid: String, in transaction: any Transaction) throws {
        guard try !placement.claims(of: uuid, in: transaction).isEmpty else { return }
        let consumer = ResourceConsumer(id: server.id, projectID: server.projectID, userID: server.userID)
        try placement.move(from: uuid, to: consumer, in: transaction)
    }
}
