import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What compute hears from its agents.
struct HostReports: Sendable {
    let compute: Compute.Parts

    /// The handlers to serve at the controllers' topic.
    var service: BusService {
        var service = BusService()
        service.on(HostReport.self) { report, _ in
            try await record(report)
            return BusNothing()
        }
        service.on(GuestEvent.self) { event, _ in
            try await observe([event.status], host: event.host)
            return BusNothing()
        }
        service.on(DescribeGuest.self) { request, _ in try await describe(request) }
        return service
    }

    /// A guest with what unlocks its volumes, for the host that it is on and no other, and not while it is evacuated from there.
    private func describe(_ request: DescribeGuest) async throws -> GuestSpecification {
        let (server, leaves) = try await compute.database.read { reader in
            (
                try ServerRecords.find(request.id, in: reader),
                try MigrationRecords.open(server: request.id, in: reader).contains { $0.kind == .evacuation }
            )
        }
        guard let server, server.host == request.host, !leaves, let guest = try await compute.guest(request.id) else {
            throw BusError.remote(code: GuestFailureCode.guestNotFound.rawValue, message: "No such server is on host \(request.host).")
        }
        return guest
    }

    /// A host is alive: its row, its inventories in placement, and the power of its guests.
    func record(_ report: HostReport) async throws {
        let inventory = report.inventory
        try await compute.database.write { [compute] transaction in
            let (host, changed) = try HostRecords.report(
                inventory, downTime: compute.options.serviceDownTime, at: .now, in: transaction)
            guard changed else { return }
            try compute.placement.report(
                provider: host.id, name: host.hypervisorHostName, inventories: compute.inventories(of: host),
                traits: compute.traits(of: host), in: transaction)
        }
        try await observe(report.guests, host: inventory.host)
    }

    /// Takes over what a hypervisor says of its guests' power. Servers with a workflow under way are left alone. A report may
    /// be older than what was done since: before a server's state follows from it the host is asked again.
    func observe(_ guests: [GuestStatus], host: String) async throws {
        let known = try await compute.database.read { try ServerRecords.onHost(host, in: $0) }
        let servers = Dictionary(uniqueKeysWithValues: known.map { ($0.id, $0) })
        let changed = guests.filter { guest in
            guard let server = servers[guest.id], server.task == nil, server.state != .building else { return false }
            return server.power != guest.power || PowerSync(server.state, guest.power) != .note
        }
        guard !changed.isEmpty else { return }
        let isGrave = changed.contains { PowerSync(servers[$0.id]?.state ?? .building, $0.power) != .note }
        let certain = isGrave ? try await ask(host) : changed
        let ids = Set(changed.map(\.id))
        try await compute.database.write { transaction in
            for guest in certain where ids.contains(guest.id) {
                try follow(guest, since: servers[guest.id], host: host, in: transaction)
            }
        }
    }

    private func ask(_ host: String) async throws -> [GuestStatus] {
        try await compute.bus.call(ListGuests(), to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(30))
    }

    /// Follows what a host says of a guest, unless the server has changed since.
    private func follow(
        _ guest: GuestStatus, since before: Server?, host: String, in transaction: any Transaction
    ) throws {
        guard var server = try ServerRecords.find(guest.id, in: transaction), server.task == nil, server.host == host,
            server.updatedAt == before?.updatedAt
        else { return }
        server.power = guest.power
        switch PowerSync(server.state, guest.power) {
        case .note: break
        case .stopped: server.state = .stopped
        case .stopAgain: try stopAgain(&server, host: host, in: transaction)
        }
        try ServerRecords.update(server, in: transaction)
    }

    /// Begins to stop a guest that its owner has stopped.
    private func stopAgain(_ server: inout Server, host: String, in transaction: any Transaction) throws {
        do {
            try compute.workflows.start(
                PowerWorkflow(compute: compute).workflow,
                PowerChange(serverID: server.id, requestID: nil, host: host, action: .stop, formerPower: server.power),
                subject: server.subject, requestID: nil, in: transaction)
        } catch is WorkflowBusy {
            // What is just coming to its end will have its own say; the next report tells what is left to do.
            return
        }
        server.task = .poweringOff
        compute.logger.notice("stopping a guest that runs though its server is stopped", metadata: ["server": "\(server.id)"])
    }
}

extension Compute.Parts {
    /// What a host and its driver can do, as traits.
    func traits(of host: ComputeHost) -> Set<String> { Set(host.details.traits).union(["COMPUTE_NODE"]) }

    /// What a host offers to placement.
    func inventories(of host: ComputeHost) -> [HostResource] {
        [
            HostResource(
                resourceClass: "VCPU", total: host.details.sharedProcessors ?? host.vcpus, reserved: 0,
                allocationRatio: options.cpuAllocationRatio),
            HostResource(resourceClass: "PCPU", total: host.details.dedicated.count, reserved: 0, allocationRatio: 1),
            HostResource(
                resourceClass: "MEMORY_MB", total: host.memoryMiB, reserved: min(options.reservedHostMemoryMiB, host.memoryMiB),
                allocationRatio: options.memoryAllocationRatio),
            HostResource(
                resourceClass: "DISK_GB", total: host.diskGiB, reserved: 0, allocationRatio: options.diskAllocationRatio),
        ].filter { $0.total > 0 }
    }
}
