import CloudAPI
import CloudCore
import CloudStore

/// Hosts as early microversions have them (os-hosts, until 2.42).
struct LegacyHostEndpoints: Sendable {
    let compute: Compute.Parts

    private static let listQuery = QueryRules([("zone", .string())], strictFrom: .max)

    var table: [Endpoint] {
        let (path, early) = ("/v2.1/os-hosts", MicroversionRange.through(2, 42))
        let powers: [(String, String)] = [("startup", "start"), ("shutdown", "shutdown"), ("reboot", "reboot")]
        return [
            Endpoint(
                .get, path, "List hosts with their services", microversions: early, access: .rule("os_compute_api:os-hosts:list"),
                handler: list),
            Endpoint(
                .get, path + "/{host_name}", "Show what a host has and gives", microversions: early,
                access: .rule("os_compute_api:os-hosts:show"), handler: show),
            Endpoint(
                .put, path + "/{host_name}", "Change a host", microversions: early, access: .rule("os_compute_api:os-hosts:update"),
                body: .json(HostSchemas.updateHost), handler: refuse),
        ] + powers.map { action, rule in
            Endpoint(
                .get, path + "/{host_name}/\(action)", "Change a host's power: \(action)", microversions: early,
                access: .rule("os_compute_api:os-hosts:\(rule)"), handler: refuse)
        }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try Self.listQuery.check(request)
        let zone = request.query["zone"].flatMap { $0.isEmpty ? nil : $0 }
        let services = try await compute.services().filter { service in
            !service.isDisabled && (zone.map { $0 == service.zone } ?? true)
        }
        return .json {
            $0.object {
                $0.member("hosts") { json in
                    json.array { json in
                        for service in services {
                            json.object {
                                $0.member("host_name", service.host)
                                $0.member("service", service.topic)
                                $0.member("zone", service.zone)
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: One host

    private static func find(_ name: String, in reader: any Reader) throws -> ComputeHost {
        guard !name.utf8.contains(0), let host = try HostRecords.find(name: name, in: reader) else {
            throw ComputeError.notFound("Host '\(name)' is not mapped to any cell")
        }
        return host
    }

    /// What is shown of a host, or of a project's servers there.
    private struct Resource: Sendable {
        let project: String
        let vcpus: Int
        let memoryMiB: Int
        let diskGiB: Int
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let name = request["host_name"]
        let resources = try await compute.database.read { [compute] reader -> [Resource] in
            let host = try Self.find(name, in: reader)
            let usage = try HypervisorUsage([host], compute, in: reader)
            let servers = try ServerRecords.onHost(name, in: reader)
            let projects = Dictionary(grouping: servers, by: \.projectID).sorted { $0.key < $1.key }
            return [
                Resource(project: "(total)", vcpus: host.vcpus, memoryMiB: host.memoryMiB, diskGiB: host.diskGiB),
                Resource(
                    project: "(used_now)", vcpus: usage.vcpus(host), memoryMiB: usage.memoryMiB(host), diskGiB: usage.diskGiB(host)),
                Self.sum(servers, "(used_max)"),
            ] + projects.map { Self.sum($0.value, $0.key) }
        }
        return .json {
            $0.object {
                $0.member("host") { json in json.array { json in for resource in resources { write(resource, of: name, to: &json) } } }
            }
        }
    }

    private static func sum(_ servers: [Server], _ project: String) -> Resource {
        func sum(_ amount: (Flavor) -> Int) -> Int { servers.reduce(0) { $0 + amount($1.flavor) } }
        return Resource(
            project: project, vcpus: sum(\.vcpus), memoryMiB: sum(\.memoryMiB), diskGiB: sum { $0.diskGiB + $0.ephemeralGiB })
    }

    private func write(_ resource: Resource, of host: String, to json: inout JSONWriter) {
        json.object {
            $0.member("resource") {
                $0.object {
                    $0.member("host", host)
                    $0.member("project", resource.project)
                    $0.member("cpu", resource.vcpus)
                    $0.member("memory_mb", resource.memoryMiB)
                    $0.member("disk_gb", resource.diskGiB)
                }
            }
        }
    }

    /// What hypervisors other than those of long ago answer: the host is there, and it cannot be done.
    @Sendable private func refuse(_ request: APIRequest) async throws -> APIResponse {
        let name = request["host_name"]
        _ = try await compute.database.read { try Self.find(name, in: $0) }
        throw Fault(.notImplemented, "The requested functionality is not supported.")
    }
}
