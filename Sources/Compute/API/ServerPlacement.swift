import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Where a create request wants its servers: zone, host, hints and group, checked as far as upstream checks them before
/// it accepts. `apply` writes it into a server, from where `SchedulingRequest` and the build take it; `join` makes the
/// servers members of their group in the transaction that accepts them.
struct ServerPlacement: Sendable {
    private(set) var zone: String?
    private(set) var destination: SchedulingRequest.Destination?
    private(set) var hints = SchedulerHints()
    /// The hints as the client sent them, which later microversions show.
    private(set) var hintsText: String?

    /// Reads what a request says, with the rules for naming a host.
    /// - Throws: 400 for a zone, host or group that is not there; 403 for hosts named by whom the rules do not let.
    static func read(_ request: APIRequest, _ compute: Compute.Parts) async throws -> ServerPlacement {
        var placement = ServerPlacement()
        let body = request.body["server"] ?? .null
        try placement.readZone(body["availability_zone"]?.string, request)
        try placement.readHost(body, request)
        if let hints = request.body["os:scheduler_hints"] ?? request.body["OS-SCH-HNT:scheduler_hints"] {
            (placement.hints, placement.hintsText) = (SchedulerHints(hints), hints.text)
        }
        let checked = placement
        if checked.namesSomething { try await compute.database.read { try checked.check(request, compute, in: $0) } }
        return placement
    }

    /// Whether there is anything to look up.
    private var namesSomething: Bool { zone != nil || destination != nil || hints.group != nil }

    private mutating func readZone(_ text: String?, _ request: APIRequest) throws {
        guard let text, !text.isEmpty else { return }
        let wanted = try RequestedZone(text)
        (zone, destination) = (wanted.zone, wanted.destination)
        if destination != nil { try request.require("os_compute_api:servers:create:forced_host", request.callerTarget) }
    }

    private mutating func readHost(_ body: JSON, _ request: APIRequest) throws {
        let (host, node) = (body["host"]?.string, body["hypervisor_hostname"]?.string)
        guard host != nil || node != nil, request.isAtLeast(74) else { return }
        try request.require("compute:servers:create:requested_destination", request.callerTarget)
        guard destination == nil else {
            throw ComputeError.badRequest(
                "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.")
        }
        destination = .requested(host: host, hypervisorHostName: node)
    }

    private func check(_ request: APIRequest, _ compute: Compute.Parts, in reader: any Reader) throws {
        let zones = try compute.zones(in: reader)
        if let zone, destination == nil || !isForced, !zones.isAvailable(zone) {
            throw ComputeError.badRequest("The requested availability zone is not available")
        }
        if let destination, !isForced {
            let isKnown = zones.snapshot.hosts.contains { host in
                (destination.host.map { $0 == host.name } ?? true)
                    && (destination.hypervisorHostName.map { $0 == host.hypervisorHostName } ?? true)
            }
            guard isKnown else {
                let name = destination.host ?? destination.hypervisorHostName ?? ""
                throw ComputeError.badRequest("Compute host \(name) could not be found.")
            }
        }
        guard let id = hints.group else { return }
        guard let group = try ServerGroupRecords.find(id, in: reader),
            group.projectID == request.token?.projectID || request.token?.isAdmin == true
        else { throw ComputeError.badRequest("Instance group \(id) could not be found.") }
    }

    private var isForced: Bool { if case .forced = destination { true } else { false } }

    /// Writes it into a server.
    func apply(to server: inout Server) {
        server.availabilityZone = zone
        server.details.schedulerHints = hintsText
        server.details.destination = destination
    }

    /// Makes servers members of the group, once their rows are there.
    /// - Throws: 403 when the group would have more members than the quota allows.
    func join(_ servers: [Server], _ allowance: ComputeAllowance, in transaction: any Transaction) throws {
        guard let group = hints.group else { return }
        let maximum = try allowance.maximumGroupMembers(in: transaction)
        try ServerGroupRecords.join(servers.map(\.id), group: group, maximum: maximum, in: transaction)
    }
}
