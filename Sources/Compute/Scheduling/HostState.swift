import CloudCore
import CloudStore

/// A candidate as filters and weighers see it.
struct HostState: Sendable {
    /// Shared, because a state is copied often.
    let known: KnownHost
    var host: ComputeHost { known.host }
    var aggregates: [Aggregate] { known.aggregates }
    /// What it has left, without what is on its way to it.
    let room: HostCandidates.Room
    /// How many servers keep its disks busy, with those on their way.
    let diskWork: Int
    /// How many servers it has; counted only where a filter or a weigher asks for it.
    let servers: Int
    /// How many builds failed there one after the other.
    let buildFailures: Int
    /// Its place among the candidates.
    let place: Int

    /// How many devices that one guest alone may have are free. Servers that ask for none shall leave them to those that do.
    var freeDevices: Int { host.details.freeDevices.values.reduce(0, +) }

    /// The values that the host's aggregates have for a metadata item.
    func values(_ key: String) -> [String] { aggregates.compactMap { $0.metadata[key] } }

    /// The metadata of its aggregates together, with values taken apart at commas.
    var metadata: [String: Set<String>] {
        var metadata: [String: Set<String>] = [:]
        for aggregate in aggregates {
            for (key, value) in aggregate.metadata {
                metadata[key, default: []].formUnion(value.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed))
            }
        }
        return metadata
    }

    /// The least of the numbers that aggregates have for an item; the fallback when there is none, or one is no number.
    func least<Number: LosslessStringConvertible & Comparable>(_ key: String, fallback: Number) -> Number {
        let texts = values(key)
        let numbers = texts.compactMap { Number($0.trimmed) }
        guard numbers.count == texts.count, let least = numbers.min() else { return fallback }
        return least
    }

    /// What upstream's host states have under a name, for filters that compare by names.
    func capability(_ path: [Substring]) -> JSON? {
        guard let name = path.first else { return nil }
        var value: JSON? = switch name {
        case "host": .string(host.name)
        case "nodename", "hypervisor_hostname": .string(host.hypervisorHostName)
        case "uuid": .string(host.id)
        case "host_ip": .string(host.details.address)
        case "hypervisor_type": .string(host.hypervisorType)
        case "hypervisor_version": .int(host.hypervisorVersion)
        case "vcpus_total": .int(host.vcpus)
        case "vcpus_used": .int(max(0, host.vcpus - room.vcpus))
        case "total_usable_ram_mb": .int(host.memoryMiB)
        case "free_ram_mb": .int(room.memoryMiB)
        case "total_usable_disk_gb": .int(host.diskGiB)
        case "free_disk_mb": .int(room.diskGiB * 1024)
        case "disk_mb_used": .int(max(0, host.diskGiB - room.diskGiB) * 1024)
        case "num_instances": .int(servers)
        case "num_io_ops": .int(diskWork)
        case "failed_builds": .int(buildFailures)
        case "cpu_info": JSON(sqlValue: .text(host.cpuInfo))
        default: nil
        }
        for step in path.dropFirst() { value = value?[String(step)] }
        return value
    }
}

extension StringProtocol {
    /// The text without white space at its ends.
    var trimmed: String {
        var rest = self[...].drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}

/// What filters and weighers know of the request, read once for all hosts.
struct SchedulingContext: Sendable {
    let request: SchedulingRequest
    let options: ComputeOptions
    /// The server's group.
    var group: ServerGroup?
    /// How many other members of the group each host has, by the host's name.
    var members: [String: Int] = [:]
    /// The host the server is on; nil for a new one.
    var currentHost: String?
    /// The hosts of the servers that hints name.
    var sameHosts: Set<String> = []
    var differentHosts: Set<String> = []
    /// The items of aggregates' metadata that override how much a quality of their hosts counts.
    var overriddenWeights: Set<String> = []
    /// What the flavor asks of the hosts' capabilities: the path of each, and the condition.
    let capabilities: [(path: [Substring], isOptional: Bool, condition: String)]
    let now = Timestamp.now

    /// A request without a group, for a new server.
    init(_ request: SchedulingRequest, _ options: ComputeOptions) {
        (self.request, self.options) = (request, options)
        capabilities = request.flavor.extraSpecs.compactMap(Self.capability)
    }

    /// Extra specs without a scope, or in the scope `capabilities`, hold against what hosts say of themselves; those
    /// without a scope only where hosts say it.
    private static func capability(_ key: String, _ wanted: String) -> (path: [Substring], isOptional: Bool, condition: String)? {
        if key == "hw:maxphysaddr_bits" { return (["cpu_info", "maxphysaddr", "bits"], false, ">= " + wanted) }
        let path = key.split(separator: ":", omittingEmptySubsequences: false)
        if path.count == 1 { return (path, true, wanted) }
        return path[0] == "capabilities" ? (Array(path.dropFirst()), false, wanted) : nil
    }

    /// Reads what the request's group and hints come to.
    init(_ request: SchedulingRequest, _ options: ComputeOptions, in reader: any Reader) throws {
        self.init(request, options)
        currentHost = try HostLoadRecords.hosts(of: [request.serverID], in: reader)[request.serverID]
        group = try ServerGroupRecords.find(member: request.serverID, in: reader)
        if group == nil, let id = request.hints.group { group = try ServerGroupRecords.find(id, in: reader) }
        if let group {
            members = try Self.members(of: group, without: request.serverID, in: reader)
        }
        let hints = request.hints
        if !hints.sameHost.isEmpty { sameHosts = Set(try HostLoadRecords.hosts(of: hints.sameHost, in: reader).values) }
        if !hints.differentHost.isEmpty {
            differentHosts = Set(try HostLoadRecords.hosts(of: hints.differentHost, in: reader).values)
        }
    }

    /// How many members each host has, by its name.
    static func members(of group: ServerGroup, without server: String, in reader: any Reader) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for member in try ServerGroupRecords.members(of: [group.id], in: reader)[group.id] ?? [] where member.server != server {
            if let host = member.host { counts[host, default: 0] += 1 }
        }
        return counts
    }

    /// Whether the group lets the server go to a host.
    func groupAdmits(_ host: String) -> Bool { Self.admits(host, group, members, currentHost: currentHost) }

    static func admits(_ host: String, _ group: ServerGroup?, _ members: [String: Int], currentHost: String?) -> Bool {
        switch group?.policy {
        case .affinity: members.isEmpty || members[host] != nil
        case .antiAffinity: host == currentHost || members[host] ?? 0 < group?.maximumPerHost ?? 1
        default: true
        }
    }
}
