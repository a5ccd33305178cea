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
