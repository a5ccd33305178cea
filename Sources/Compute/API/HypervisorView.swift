import CloudAPI
import CloudCore
import CloudStore

/// What hypervisors are used for, read once for all that an answer shows.
struct HypervisorUsage: Sendable {
    private let loads: [String: HostLoadRecords.Load]
    private let given: [String: [String: Int]]
    private let reservedMemoryMiB: Int

    init(_ hosts: [ComputeHost], _ compute: Compute.Parts, in reader: any Reader) throws {
        loads = try HostLoadRecords.loads(of: hosts.map(\.name), in: reader)
        given = try compute.placement.usage(providers: hosts.map(\.id), in: reader)
        reservedMemoryMiB = compute.options.reservedHostMemoryMiB
    }

    /// Processors given to servers.
    func vcpus(_ host: ComputeHost) -> Int { (given[host.id]?["VCPU"] ?? 0) + (given[host.id]?["PCPU"] ?? 0) }
    /// Memory in MiB given to servers, and what the host keeps for itself.
    func memoryMiB(_ host: ComputeHost) -> Int { (given[host.id]?["MEMORY_MB"] ?? 0) + min(reservedMemoryMiB, host.memoryMiB) }
    /// Disk in GiB given to servers.
    func diskGiB(_ host: ComputeHost) -> Int { given[host.id]?["DISK_GB"] ?? 0 }
    /// Servers there.
    func servers(_ host: ComputeHost) -> Int { loads[host.name]?.servers ?? 0 }
    /// Servers that something is being done to.
    func workload(_ host: ComputeHost) -> Int { loads[host.name]?.workload ?? 0 }
    /// Disk in GiB that may still be filled: what files do not take yet.
    func leastFreeDisk(_ host: ComputeHost) -> Int? { host.details.usedDiskGiB.map { max(0, host.diskGiB - $0) } }
}

/// A hypervisor as a microversion shows it.
struct HypervisorView: Sendable {
    let request: APIRequest
    let isUp: @Sendable (ComputeHost) -> Bool
    /// What is shown in detail; nil for the short form.
    var usage: HypervisorUsage?
    /// The servers of each host; nil where they are not asked for.
    var servers: [String: [(id: String, name: String)]]?

    func write(_ host: ComputeHost, uptime: Bool = false, to json: inout JSONWriter) {
        json.object {
            if request.isAtLeast(53) { $0.member("id", host.id) } else { $0.member("id", host.number) }
            $0.member("hypervisor_hostname", host.hypervisorHostName)
            $0.member("state", isUp(host) ? "up" : "down")
            $0.member("status", host.isDisabled ? "disabled" : "enabled")
            if let usage { writeDetail(host, usage, to: &$0) }
            if uptime { $0.member("uptime", host.details.uptime) }
            writeServers(host, to: &$0)
        }
    }

    private func writeDetail(_ host: ComputeHost, _ usage: HypervisorUsage, to json: inout JSONWriter) {
        json.member("hypervisor_type", host.hypervisorType)
        json.member("hypervisor_version", host.hypervisorVersion)
        json.member("host_ip", host.details.address)
        json.member("service") {
            $0.object {
                if request.isAtLeast(53) { $0.member("id", host.serviceID) } else { $0.member("id", host.number) }
                $0.member("host", host.name)
                $0.member("disabled_reason", host.disabledReason)
            }
        }
        guard !request.isAtLeast(88) else { return json.member("uptime", isUp(host) ? host.details.uptime : nil) }
        writeAmounts(HypervisorTotals([host], usage), to: &json)
        // Text in early microversions, the document itself from 2.28 on.
        if request.isAtLeast(28) {
            json.member("cpu_info", JSON(sqlValue: .text(host.cpuInfo)) ?? [:])
        } else {
            json.member("cpu_info", host.cpuInfo)
        }
    }

    private func writeAmounts(_ totals: HypervisorTotals, to json: inout JSONWriter) {
        for (name, amount) in totals.members { json.member(name, amount) }
        json.member("disk_available_least", totals.leastFreeDisk)
    }

    private func writeServers(_ host: ComputeHost, to json: inout JSONWriter) {
        guard let servers else { return }
        let own = servers[host.name] ?? []
        // Before 2.75 a host without servers has no such member.
        guard !own.isEmpty || request.isAtLeast(75) else { return }
        json.member("servers") { json in
            json.array { json in
                for server in own {
                    json.object {
                        $0.member("name", server.name)
                        $0.member("uuid", server.id)
                    }
                }
            }
        }
    }
}

/// Amounts of several hypervisors together.
struct HypervisorTotals: Sendable {
    /// The amounts under the API's names.
    private(set) var members: [(name: String, amount: Int)]
    /// Disk that may still be filled; nil where no host told.
    let leastFreeDisk: Int?

    init(_ hosts: [ComputeHost], _ usage: HypervisorUsage) {
        func sum(_ amount: (ComputeHost) -> Int) -> Int { hosts.reduce(0) { $0 + amount($1) } }
        members = [
            ("vcpus", sum(\.vcpus)), ("memory_mb", sum(\.memoryMiB)), ("local_gb", sum(\.diskGiB)),
            ("vcpus_used", sum(usage.vcpus)), ("memory_mb_used", sum(usage.memoryMiB)), ("local_gb_used", sum(usage.diskGiB)),
            ("free_ram_mb", sum { $0.memoryMiB - usage.memoryMiB($0) }), ("free_disk_gb", sum { $0.diskGiB - usage.diskGiB($0) }),
            ("current_workload", sum(usage.workload)), ("running_vms", sum(usage.servers)),
        ]
        let least = hosts.compactMap(usage.leastFreeDisk)
        leastFreeDisk = least.isEmpty ? nil : least.reduce(0, +)
    }
}
