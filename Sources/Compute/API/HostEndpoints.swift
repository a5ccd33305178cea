import CloudAPI
import CloudCore
import CloudStore

/// Compute services, hypervisors and availability zones.
struct HostEndpoints: Sendable {
    let compute: Compute.Parts

    private static let changes: Schema = .object(
        [
            ("status", .oneOf(["enabled", "disabled"])), ("disabled_reason", .string(length: 1...255)),
            ("forced_down", .boolean(lenient: true)),
        ])

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/os-services", "List compute services", access: .rule("os_compute_api:os-services:list"), handler: services),
            Endpoint(
                .put, "/v2.1/os-services/{service_id}", "Enable, disable or force down a compute service",
                microversions: .from(2, 53), access: .rule("os_compute_api:os-services:update"), body: .json(Self.changes),
                handler: updateService),
            Endpoint(
                .get, "/v2.1/os-hypervisors", "List hypervisors", access: .rule("os_compute_api:os-hypervisors:list"), handler: hypervisors),
            Endpoint(
                .get, "/v2.1/os-hypervisors/detail", "List hypervisors in detail",
                access: .rule("os_compute_api:os-hypervisors:list-detail"), handler: hypervisorDetails),
            Endpoint(
                .get, "/v2.1/os-hypervisors/{hypervisor_id}", "Show a hypervisor", microversions: .from(2, 53),
                access: .rule("os_compute_api:os-hypervisors:show"), handler: hypervisor),
            Endpoint(
                .get, "/v2.1/os-availability-zone", "List availability zones",
                access: .rule("os_compute_api:os-availability-zone:list"), handler: zones),
            Endpoint(
                .get, "/v2.1/os-availability-zone/detail", "List availability zones with hosts",
                access: .rule("os_compute_api:os-availability-zone:detail"), handler: zoneDetails),
        ]
    }

    private func hosts() async throws -> [ComputeHost] {
        try await compute.database.read { try HostRecords.all(in: $0) }
    }

    // MARK: Services

    @Sendable private func services(_ request: APIRequest) async throws -> APIResponse {
        let hosts = try await hosts().filter { host in
            (request.query["host"].map { $0 == host.name } ?? true)
                && (request.query["binary"].map { $0 == "nova-compute" } ?? true)
        }
        return .json {
            $0.object {
                $0.member("services") { json in json.array { json in for host in hosts { write(service: host, request, to: &json) } } }
            }
        }
    }

    private func write(service host: ComputeHost, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            if request.microversion >= Microversion(2, 53) {
                $0.member("id", host.serviceID)
            } else {
                $0.member("id", host.number)
            }
            $0.member("binary", "nova-compute")
            $0.member("host", host.name)
            $0.member("zone", compute.options.defaultAvailabilityZone)
            $0.member("status", host.isDisabled ? "disabled" : "enabled")
            $0.member("state", compute.isUp(host) ? "up" : "down")
            $0.member("updated_at", host.seenAt.iso8601Naive)
            $0.member("disabled_reason", host.disabledReason)
            if request.microversion >= Microversion(2, 11) { $0.member("forced_down", host.isForcedDown) }
        }
    }

    @Sendable private func updateService(_ request: APIRequest) async throws -> APIResponse {
        let (id, body) = (request["service_id"], request.body)
        guard body["disabled_reason"] == nil || body["status"]?.string == "disabled" else {
            throw ComputeError.badRequest("Specifying disabled_reason requires that status be disabled.")
        }
        let host = try await compute.database.write { transaction -> ComputeHost in
            guard var host = try HostRecords.all(in: transaction).first(where: { $0.serviceID == id }) else {
                throw ComputeError.notFound("Compute service \(id) could not be found.")
            }
            if let status = body["status"]?.string {
                host.isDisabled = status == "disabled"
                host.disabledReason = body["disabled_reason"]?.string
            }
            if let down = body.lenientBool("forced_down") { host.isForcedDown = down }
            try HostRecords.update(host, in: transaction)
            return host
        }
        return .json { $0.object { $0.member("service") { write(service: host, request, to: &$0) } } }
    }

    // MARK: Hypervisors

    @Sendable private func hypervisors(_ request: APIRequest) async throws -> APIResponse {
        let hosts = try await hosts()
        return .json {
            $0.object {
                $0.member("hypervisors") { json in
                    json.array { json in for host in hosts { json.object { writeCore(host, request, to: &$0) } } }
                }
            }
        }
    }

    private func writeCore(_ host: ComputeHost, _ request: APIRequest, to json: inout JSONWriter) {
        if request.microversion >= Microversion(2, 53) { json.member("id", host.id) } else { json.member("id", host.number) }
        json.member("hypervisor_hostname", host.name)
        json.member("state", compute.isUp(host) ? "up" : "down")
        json.member("status", host.isDisabled ? "disabled" : "enabled")
    }

    @Sendable private func hypervisorDetails(_ request: APIRequest) async throws -> APIResponse {
        let hosts = try await hosts()
        return .json {
            $0.object {
                $0.member("hypervisors") { json in
                    json.array { json in for host in hosts { json.object { writeDetail(host, request, to: &$0) } } }
                }
            }
        }
    }

    private func writeDetail(_ host: ComputeHost, _ request: APIRequest, to json: inout JSONWriter) {
        writeCore(host, request, to: &json)
        json.member("hypervisor_type", host.hypervisorType)
        json.member("hypervisor_version", host.hypervisorVersion)
        json.member("host_ip", "127.0.0.1")
        json.member("service") {
            $0.object {
                if request.microversion >= Microversion(2, 53) { $0.member("id", host.serviceID) } else { $0.member("id", host.number) }
                $0.member("host", host.name)
                $0.member("disabled_reason", host.disabledReason)
            }
        }
        guard request.microversion < Microversion(2, 88) else { return json.member("uptime", String?.none) }
        json.member("vcpus", host.vcpus)
        json.member("memory_mb", host.memoryMiB)
        json.member("local_gb", host.diskGiB)
        // Text in early microversions, the document itself from 2.28 on.
        if request.microversion < Microversion(2, 28) {
            json.member("cpu_info", host.cpuInfo)
        } else {
            json.member("cpu_info", JSON(sqlValue: .text(host.cpuInfo)) ?? [:])
        }
    }

    @Sendable private func hypervisor(_ request: APIRequest) async throws -> APIResponse {
        let id = request["hypervisor_id"]
        guard let host = try await hosts().first(where: { $0.id == id }) else {
            throw ComputeError.notFound("Hypervisor with ID '\(id)' could not be found.")
        }
        return .json { $0.object { $0.member("hypervisor") { $0.object { writeDetail(host, request, to: &$0) } } } }
    }

    // MARK: Availability zones

    @Sendable private func zones(_ request: APIRequest) async throws -> APIResponse {
        try await writeZones(showsHosts: false)
    }

    @Sendable private func zoneDetails(_ request: APIRequest) async throws -> APIResponse {
        try await writeZones(showsHosts: true)
    }

    private func writeZones(showsHosts: Bool) async throws -> APIResponse {
        let hosts = try await hosts()
        return .json {
            $0.object {
                $0.member("availabilityZoneInfo") {
                    $0.array {
                        $0.object {
                            $0.member("zoneName", compute.options.defaultAvailabilityZone)
                            $0.member("zoneState") { $0.object { $0.member("available", true) } }
                            $0.member("hosts") { json in
                                if showsHosts { write(zoneHosts: hosts, to: &json) } else { json.write(JSON.null) }
                            }
                        }
                    }
                }
            }
        }
    }

    private func write(zoneHosts hosts: [ComputeHost], to json: inout JSONWriter) {
        json.object { json in
            for host in hosts {
                json.member(host.name) {
                    $0.object {
                        $0.member("nova-compute") {
                            $0.object {
                                $0.member("active", !host.isDisabled)
                                $0.member("available", compute.isUp(host))
                                $0.member("updated_at", host.seenAt.iso8601Naive)
                            }
                        }
                    }
                }
            }
        }
    }
}
