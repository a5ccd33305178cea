import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Flavors, key pairs, hosts, quotas and versions.
@Suite(.timeLimit(.minutes(2))) struct CatalogAPITests {
    @Test func versionsAreDiscovered() async throws {
        try await Site.with(runs: false) { site in
            for path in ["/compute", "/compute/"] {
                let answer = await site.server.respond(.get, path)
                #expect(answer.status == .ok)
                #expect(answer.json["versions"]?[0]?["id"] == "v2.0")
                let version = answer.json["versions"]?[1]
                #expect(version?["id"] == "v2.1")
                #expect(version?["version"] == "2.104")
                #expect(version?["links"]?[0]?["href"]?.string?.hasSuffix("/compute/v2.1/") == true)
            }
            for path in ["/compute/v2.1", "/compute/v2.1/"] {
                #expect(await site.server.respond(.get, path).json["version"]?["min_version"] == "2.1")
            }
            #expect(await site.server.respond(.get, "/compute/v2/").json["version"]?["id"] == "v2.0")
            let legacy = await site.server.respond(.get, "/compute/v2/flavors/detail", token: Site.member)
            #expect(legacy.json["flavors"]?[0]?["description"] == nil)
            let answer = await site.send(.get, "/servers", at: "2.999")
            #expect(answer.status == .notAcceptable)
            #expect(await site.send(.get, "/servers", at: "latest").headers[.openStackAPIVersion] == "compute 2.104")
            let id = HTTPField.Name("x-compute-request-id").flatMap { answer.headers[$0] }
            #expect(id?.hasPrefix("req-") == true)
        }
    }

    @Test func flavorsComeAndGo() async throws {
        try await Site.with(runs: false) { site in
            let body: JSON = ["flavor": ["name": "small", "id": "s", "ram": 2048, "vcpus": "2", "disk": 20, "description": "text"]]
            #expect(await site.send(.post, "/flavors", at: "2.55", body).status == .forbidden)
            let made = await site.send(.post, "/flavors", token: Site.admin, at: "2.55", body)
            #expect(made.status == .ok)
            #expect(made.json["flavor"]?["vcpus"] == 2)
            #expect(made.json["flavor"]?["swap"] == "")
            #expect(await site.send(.post, "/flavors", token: Site.admin, at: "2.55", body).status == .conflict)
            #expect(await site.send(.get, "/flavors/s", at: "2.75").json["flavor"]?["swap"] == 0)
            #expect(await site.send(.get, "/flavors/s", at: "2.101").json["flavor"]?["rxtx_factor"] != nil)
            #expect(await site.send(.get, "/flavors/s", at: "2.102").json["flavor"]?["rxtx_factor"] == nil)
            let list = await site.send(.get, "/flavors").json["flavors"]?.array?.compactMap { $0["id"]?.string }
            #expect(list == ["1", "s"])
            #expect(await site.send(.get, "/flavors?limit=1").json["flavors_links"]?[0]?["href"]?.string?.contains("marker=1") == true)
            #expect(await site.send(.get, "/flavors?limit=1&marker=1").json["flavors"]?[0]?["id"] == "s")
            #expect(await site.send(.get, "/flavors?minRam=1000").json["flavors"]?.array?.count == 1)
            #expect(await site.send(.get, "/flavors?name=small", at: "2.102").json["flavors"]?.array?.count == 1)
            #expect(await site.send(.delete, "/flavors/s", token: Site.admin).status == .accepted)
            #expect(await site.send(.get, "/flavors/s").json["itemNotFound"]?["message"] == "Flavor s could not be found.")
        }
    }

    @Test func privateFlavorsHaveTheirProjects() async throws {
        try await Site.with(runs: false) { site in
            try await site.addFlavor("p", "private", isPublic: false)
            #expect(await site.send(.get, "/flavors/p").status == .notFound)
            let add: JSON = ["addTenantAccess": ["tenant": "blue"]]
            #expect(await site.send(.post, "/flavors/p/action", add).status == .forbidden)
            let answer = await site.send(.post, "/flavors/p/action", token: Site.admin, add)
            #expect(answer.json == ["flavor_access": [["flavor_id": "p", "tenant_id": "blue"]]])
            #expect(await site.send(.post, "/flavors/p/action", token: Site.admin, add).status == .conflict)
            #expect(await site.send(.get, "/flavors/p").status == .ok)
            #expect(await site.send(.get, "/flavors/p", token: "member@red").status == .notFound)
            #expect(await site.send(.get, "/flavors").json["flavors"]?.array?.count == 2)
            let remove: JSON = ["removeTenantAccess": ["tenant": "blue"]]
            #expect(await site.send(.post, "/flavors/p/action", token: Site.admin, remove).status == .ok)
            #expect(await site.send(.get, "/flavors/p").status == .notFound)
            #expect(await site.send(.get, "/flavors?is_public=none", token: Site.admin).json["flavors"]?.array?.count == 2)
        }
    }

    @Test func extraSpecsChange() async throws {
        try await Site.with(runs: false) { site in
            let path = "/flavors/1/os-extra_specs"
            let set = await site.send(.post, path, token: Site.admin, ["extra_specs": ["hw:cpu_policy": "shared", "a": "1"]])
            #expect(set.status == .ok)
            #expect(await site.send(.get, path + "/a").json == ["a": "1"])
            #expect(await site.send(.put, path + "/a", token: Site.admin, ["a": "2"]).json == ["a": "2"])
            #expect(await site.send(.put, path + "/a", token: Site.admin, ["b": "2"]).status == .badRequest)
            #expect(await site.send(.delete, path + "/a", token: Site.admin).status == .ok)
            #expect(await site.send(.delete, path + "/a", token: Site.admin).status == .notFound)
            #expect(await site.send(.get, "/flavors/1", at: "2.61").json["flavor"]?["extra_specs"] == ["hw:cpu_policy": "shared"])
        }
    }

    @Test func keyPairsByMicroversion() async throws {
        try await Site.with(runs: false) { site in
            let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKxZCdCxgdCn8mKqmvFSlcvKUbPCAJMnDXYcEXz9R0Ny me"
            func body(_ name: String, _ key: String) -> JSON { ["keypair": ["name": .string(name), "public_key": .string(key)]] }
            let made = await site.send(.post, "/os-keypairs", at: "2.92", body("laptop", key))
            #expect(made.status == .created)
            #expect(made.json["keypair"]?["type"] == "ssh")
            #expect(made.json["keypair"]?["fingerprint"]?.string?.split(separator: ":").count == 16)
            #expect(await site.send(.post, "/os-keypairs", at: "2.1", body("desk", key)).status == .ok)
            #expect(await site.send(.post, "/os-keypairs", at: "2.92", body("laptop", key)).status == .conflict)
            #expect(await site.send(.post, "/os-keypairs", at: "2.92", body("bad", "ssh-rsa nothing")).status == .badRequest)
            #expect(await site.send(.post, "/os-keypairs", at: "2.92", ["keypair": ["name": "x"]]).status == .badRequest)
            let page = await site.send(.get, "/os-keypairs?limit=1", at: "2.35")
            #expect(page.json["keypairs"]?[0]?["keypair"]?["name"] == "desk")
            #expect(page.json["keypairs_links"]?[0]?["href"]?.string?.contains("marker=desk") == true)
            #expect(await site.send(.get, "/os-keypairs/laptop").json["keypair"]?["public_key"] == .string(key))
            #expect(await site.send(.get, "/os-keypairs/laptop", token: "member@red").status == .notFound)
            #expect(await site.send(.get, "/os-keypairs/laptop?user_id=user-member-blue", token: "member@red", at: "2.10").status == .forbidden)
            #expect(await site.send(.get, "/os-keypairs/laptop?user_id=user-member-blue", token: Site.admin, at: "2.10").status == .ok)
            #expect(await site.send(.delete, "/os-keypairs/desk", at: "2.1").status == .accepted)
            #expect(await site.send(.delete, "/os-keypairs/laptop", at: "2.2").status == .noContent)
            #expect(await site.send(.delete, "/os-keypairs/laptop", at: "2.2").status == .notFound)
        }
    }

    @Test func hostsAreManaged() async throws {
        try await Site.with { site in
            #expect(await site.send(.get, "/os-services").status == .forbidden)
            let services = await site.send(.get, "/os-services", token: Site.admin, at: "2.53").json["services"]
            #expect(services?.array?.count == 2)
            #expect(services?[0]?["binary"] == "nova-compute")
            #expect(services?[0]?["state"] == "up")
            let id = try #require(services?[0]?["id"]?.string)
            let disable: JSON = ["status": "disabled", "disabled_reason": "repair"]
            let changed = await site.send(.put, "/os-services/\(id)", token: Site.admin, at: "2.53", disable)
            #expect(changed.json["service"]?["disabled_reason"] == "repair")
            let server = try await site.build()
            #expect(site.agents.guests(on: "host-2") == [server: .running])
            let down: JSON = ["forced_down": true]
            #expect(await site.send(.put, "/os-services/\(id)", token: Site.admin, at: "2.53", down).json["service"]?["state"] == "down")
            #expect(await site.send(.put, "/os-services/none", token: Site.admin, at: "2.53", down).status == .badRequest)
            let old = await site.send(.get, "/os-services", token: Site.admin, at: "2.52").json["services"]
            #expect(old?.array?.compactMap { $0["id"]?.int } == [1, 2])
            let hypervisors = await site.send(.get, "/os-hypervisors/detail", token: Site.admin, at: "2.53").json["hypervisors"]
            #expect(hypervisors?[0]?["hypervisor_hostname"] == "host-1")
            #expect(hypervisors?[0]?["status"] == "disabled")
            #expect(hypervisors?[1]?["vcpus"] == 16)
            let one = try #require(hypervisors?[1]?["id"]?.string)
            #expect(await site.send(.get, "/os-hypervisors/\(one)", token: Site.admin, at: "2.88").json["hypervisor"]?["vcpus"] == nil)
            #expect(await site.send(.get, "/os-availability-zone").json["availabilityZoneInfo"]?[0]?["zoneName"] == "nova")
        }
    }

    @Test func quotasAreSetAndCounted() async throws {
        try await Site.with { site in
            _ = try await site.build()
            let limits = await site.send(.get, "/limits").json["limits"]?["absolute"]
            #expect(limits?["totalInstancesUsed"] == 1)
            #expect(limits?["totalRAMUsed"] == 512)
            #expect(limits?["maxTotalInstances"] == 10)
            let body: JSON = ["quota_set": ["instances": 1, "cores": "40"]]
            #expect(await site.send(.put, "/os-quota-sets/blue", body).status == .forbidden)
            #expect(await site.send(.put, "/os-quota-sets/blue", token: Site.admin, body).json["quota_set"]?["cores"] == 40)
            #expect(await site.send(.get, "/os-quota-sets/blue").json["quota_set"]?["instances"] == 1)
            #expect(await site.send(.get, "/os-quota-sets/blue", token: "member@red").status == .forbidden)
            let detail = await site.send(.get, "/os-quota-sets/blue/detail").json["quota_set"]?["instances"]
            #expect(detail == ["limit": 1, "in_use": 1, "reserved": 0])
            #expect(await site.send(.post, "/servers", Site.request("more", ["networks": []])).status == .forbidden)
            #expect(await site.send(.delete, "/os-quota-sets/blue", token: Site.admin).status == .accepted)
            #expect(await site.send(.get, "/os-quota-sets/blue").json["quota_set"]?["instances"] == 10)
            #expect(await site.send(.get, "/os-quota-sets/blue/defaults").json["quota_set"]?["ram"] == 51200)
        }
    }
}
