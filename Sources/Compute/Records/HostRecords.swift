import CloudCore
import CloudStore
import ComputeMessages

/// The compute hosts' rows.
enum HostRecords {
    private static let columns: SQL = """
        service_id, id, name, hypervisor_type, hypervisor_version, vcpus, memory_mib, disk_gib, cpu_info, is_disabled, \
        disabled_reason, is_forced_down, seen_at, created_at, number, uptime, details
        """

    private static func host(_ row: borrowing Row) throws -> ComputeHost {
        ComputeHost(
            serviceID: try row[0], id: try row[1], name: try row[2], hypervisorType: try row[3], hypervisorVersion: try row[4],
            vcpus: try row[5], memoryMiB: try row[6], diskGiB: try row[7], cpuInfo: try row[8], isDisabled: try row[9],
            disabledReason: try row[10], isForcedDown: try row[11], seenAt: try row[12], createdAt: try row[13],
            number: try row[14], details: ComputeHost.Details(try row[16], uptime: try row[15]))
    }

    /// Every host by name.
    static func all(in reader: any Reader) throws -> [ComputeHost] {
        try reader.all("SELECT \(columns) FROM compute_hosts ORDER BY name", host)
    }

    /// A host by its name.
    static func find(name: String, in reader: any Reader) throws -> ComputeHost? {
        try reader.first("SELECT \(columns) FROM compute_hosts WHERE name = \(name)", host)
    }

    /// A host by its service's UUID, or before microversion 2.53 its number.
    static func find(service id: String, in reader: any Reader) throws -> ComputeHost? {
        try reader.first("SELECT \(columns) FROM compute_hosts WHERE service_id = \(id)", host)
    }

    /// A host by its hypervisor's UUID.
    static func find(id: String, in reader: any Reader) throws -> ComputeHost? {
        try reader.first("SELECT \(columns) FROM compute_hosts WHERE id = \(id)", host)
    }

    /// A host by its number.
    static func find(number: Int, in reader: any Reader) throws -> ComputeHost? {
        try reader.first("SELECT \(columns) FROM compute_hosts WHERE number = \(number)", host)
    }

    /// The hosts that have changed since a number of changes.
    static func changed(since number: Int, in reader: any Reader) throws -> [ComputeHost] {
        try reader.all("SELECT \(columns) FROM compute_hosts WHERE change > \(number) ORDER BY name", host)
    }

    /// When each host was last heard of, by its id.
    static func lastSeen(in reader: any Reader) throws -> [String: Timestamp] {
        var moments: [String: Timestamp] = [:]
        try reader.forEach("SELECT id, seen_at FROM compute_hosts") { moments[try $0[0]] = try $0[1] }
        return moments
    }

    /// Records an agent's report, with the host itself at its first.
    /// - Returns: the host, and whether what it offers has changed.
    static func report(
        _ inventory: HostInventory, downTime: Duration, at moment: Timestamp, in transaction: any Transaction
    ) throws -> (host: ComputeHost, changed: Bool) {
        guard let known = try find(name: inventory.host, in: transaction) else {
            var host = ComputeHost(
                serviceID: Identifier.passing(), id: Identifier.passing(), name: inventory.host,
                hypervisorType: inventory.hypervisorType, hypervisorVersion: inventory.hypervisorVersion,
                vcpus: inventory.vcpus, memoryMiB: inventory.memoryMiB, diskGiB: inventory.diskGiB,
                cpuInfo: inventory.cpuInfo, isDisabled: false, disabledReason: nil, isForcedDown: false,
                seenAt: moment, createdAt: moment, number: try NumberRecords.next("host", in: transaction))
            host.details = inventory.details
            try insert(host, in: transaction)
            return (host, true)
        }
        var host = known
        (host.hypervisorType, host.hypervisorVersion) = (inventory.hypervisorType, inventory.hypervisorVersion)
        (host.vcpus, host.memoryMiB, host.diskGiB) = (inventory.vcpus, inventory.memoryMiB, inventory.diskGiB)
        (host.cpuInfo, host.details) = (inventory.cpuInfo, inventory.details)
        let changed = host.differs(from: known)
        host.seenAt = moment
        if changed || known.seenAt + downTime <= moment {
            try update(host, in: transaction)
        } else {
            try transaction.execute(
                "UPDATE compute_hosts SET seen_at = \(moment), uptime = \(host.details.uptime) WHERE id = \(host.id)")
        }
        return (host, changed)
    }

    private static func insert(_ host: ComputeHost, in transaction: any Transaction) throws {
        let change = try HostChangeRecords.note(.hosts, in: transaction)
        try transaction.execute(
            """
            INSERT INTO compute_hosts (\(columns), change) VALUES (
                \(host.serviceID), \(host.id), \(host.name), \(host.hypervisorType), \(host.hypervisorVersion),
                \(host.vcpus), \(host.memoryMiB), \(host.diskGiB), \(host.cpuInfo), \(host.isDisabled),
                \(host.disabledReason), \(host.isForcedDown), \(host.seenAt), \(host.createdAt), \(host.number),
                \(host.details.uptime), \(host.details.json), \(change))
            """)
    }

    /// Saves what may change of a host.
    static func update(_ host: ComputeHost, in transaction: any Transaction) throws {
        let change = try HostChangeRecords.note(.hosts, in: transaction)
        try transaction.execute(
            """
            UPDATE compute_hosts SET hypervisor_type = \(host.hypervisorType), hypervisor_version = \(host.hypervisorVersion),
                vcpus = \(host.vcpus), memory_mib = \(host.memoryMiB), disk_gib = \(host.diskGiB), cpu_info = \(host.cpuInfo),
                is_disabled = \(host.isDisabled), disabled_reason = \(host.disabledReason),
                is_forced_down = \(host.isForcedDown), seen_at = \(host.seenAt), uptime = \(host.details.uptime),
                details = \(host.details.json), change = \(change)
            WHERE id = \(host.id)
            """)
    }

    /// Removes a host.
    static func delete(_ host: ComputeHost, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_hosts WHERE id = \(host.id)")
        try HostChangeRecords.note(.removals, in: transaction)
    }
}

extension ComputeHost {
    /// Whether anything but the moments of its reports and its uptime is different.
    fileprivate func differs(from other: ComputeHost) -> Bool {
        var same = other
        (same.seenAt, same.details.uptime, same.details.usedDiskGiB) = (seenAt, details.uptime, details.usedDiskGiB)
        return self != same
    }
}

extension HostInventory {
    /// What the report tells beyond the host's size.
    fileprivate var details: ComputeHost.Details {
        var details = ComputeHost.Details()
        details.hypervisorHostName = hypervisorHostName == host ? nil : hypervisorHostName
        (details.address, details.uptime, details.traits) = (hostAddress, uptime, traits.sorted())
        (details.supportedInstances, details.usedDiskGiB) = (supportedInstances, usedDiskGiB)
        (details.dedicated, details.freeDedicated) = (dedicatedProcessors, freeDedicatedProcessors)
        (details.sharedProcessors, details.freeDevices) = (sharedProcessors?.count, freeDevices)
        details.cells = cells.map { cell in
            ComputeHost.Cell(id: cell.id, processors: cell.processors, memoryMiB: cell.memoryMiB, hugePages: cell.hugePages)
        }
        return details
    }
}

/// Numbers that stand for things in old microversions. None is given twice.
enum NumberRecords {
    /// The next number of a kind.
    static func next(_ kind: String, in transaction: any Transaction) throws -> Int {
        try transaction.execute(
            """
            INSERT INTO compute_numbers (kind, last) VALUES (\(kind), 1)
            ON CONFLICT (kind) DO UPDATE SET last = compute_numbers.last + 1
            """)
        return try transaction.scalar("SELECT last FROM compute_numbers WHERE kind = \(kind)") ?? 1
    }
}

/// Counts changes of what the scheduler keeps in memory of hosts.
enum HostChangeRecords {
    /// What changes.
    enum Kind: String, Sendable, SQLConvertible {
        /// A host appeared, or something about it other than when it was last heard of.
        case hosts
        /// A host is no more.
        case removals
        /// An aggregate, its metadata or its hosts.
        case aggregates
    }

    /// Counts a change.
    /// - Returns: the number it has.
    @discardableResult
    static func note(_ kind: Kind, in transaction: any Transaction) throws -> Int {
        try transaction.execute(
            """
            INSERT INTO compute_host_changes (kind, number) VALUES (\(kind), 1)
            ON CONFLICT (kind) DO UPDATE SET number = compute_host_changes.number + 1
            """)
        return try transaction.scalar("SELECT number FROM compute_host_changes WHERE kind = \(kind)") ?? 0
    }

    /// How many changes there were of each kind.
    static func numbers(in reader: any Reader) throws -> [Kind: Int] {
        var numbers: [Kind: Int] = [:]
        try reader.forEach("SELECT kind, number FROM compute_host_changes") { numbers[try $0[0]] = try $0[1] }
        return numbers
    }
}
