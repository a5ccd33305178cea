import CloudAPI
import CloudCore

/// Availability zones: aggregates that say they are one, and the zone of everybody else.
struct AvailabilityZoneEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/os-availability-zone", "List availability zones",
                access: .rule("os_compute_api:os-availability-zone:list"), handler: list),
            Endpoint(
                .get, "/v2.1/os-availability-zone/detail", "List availability zones with hosts",
                access: .rule("os_compute_api:os-availability-zone:detail"), handler: detail),
        ]
    }

    /// A zone with the services in it.
    private struct Zone: Sendable {
        let name: String
        let services: [ServiceState]
        /// Whether one of the services is enabled.
        var isAvailable: Bool { services.contains { !$0.isDisabled } }
    }

    /// The available zones by name, then the others.
    private func zones() async throws -> [Zone] {
        let zones = Dictionary(grouping: try await compute.services(), by: \.zone)
            .map { Zone(name: $0.key, services: $0.value) }.sorted { $0.name < $1.name }
        return zones.filter(\.isAvailable) + zones.filter { !$0.isAvailable }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let zones = try await zones().filter { $0.name != compute.options.internalAvailabilityZone }
        return answer(zones) { _ in nil }
    }

    @Sendable private func detail(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return answer(try await zones()) { $0.isAvailable ? $0.services.filter { !$0.isDisabled } : nil }
    }

    private func answer(_ zones: [Zone], _ shown: (Zone) -> [ServiceState]?) -> APIResponse {
        .json {
            $0.object {
                $0.member("availabilityZoneInfo") { json in
                    json.array { json in
                        for zone in zones {
                            json.object {
                                $0.member("zoneName", zone.name)
                                $0.member("zoneState") { $0.object { $0.member("available", zone.isAvailable) } }
                                write(shown(zone), to: &$0)
                            }
                        }
                    }
                }
            }
        }
    }

    private func write(_ services: [ServiceState]?, to json: inout JSONWriter) {
        guard let services else { return json.member("hosts", JSON.null) }
        let hosts = Dictionary(grouping: services, by: \.host).sorted { $0.key < $1.key }
        json.member("hosts") { json in
            json.object { json in
                for (host, services) in hosts {
                    json.member(host) { json in
                        json.object { json in for service in services { write(service, to: &json) } }
                    }
                }
            }
        }
    }

    private func write(_ service: ServiceState, to json: inout JSONWriter) {
        json.member(service.binary) {
            $0.object {
                $0.member("active", !service.isDisabled)
                $0.member("available", service.isUp)
                $0.member("updated_at", service.seenAt.iso8601Naive)
            }
        }
    }
}
