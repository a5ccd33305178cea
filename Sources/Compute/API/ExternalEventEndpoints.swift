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
