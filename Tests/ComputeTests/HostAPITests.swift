import CloudAPI
import CloudCore
import Testing

@testable import Compute

/// Aggregates, zones, services and server groups through the API.
@Suite(.timeLimit(.minutes(2))) struct HostAPITests {
    private func aggregate(_ site: Site, _ name: String, zone: String? = nil) async throws -> Int {
        let answer = await site.send(
            .post, "/os-aggregates", token: Site.admin, at: "2.41",
            ["aggregate": ["name": .string(name), "availability_zone": zone.map { .string($0) } ?? .null]])
        #expect(answer.status == .ok, "\(answer.text)")
        return try #require(answer.json["aggregate"]?["id"]?.int)
    }

    private func act(_ site: Site, _ id: Int, _ action: String, host: String) async -> TestResponse {
        await site.send(
            .post, "/os-aggregates/\(id)/action", token: Site.admin, at: "2.104", .object([action: ["host": .string(host)]]))
    }

    @Test func hostsOfAnAggregateMakeAZone() async throws {
        try await Site.with { site in
            let id = try await aggregate(site, "racks", zone: "east")
            #expect(await act(site, id, "add_host", host: "host-1").json["aggregate"]?["hosts"] == ["host-1"])
            #expect(await act(site, id, "add_host", host: "host-1").status == .conflict)
            #expect(await act(site, id, "add_host", host: "nowhere").status == .notFound)
            let zones = await site.send(.get, "/os-availability-zone").json["availabilityZoneInfo"]?.array ?? []
            #expect(zones.map { $0["zoneName"]?.string } == ["east", "nova"])
            let other = try await aggregate(site, "others", zone: "west")
            #expect(await act(site, other, "add_host", host: "host-1").status == .conflict)
            let server = try await site.build("web", ["availability_zone": "east"])
            #expect(await site.show(server)["OS-EXT-AZ:availability_zone"] == "east")
            #expect(await act(site, id, "remove_host", host: "host-1").status == .conflict, "its server would change zones")
            let gone = await site.send(.delete, "/os-aggregates/\(id)", token: Site.admin)
            #expect(gone.status == .badRequest, "it has a host")
        }
    }

    @Test func aggregatesKeepTheirMetadata() async throws {
        try await Site.with { site in
            let id = try await aggregate(site, "fast")
            func set(_ metadata: JSON) async -> TestResponse {
                await site.send(
                    .post, "/os-aggregates/\(id)/action", token: Site.admin, ["set_metadata": ["metadata": metadata]])
            }
            #expect(await set(["ssd": "true", "speed": "high"]).json["aggregate"]?["metadata"] == ["ssd": "true", "speed": "high"])
            #expect(await set(["ssd": nil]).json["aggregate"]?["metadata"] == ["speed": "high"])
            #expect(await set(["availability_zone": nil]).status == .badRequest)
            let answer = await site.send(.post, "/os-aggregates", token: Site.admin, ["aggregate": ["name": "fast"]])
            #expect(answer.status == .conflict)
            #expect(await site.send(.get, "/os-aggregates/x", token: Site.admin).status == .badRequest)
            #expect(await site.send(.get, "/os-aggregates").status == .forbidden)
        }
    }

    @Test func aDisabledHostTakesNoServers() async throws {
        try await Site.with(hosts: ["host-1"]) { site in
            let services = await site.send(.get, "/os-services?binary=nova-compute", token: Site.admin, at: "2.53").json["services"]
            let id = try #require(services?[0]?["id"]?.string)
            let disable: JSON = ["status": "disabled", "disabled_reason": "moving house"]
            let answer = await site.send(.put, "/os-services/\(id)", token: Site.admin, at: "2.53", disable)
            #expect(answer.json["service"]?["disabled_reason"] == "moving house")
            let server = try await site.build()
            #expect(await site.show(server)["status"] == "ERROR")
            let enabled = await site.send(.put, "/os-services/enable", token: Site.admin, ["host": "host-1", "binary": "nova-compute"])
            #expect(enabled.json["service"]?["status"] == "enabled")
            let other = try await site.build()
            #expect(await site.show(other)["status"] == "ACTIVE")
            #expect(await site.send(.delete, "/os-services/\(id)", token: Site.admin, at: "2.53").status == .conflict)
        }
    }

    @Test func groupsKeepServersApartOrTogether() async throws {
        try await Site.with { site in
            func group(_ policy: String) async throws -> String {
                let answer = await site.send(
                    .post, "/os-server-groups", at: "2.64", ["server_group": ["name": "g", "policy": .string(policy)]])
                return try #require(answer.json["server_group"]?["id"]?.string, "\(answer.text)")
            }
            func build(_ group: String) async throws -> String {
                var body = Site.request().object ?? [:]
                body["os:scheduler_hints"] = ["group": .string(group)]
                let answer = await site.send(.post, "/servers", at: "2.64", .object(body))
                try await site.settle()
                return try #require(answer.json["server"]?["id"]?.string, "\(answer.text)")
            }
            let apart = try await group("anti-affinity")
            let servers = [try await build(apart), try await build(apart)]
            #expect(site.agents.guests(on: "host-1").count == 1 && site.agents.guests(on: "host-2").count == 1)
            let third = try await build(apart)
            #expect(await site.show(third)["status"] == "ERROR", "there is no third host")
            let members = await site.send(.get, "/os-server-groups/\(apart)", at: "2.64").json["server_group"]?["members"]
            #expect(members?.array?.count == 3)
            let together = try await group("affinity")
            for _ in 0..<2 { _ = try await build(together) }
            let hosts = [site.agents.guests(on: "host-1").count, site.agents.guests(on: "host-2").count]
            #expect(hosts.sorted() == [1, 3])
            #expect(await site.show(servers[0])["server_groups"] == [.string(apart)])
        }
    }

    @Test func eventsAreAnsweredOneByOne() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let events: JSON = [
                ["name": "network-changed", "server_uuid": .string(id)], ["name": "volume-extended", "server_uuid": .string(id)],
                ["name": "network-changed", "server_uuid": .string(FakeImages.image)],
            ]
            let answer = await site.send(.post, "/os-server-external-events", token: Site.admin, at: "2.51", ["events": events])
            #expect(answer.status.code == 207)
            #expect(answer.json["events"]?.array?.map { $0["code"]?.int } == [200, 400, 404])
            #expect(await site.send(.post, "/os-server-external-events", at: "2.51", ["events": events]).status == .forbidden)
        }
    }

    @Test func hostsStatusesAreToldApart() {
        var host = Sample.state(memory: 0).host
        #expect(host.status(after: .seconds(60)) == .up)
        #expect(host.status(after: .seconds(60), now: .now + .seconds(61)) == .unknown)
        host.isDisabled = true
        #expect(host.status(after: .seconds(60), now: .now + .seconds(61)) == .maintenance)
        host.isForcedDown = true
        #expect(host.status(after: .seconds(60)) == .down)
        let all = HostStatuses(known: ["a": .up, "b": .unknown], isUnknownOnly: false)
        #expect(["a", "b", "c", nil].map(all.text) == ["UP", "UNKNOWN", "", ""])
        let unknown = HostStatuses(known: all.known, isUnknownOnly: true)
        #expect(["a", "b", "c", nil].map(unknown.text) == [nil, "UNKNOWN", nil, nil])
    }

    @Test func serversTellWhatTheirHostsServiceIs() async throws {
        let rule = "os_compute_api:servers:show:host_status"
        try await Site.with(hosts: ["host-1"], policy: [rule: "role:reader"]) { site in
            let id = try await site.build()
            #expect(await site.show(id)["host_status"] == "UP")
            #expect(await site.show(id, at: "2.15")["host_status"] == nil)
            #expect(await site.show(id)["OS-EXT-SRV-ATTR:host"] == nil)
            let services = await site.send(.get, "/os-services", token: Site.admin, at: "2.53").json["services"]
            let service = try #require(services?[0]?["id"]?.string)
            for (change, status): (JSON, JSON) in [
                (["status": "disabled"], "MAINTENANCE"), (["forced_down": true], "DOWN"),
                (["status": "enabled", "forced_down": false], "UP"),
            ] {
                #expect(await site.send(.put, "/os-services/\(service)", token: Site.admin, at: "2.53", change).status == .ok)
                #expect(await site.show(id)["host_status"] == status)
                let list = await site.send(.get, "/servers/detail", at: "2.104").json["servers"]
                #expect(list?[0]?["host_status"] == status)
            }
        }
        try await Site.with(policy: [rule + ":unknown-only": "role:reader"]) { site in
            let id = try await site.build()
            #expect(await site.show(id)["host_status"] == nil)
            #expect(await site.show(id, token: Site.admin)["host_status"] == "UP")
        }
    }
}
