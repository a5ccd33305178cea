import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// From the request to ACTIVE, and every way to fail on it.
@Suite(.timeLimit(.minutes(2))) struct BuildTests {
    @Test func aServerBecomesActive() async throws {
        try await Site.with { site in
            let answer = await site.send(.post, "/servers", at: "2.104", Site.request("web", ["metadata": ["role": "front"]]))
            #expect(answer.status == .accepted)
            let id = try #require(answer.json["server"]?["id"]?.string)
            #expect(answer.headers[.location]?.hasSuffix("/compute/v2.1/servers/\(id)") == true)
            #expect(answer.json["server"]?["adminPass"]?.string?.isEmpty == false)
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "ACTIVE")
            #expect(server["metadata"] == ["role": "front"])
            #expect(server["OS-EXT-STS:vm_state"] == "active")
            #expect(server["OS-EXT-STS:task_state"] == .null)
            #expect(server["OS-EXT-STS:power_state"] == 1)
            #expect(server["addresses"]?["private"]?[0]?["OS-EXT-IPS-MAC:mac_addr"] == "fa:16:3e:00:00:01")
            #expect(server["addresses"]?["private"]?[1]?["OS-EXT-IPS:type"] == "floating")
            #expect(site.agents.guests(on: "host-1") == [id: .running])
            #expect(try await site.log(id) == ["create": "Success"])
        }
    }

    @Test func severalServersShareAReservation() async throws {
        try await Site.with { site in
            let answer = await site.send(
                .post, "/servers", Site.request("web", ["min_count": 2, "max_count": 3, "return_reservation_id": true, "networks": []]))
            #expect(answer.status == .accepted)
            #expect(answer.json["reservation_id"]?.string?.hasPrefix("r-") == true)
            try await site.settle()
            let names = await site.send(.get, "/servers").json["servers"]?.array?.compactMap { $0["name"]?.string }
            #expect(names.map(Set.init) == ["web-1", "web-2", "web-3"])
        }
    }

    @Test func aHostThatFailsIsLeftForTheNext() async throws {
        try await Site.with { site in
            site.agents.orders.before("spawn") { host in
                if host == "host-1" { throw BusFailure(code: "hypervisor", message: "no more entropy") }
            }
            let id = try await site.build()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.guests(on: "host-2") == [id: .running])
            #expect(site.agents.guests(on: "host-1") == [:])
            #expect(try await site.count("fake_claims") == 1)
            #expect(try await site.count("fake_ports WHERE host = 'host-2'") == 1)
            #expect(try await site.count("fake_ports") == 1)
        }
    }

    @Test func aHostWhoseAgentIsGoneIsLeftForTheNext() async throws {
        try await Site.with(hosts: ["host-2"]) { site in
            try await site.report("host-0", memory: 65536)
            let id = try await site.build()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.guests(on: "host-2") == [id: .running])
        }
    }

    @Test func whenEveryHostFailsTheServerSaysWhy() async throws {
        try await Site.with { site in
            site.agents.orders.fail("spawn", with: BusFailure(code: "hypervisor", message: "no more entropy"))
            let id = try await site.build()
            let server = await site.show(id)
            #expect(server["status"] == "ERROR")
            #expect(server["fault"]?["code"] == 500)
            #expect(server["fault"]?["message"]?.string?.contains("host-1") == true)
            #expect(await site.show(id, token: Site.admin)["OS-EXT-SRV-ATTR:host"] == .null)
            #expect(try await site.log(id) == ["create": "Error"])
            try await site.expectCleanSlate()
            #expect(await site.send(.delete, "/servers/\(id)").status == .noContent)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
        }
    }

    @Test func theOnlyHostIsTriedAgain() async throws {
        try await Site.with(hosts: ["host-1"]) { site in
            site.agents.orders.before("spawn") { [agents = site.agents] _ in
                if agents.asked.filter({ $0.hasPrefix("spawn") }).count < 2 { throw BusFailure(code: "hypervisor", message: "not yet") }
            }
            let id = try await site.build()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.asked.filter { $0.hasPrefix("spawn") } == ["spawn host-1", "spawn host-1"])
        }
    }

    @Test func anImageThatNoHostCanUseIsNotTriedElsewhere() async throws {
        try await Site.with { site in
            site.agents.orders.fail("spawn", with: BusFailure(code: "disk_too_small", message: "The image is larger than the disk."))
            let id = try await site.build()
            #expect(await site.show(id)["fault"]?["message"] == "The image is larger than the disk.")
            #expect(site.agents.asked.filter { $0.hasPrefix("spawn") } == ["spawn host-1"])
            try await site.expectCleanSlate()
        }
    }

    @Test func withoutRoomThereIsNoValidHost() async throws {
        try await Site.with { site in
            try await site.addFlavor("huge", "huge", vcpus: 2, ram: 40000)
            let id = try await site.build("web", ["flavorRef": "huge"])
            let server = await site.show(id)
            #expect(server["status"] == "ERROR")
            #expect(server["fault"]?["message"]?.string?.hasPrefix("No valid host was found.") == true)
            try await site.expectCleanSlate()
        }
    }

    /// Each step of the build, failing for good.
    enum BrokenStep: String, CaseIterable { case claim, ports, network, spawn, activate }

    @Test(arguments: BrokenStep.allCases) func aStepThatFailsLeavesACleanSlate(_ step: BrokenStep) async throws {
        try await Site.with { site in
            switch step {
            case .claim: site.orders.fail("claim", with: Unlucky())
            case .ports: site.orders.fail("attach", with: NetworkRefusal(.exhausted, "No more addresses."))
            case .network: site.orders.fail("settle", with: Unlucky())
            case .spawn: site.agents.orders.fail("spawn", with: Unlucky())
            case .activate:
                try await site.database.write {
                    try $0.execute(
                        """
                        CREATE TRIGGER no_activation BEFORE UPDATE ON compute_servers WHEN NEW.state = 'active'
                        BEGIN SELECT RAISE(ABORT, 'no'); END
                        """)
                }
            }
            let id = try await site.build()
            let server = await site.show(id)
            #expect(server["status"] == "ERROR")
            #expect(server["fault"]?["message"]?.string?.isEmpty == false)
            #expect(server["OS-EXT-STS:task_state"] == .null)
            try await site.expectCleanSlate()
        }
    }

    /// The moments at which a server may be deleted while it is built.
    enum Moment: String, CaseIterable { case beforeClaim, network, spawn, afterSpawn, rewind }

    @Test(arguments: Moment.allCases) func deletingDuringTheBuildTakesAllAway(_ moment: Moment) async throws {
        try await Site.with(runs: moment != .beforeClaim) { site in
            let delete: Orders.Hook = { _ in
                for server in await site.send(.get, "/servers").json["servers"]?.array ?? [] {
                    _ = await site.send(.delete, "/servers/\(server["id"]?.string ?? "")")
                }
            }
            switch moment {
            case .beforeClaim: break
            case .network: site.orders.before("settle", delete)
            case .spawn: site.agents.orders.before("spawn", delete)
            case .afterSpawn:
                site.agents.orders.before("spawn") { host in
                    try await delete(host)
                    throw BusFailure(code: "hypervisor", message: "late")
                }
            case .rewind:
                site.agents.orders.before("destroy", delete)
                site.agents.orders.before("spawn") { host in
                    if host == "host-1" { throw BusFailure(code: "hypervisor", message: "no") }
                }
            }
            let id = try await site.create()
            if moment == .beforeClaim {
                #expect(await site.send(.delete, "/servers/\(id)").status == .noContent)
                site.start()
            }
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(await site.send(.get, "/servers").json["servers"] == [])
            // A spawn that was under way when it was cancelled may end after the destruction; the reconciler finds it.
            site.agents.orders.clear()
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
            #expect(try await site.log(id)["delete"] == "Success")
        }
    }

    @Test func quotaRefusesAndNothingIsWritten() async throws {
        try await Site.with({ $0.quota.instances = 1 }) { site in
            _ = try await site.build()
            let answer = await site.send(.post, "/servers", at: "2.104", Site.request("more"))
            #expect(answer.status == .forbidden)
            #expect(answer.json["forbidden"]?["message"] == "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances")
            #expect(try await site.count("compute_servers") == 1)
            #expect(try await site.count("workflows") == 1)
            #expect(try await site.count("compute_actions") == 1)
        }
    }

    @Test(arguments: [
        (["flavorRef": "none"], "Flavor none could not be found."),
        (["imageRef": "99999999-2222-4333-8444-555555555555"], "Can not find requested image"),
        (["imageRef": .string(FakeImages.queued)], "Image \(FakeImages.queued) is not active."),
        (["imageRef": .string(FakeImages.large)], "Flavor's disk is smaller than the minimum size specified in image metadata."),
        (["key_name": "nobody"], "Invalid key_name provided."),
        (["security_groups": [["name": "secret"]]], "Security group secret not found for project blue."),
        (["availability_zone": "mars"], "The requested availability zone is not available"),
        (["min_count": 3, "max_count": 2], "min_count must be <= max_count"),
    ] as [(JSONObject, String)])
    func badRequestsChangeNothing(_ members: JSONObject, _ message: String) async throws {
        try await Site.with(runs: false) { site in
            let answer = await site.send(.post, "/servers", at: "2.104", Site.request("web", members))
            #expect(answer.status == .badRequest)
            #expect(answer.json["badRequest"]?["message"]?.string?.hasPrefix(message) == true)
            let (servers, workflows) = (try await site.count("compute_servers"), try await site.count("workflows"))
            #expect((servers, workflows) == (0, 0))
        }
    }

    @Test func networksAreRequiredFrom237() async throws {
        try await Site.with(runs: false) { site in
            let body: JSON = ["server": ["name": "web", "flavorRef": "1", "imageRef": .string(FakeImages.image)]]
            #expect(await site.send(.post, "/servers", at: "2.36", body).status == .accepted)
            let answer = await site.send(.post, "/servers", at: "2.37", body)
            #expect(answer.status == .badRequest)
            #expect(answer.json["badRequest"]?["message"]?.string?.hasPrefix("Invalid input for field/attribute server.") == true)
        }
    }
}
