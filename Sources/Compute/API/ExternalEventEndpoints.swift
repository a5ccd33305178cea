import CloudAPI
import CloudCore
import CloudStore

/// What other services tell about servers. Networks of this cloud tell compute by themselves, so an event from outside changes
/// nothing that compute does not see anyway, except for the size of volumes. What is answered is what upstream answers: whether the event could be delivered.
struct ExternalEventEndpoints: Sendable {
    let compute: Compute.Parts

    /// Events that make no sense without saying of what.
    private static let tagged: Set = ["volume-extended", "power-update", "accelerator-request-bound"]

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2.1/os-server-external-events", "Tell of events of servers",
                access: .rule("os_compute_api:os-server-external-events:create"), body: .versioned(HostSchemas.createEvents),
                handler: create)
        ]
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let events = request.body["events"]?.array ?? []
        let ids = Set(events.compactMap { $0["server_uuid"]?.string?.lowercased() }).sorted()
        let (known, hosts) = try await compute.database.read { reader in
            (try HostLoadRecords.existing(ids, in: reader), try HostLoadRecords.hosts(of: ids, in: reader))
        }
        let codes = events.map { event -> Int in
            let (id, name) = (event["server_uuid"]?.string?.lowercased() ?? "", event["name"]?.string ?? "")
            if !known.contains(id) { return 404 }
            if Self.tagged.contains(name), event["tag"] == nil { return 400 }
            return hosts[id] == nil ? 422 : 200
        }
        for (event, code) in zip(events, codes) where code == 200 && event["name"]?.string == "volume-extended" {
            try await extend(event["tag"]?.string ?? "", of: event["server_uuid"]?.string?.lowercased() ?? "", request)
        }
        return .json(status: codes.allSatisfy { $0 == 200 } ? .ok : HTTPResponse.Status(code: 207, reasonPhrase: "Multi-Status")) {
            $0.object {
                $0.member("events") { json in
                    json.array { json in for (event, code) in zip(events, codes) { write(event, code, to: &json) } }
                }
            }
        }
    }

    /// Has a guest look at the size of its volume again; upstream does so after it has answered, so that a failure is in the action
    /// log alone.
    private func extend(_ volume: String, of id: String, _ request: APIRequest) async throws {
        let known = try await compute.database.write { [compute] transaction -> (BlockDeviceMapping, Int)? in
            guard let server = try ServerRecords.find(id, in: transaction),
                let disk = try BlockDeviceRecords.find(volume: volume, server: id, in: transaction),
                let size = try compute.volumes.volumes([volume], in: transaction)[volume]?.sizeGiB
            else { return nil }
            try compute.log(.extendVolume, server, request, in: transaction)
            return (disk, size)
        }
        guard let (disk, size) = known else { return }
        var message: String?
        do { try await compute.extend(disk, sizeGiB: size) } catch let refusal as VolumeRefusal { message = refusal.message }
        try await compute.database.write { [message] in
            try ActionRecords.finish(server: id, request: request.requestID, message: message, in: $0)
        }
    }

    private func write(_ event: JSON, _ code: Int, to json: inout JSONWriter) {
        json.object { json in
            for member in event.object ?? [:] where member.name != "status" { json.member(member.name, member.value) }
            json.member("status", code == 200 ? "completed" : "failed")
            json.member("code", code)
        }
    }
}

/// The NUMA topology of a server.
struct ServerTopologyEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/servers/{server_id}/topology", "Show a server's NUMA topology", microversions: .from(2, 78),
                access: .ruleOnResource("compute:server:topology:index"), handler: show)
        ]
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let id = request["server_id"]
        guard let server = try await compute.database.read({ try ServerRecords.find(id, in: $0) }),
            server.projectID == request.token?.projectID || request.token?.isAdmin == true
        else {
            try request.authorize(request.callerTarget)
            throw ComputeError.serverNotFound(id)
        }
        let target: [String: String] = ["project_id": server.projectID]
        try request.authorize(target.mapValues { .string($0) })
        let showsHost = request.allows("compute:server:topology:host:index", target.mapValues { .string($0) })
        let topology = GuestTopology(server.flavor, server.image)
        return .json {
            $0.object {
                $0.member("nodes") { json in
                    json.array { json in for cell in topology?.cells ?? [] { write(cell, showsHost, to: &json) } }
                }
                $0.member("pagesize_kb", topology?.pageKiB)
            }
        }
    }

    private func write(_ cell: GuestTopology.Cell, _ showsHost: Bool, to json: inout JSONWriter) {
        json.object {
            $0.member("memory_mb", cell.memoryMiB)
            $0.member("vcpu_set", array: cell.processors)
            $0.member("siblings") { $0.array { _ in } }
            guard showsHost else { return }
            $0.member("host_node", cell.id)
            $0.member("cpu_pinning") { $0.object { _ in } }
        }
    }
}
