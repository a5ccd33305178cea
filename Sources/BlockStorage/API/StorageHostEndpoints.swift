import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Hosts of block storage's services, in the older form (os-hosts).
struct StorageHostEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let access: Access = .rule("volume_extension:hosts")
        return [
            Endpoint(.get, "/os-hosts", "List hosts", access: access, handler: list),
            Endpoint(.get, "/os-hosts/{host}", "Show what a storage host keeps", access: access, handler: show),
            Endpoint(
                .put, "/os-hosts/{host}", "Enable or disable a host", access: access, body: .json(.object([], additional: .any)),
                handler: update),
        ]
    }

    /// The services that are not disabled.
    private func services() async throws -> [StorageService] {
        try await storage.database.read { try StorageServiceRecords.all(in: $0) }.filter { !$0.isDisabled }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let zone = request.query["zone"] ?? ""
        let services = try await services().filter { zone.isEmpty || $0.availabilityZone == zone }
        return .json {
            $0.object {
                $0.member("hosts") { json in
                    json.array { json in
                        for service in services {
                            json.object {
                                $0.member("host_name", service.host)
                                $0.member("service", service.binary.rawValue)
                                $0.member("zone", service.availabilityZone)
                                $0.member("service-status", storage.isUp(service) ? "available" : "unavailable")
                                $0.member("service-state", "enabled")
                                $0.member("last-update", service.seenAt.iso8601Naive)
                            }
                        }
                    }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let host = request["host"]
        guard try await services().contains(where: { $0.binary == .volume && $0.host == host }) else {
            throw BlockStorageError.notFound("Host \(host) could not be found.")
        }
        let usages = try await storage.database.read { try HostUsage.all(host: host, in: $0) }
        let total = usages.reduce(into: HostUsage(project: "(total)")) { $0.add($1) }
        return .json {
            $0.object {
                $0.member("host") { json in
                    json.array { json in for usage in [total] + usages { write(usage, host, to: &json) } }
                }
            }
        }
    }

    private func write(_ usage: HostUsage, _ host: String, to json: inout JSONWriter) {
        json.object {
            $0.member("resource") {
                $0.object {
                    $0.member("host", host)
                    $0.member("project", usage.project)
                    $0.member("volume_count", String(usage.volumes))
                    $0.member("total_volume_gb", String(usage.volumeGiB))
                    $0.member("snapshot_count", String(usage.snapshots))
                    $0.member("total_snapshot_gb", String(usage.snapshotGiB))
                }
            }
        }
    }

    /// Upstream's own answer is that this is not there; services are enabled and disabled instead.
    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let host = request["host"]
        guard try await services().contains(where: { $0.host == host }) else {
            throw BlockStorageError.notFound("Host \(host) could not be found.")
        }
        for member in request.body.object ?? [:] {
            guard member.name.lowercased() == "status" else {
                throw BlockStorageError.badRequest("Invalid update setting: '\(member.name)'")
            }
            guard let status = member.value.string, ["enable", "disable"].contains(status.lowercased()) else {
                throw BlockStorageError.badRequest("Invalid status: '\(member.value.text)'")
            }
        }
        throw BlockStorageError.notImplemented("Hosts can't be enabled or disabled as a whole; enable or disable their services.")
    }
}

/// What a project has on a storage host.
struct HostUsage: Sendable, Hashable {
    var project: String
    var volumes = 0
    var volumeGiB = 0
    var snapshots = 0
    var snapshotGiB = 0

    mutating func add(_ other: HostUsage) {
        volumes += other.volumes
        volumeGiB += other.volumeGiB
        snapshots += other.snapshots
        snapshotGiB += other.snapshotGiB
    }

    /// What each project has on a host, by project.
    /// - Parameter host: as "host@backend".
    static func all(host: String, in reader: any Reader) throws -> [HostUsage] {
        let place: SQL = "(v.host = \(host) OR substr(v.host, 1, \(host.count + 1)) = \(host + "#"))"
        var usages: [String: HostUsage] = [:]
        try reader.forEach(
            "SELECT v.project_id, COUNT(*), COALESCE(SUM(v.size), 0) FROM volumes v WHERE \(place) GROUP BY v.project_id"
        ) { row in
            let project: String = try row[0]
            usages[project] = HostUsage(project: project, volumes: try row[1], volumeGiB: try row[2])
        }
        try reader.forEach(
            """
            SELECT s.project_id, COUNT(*), COALESCE(SUM(s.volume_size), 0) FROM volume_snapshots s JOIN volumes v ON v.id = s.volume_id
            WHERE \(place) GROUP BY s.project_id
            """
        ) { row in
            let project: String = try row[0]
            var usage = HostUsage(project: project)
            (usage.snapshots, usage.snapshotGiB) = (try row[1], try row[2])
            usages[project, default: HostUsage(project: project)].add(usage)
        }
        return usages.values.sorted { $0.project < $1.project }
    }
}
