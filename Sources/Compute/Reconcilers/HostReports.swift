import CloudBus
import CloudCore
import CloudStore
import ComputeMessages

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
        return service
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

    /// Takes over what a hypervisor says of its guests' power. Servers with a workflow under way are left alone.
    func observe(_ guests: [GuestStatus], host: String) async throws {
        let known = try await compute.database.read { try ServerRecords.onHost(host, in: $0) }
        let servers = Dictionary(uniqueKeysWithValues: known.map { ($0.id, $0) })
        let changed = guests.filter { guest in
            guard let server = servers[guest.id], server.task == nil else { return false }
            return server.power != guest.power && server.state != .error && server.state != .building
        }
        guard !changed.isEmpty else { return }
        try await compute.database.write { transaction in
            for guest in changed {
                try ServerRecords.change(guest.id, in: transaction) { server in
                    guard server.task == nil, server.host == host else { return }
                    if server.state.followsPower { server.settle(power: guest.power) } else { server.power = guest.power }
                }
            }
        }
    }
}

extension Compute.Parts {
    /// What a host and its driver can do, as traits.
    func traits(of host: ComputeHost) -> Set<String> { Set(host.details.traits).union(["COMPUTE_NODE"]) }

    /// What a host offers to placement.
    func inventories(of host: ComputeHost) -> [HostResource] {
        [
            HostResource(resourceClass: "VCPU", total: host.vcpus, reserved: 0, allocationRatio: options.cpuAllocationRatio),
            HostResource(
                resourceClass: "MEMORY_MB", total: host.memoryMiB, reserved: min(options.reservedHostMemoryMiB, host.memoryMiB),
                allocationRatio: options.memoryAllocationRatio),
            HostResource(
                resourceClass: "DISK_GB", total: host.diskGiB, reserved: 0, allocationRatio: options.diskAllocationRatio),
        ].filter { $0.total > 0 }
    }
}
