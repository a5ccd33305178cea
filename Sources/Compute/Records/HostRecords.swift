import CloudCore
import CloudStore
import ComputeMessages

/// The compute hosts' rows.
enum HostRecords {
    private static let columns: SQL = """
        service_id, id, name, hypervisor_type, hypervisor_version, vcpus, memory_mib, disk_gib, cpu_info, is_disabled, \
        disabled_reason, is_forced_down, seen_at, created_at
        """

    private static func host(_ row: borrowing Row) throws -> ComputeHost {
        ComputeHost(
            serviceID: try row[0], id: try row[1], name: try row[2], hypervisorType: try row[3], hypervisorVersion: try row[4],
            vcpus: try row[5], memoryMiB: try row[6], diskGiB: try row[7], cpuInfo: try row[8], isDisabled: try row[9],
            disabledReason: try row[10], isForcedDown: try row[11], seenAt: try row[12], createdAt: try row[13])
    }

    /// Every host by name.
    static func all(in reader: any Reader) throws -> [ComputeHost] {
        var hosts = try reader.all("SELECT \(columns) FROM compute_hosts ORDER BY created_at, id", host)
        for position in hosts.indices { hosts[position].number = position + 1 }
        return hosts.sorted { $0.name < $1.name }
    }

    /// A host by its name.
    static func find(name: String, in reader: any Reader) throws -> ComputeHost? {
        try reader.first("SELECT \(columns) FROM compute_hosts WHERE name = \(name)", host)
    }

    /// The hosts of these providers.
    static func find(ids: [String], in reader: any Reader) throws -> [ComputeHost] {
        try reader.all("SELECT \(columns) FROM compute_hosts WHERE id IN \(in: ids)", host)
    }

    /// Records an agent's report, with the host itself at its first.
    /// - Returns: the host, and whether what it offers has changed.
    static func report(
        _ inventory: HostInventory, at moment: Timestamp, in transaction: any Transaction
    ) throws -> (host: ComputeHost, changed: Bool) {
        guard var host = try find(name: inventory.host, in: transaction) else {
            let host = ComputeHost(
                serviceID: Identifier.uuid(), id: Identifier.uuid(), name: inventory.host,
                hypervisorType: inventory.hypervisorType, hypervisorVersion: inventory.hypervisorVersion,
                vcpus: inventory.vcpus, memoryMiB: inventory.memoryMiB, diskGiB: inventory.diskGiB,
                cpuInfo: inventory.cpuInfo, isDisabled: false, disabledReason: nil, isForcedDown: false,
                seenAt: moment, createdAt: moment)
            try insert(host, in: transaction)
            return (host, true)
        }
        let changed = host.vcpus != inventory.vcpus || host.memoryMiB != inventory.memoryMiB || host.diskGiB != inventory.diskGiB
        (host.hypervisorType, host.hypervisorVersion) = (inventory.hypervisorType, inventory.hypervisorVersion)
        (host.vcpus, host.memoryMiB, host.diskGiB) = (inventory.vcpus, inventory.memoryMiB, inventory.diskGiB)
        (host.cpuInfo, host.seenAt) = (inventory.cpuInfo, moment)
        try update(host, in: transaction)
        return (host, changed)
    }

    private static func insert(_ host: ComputeHost, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_hosts (\(columns)) VALUES (
                \(host.serviceID), \(host.id), \(host.name), \(host.hypervisorType), \(host.hypervisorVersion),
                \(host.vcpus), \(host.memoryMiB), \(host.diskGiB), \(host.cpuInfo), \(host.isDisabled),
                \(host.disabledReason), \(host.isForcedDown), \(host.seenAt), \(host.createdAt))
            """)
    }

    /// Saves what may change of a host.
    static func update(_ host: ComputeHost, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_hosts SET hypervisor_type = \(host.hypervisorType), hypervisor_version = \(host.hypervisorVersion),
                vcpus = \(host.vcpus), memory_mib = \(host.memoryMiB), disk_gib = \(host.diskGiB), cpu_info = \(host.cpuInfo),
                is_disabled = \(host.isDisabled), disabled_reason = \(host.disabledReason),
                is_forced_down = \(host.isForcedDown), seen_at = \(host.seenAt)
            WHERE id = \(host.id)
            """)
    }
}
