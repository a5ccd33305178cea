import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Lists, views and what hangs on a server.
@Suite(.timeLimit(.minutes(2))) struct ServerAPITests {
    private func names(_ answer: TestResponse) -> [String] {
        answer.json["servers"]?.array?.compactMap { $0["name"]?.string } ?? []
    }

    @Test func listsAreFilteredAndPaged() async throws {
        try await Site.with { site in
            for name in ["alpha", "beta", "gamma"] { _ = try await site.build(name) }
            _ = try await site.build("foreign", token: "member@red")
            #expect(names(await site.send(.get, "/servers")) == ["gamma", "beta", "alpha"])
            #expect(names(await site.send(.get, "/servers?name=amm")) == ["gamma"])
            #expect(names(await site.send(.get, "/servers?status=ACTIVE&name=be")) == ["beta"])
            #expect(names(await site.send(.get, "/servers?status=error")) == [])
            #expect(names(await site.send(.get, "/servers?sort_key=display_name&sort_dir=asc")) == ["alpha", "beta", "gamma"])
            #expect(await site.send(.get, "/servers?status=what", at: "2.38").status == .badRequest)
            #expect(await site.send(.get, "/servers?limit=x").status == .badRequest)
            #expect(await site.send(.get, "/servers?marker=none").status == .badRequest)
            let first = await site.send(.get, "/servers/detail?limit=2&sort_key=display_name&sort_dir=asc")
            #expect(names(first) == ["alpha", "beta"])
            let link = try #require(first.json["servers_links"]?[0]?["href"]?.string)
            let path = try #require(link.split(separator: "/compute/v2.1").last)
            let second = await site.send(.get, String(path))
            #expect(names(second) == ["gamma"])
            #expect(second.json["servers_links"] == nil)
            #expect(await site.send(.get, "/servers?all_tenants=1").status == .forbidden)
            #expect(names(await site.send(.get, "/servers?all_tenants=1", token: Site.admin)).count == 4)
            #expect(names(await site.send(.get, "/servers?all_tenants=1&project_id=red", token: Site.admin)) == ["foreign"])
            #expect(names(await site.send(.get, "/servers", token: Site.admin)) == [])
        }
    }

    @Test func deletedServersShowWhenAskedForChanges() async throws {
        try await Site.with { site in
            let id = try await site.build("gone")
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            #expect(names(await site.send(.get, "/servers")) == [])
            let changed = await site.send(.get, "/servers/detail?changes-since=2020-01-01T00:00:00Z")
            #expect(changed.json["servers"]?[0]?["status"] == "DELETED")
            #expect(names(await site.send(.get, "/servers?deleted=true")) == [])
            #expect(names(await site.send(.get, "/servers?deleted=true&all_tenants=1", token: Site.admin)) == ["gone"])
            #expect(await site.send(.get, "/servers?status=deleted").status == .forbidden)
        }
    }

    @Test func viewsDifferByMicroversion() async throws {
        try await Site.with { site in
            let id = try await site.build("web", ["availability_zone": "nova"])
            let old = await site.show(id, at: "2.1")
            #expect(old["flavor"]?["id"] == "1")
            #expect(old["locked"] == nil)
            #expect(old["description"] == nil)
            #expect(old["OS-EXT-SRV-ATTR:host"] == nil)
            #expect(old["created"]?.string?.hasSuffix("Z") == true)
            let middle = await site.show(id, at: "2.47")
            #expect(middle["flavor"]?["original_name"] == "tiny")
            #expect(middle["flavor"]?["id"] == nil)
            #expect(middle["locked"] == false)
            #expect(middle["tags"] == [])
            #expect(middle["pinned_availability_zone"] == nil)
            let pinned = await site.show(id, at: "2.96")
            #expect(pinned["pinned_availability_zone"] == "nova")
            #expect(pinned["OS-EXT-AZ:availability_zone"] == "nova")
            #expect(pinned["image"]?["properties"] == nil)
            let new = await site.show(id, at: "2.104")
            #expect(new["image"]?["properties"] == ["hw_disk_bus": "virtio"])
            #expect(new["scheduler_hints"] == [:])
            #expect(new["server_groups"] == [])
            #expect(new["OS-EXT-SRV-ATTR:hostname"] == "web")
            let admin = await site.show(id, token: Site.admin, at: "2.104")
            #expect(admin["OS-EXT-SRV-ATTR:host"] == "host-1")
            #expect(admin["OS-EXT-SRV-ATTR:instance_name"] == "instance-00000001")
            #expect(admin["host_status"] == "UP")
            #expect(admin["hostId"] == new["hostId"])
        }
    }

    @Test func foreignServersAreNotFound() async throws {
        try await Site.with { site in
            let id = try await site.build()
            for path in ["", "/ips", "/metadata", "/os-interface", "/os-instance-actions", "/os-volume_attachments"] {
                #expect(await site.send(.get, "/servers/\(id)\(path)", token: "member@red").status == .notFound)
                #expect(await site.send(.get, "/servers/\(id)\(path)", token: "reader@blue").status == .ok)
                #expect(await site.send(.get, "/servers/\(id)\(path)", token: nil).status == .unauthorized)
            }
            #expect(await site.send(.delete, "/servers/\(id)", token: "member@red").status == .notFound)
            #expect(await site.send(.delete, "/servers/\(id)", token: "reader@blue").status == .forbidden)
            let denied = await site.send(.delete, "/servers/\(id)", token: "reader@blue").json
            #expect(denied["forbidden"]?["message"] == "Policy doesn't allow os_compute_api:servers:delete to be performed.")
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.send(.get, "/servers/nowhere").json["itemNotFound"]?["message"] == "Instance nowhere could not be found.")
        }
    }

    @Test func namesAndDescriptionsChange() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let answer = await site.send(.put, "/servers/\(id)", at: "2.104", ["server": ["name": "new", "description": "front"]])
            #expect(answer.status == .ok)
            #expect(answer.json["server"]?["name"] == "new")
            #expect(await site.show(id)["description"] == "front")
            #expect(await site.send(.put, "/servers/\(id)", at: "2.1", ["server": ["description": "x"]]).status == .badRequest)
            let unpinned = await site.send(.put, "/servers/\(id)", at: "2.104", ["server": ["pinned_availability_zone": "nova"]])
            #expect(unpinned.json["server"]?["pinned_availability_zone"] == "nova")
            let moved = await site.send(.put, "/servers/\(id)", at: "2.104", ["server": ["pinned_availability_zone": "mars"]])
            #expect(moved.status == .conflict)
        }
    }

    @Test func metadataIsKept() async throws {
        try await Site.with({ $0.quota.metadataItems = 3 }) { site in
            let path = "/servers/\(try await site.build())/metadata"
            #expect(await site.send(.post, path, ["metadata": ["a": "1", "b": "2"]]).json["metadata"] == ["a": "1", "b": "2"])
            #expect(await site.send(.put, path + "/c", ["meta": ["c": "3"]]).json["meta"] == ["c": "3"])
            #expect(await site.send(.put, path + "/d", ["meta": ["d": "4"]]).status == .forbidden)
            #expect(await site.send(.put, path + "/c", ["meta": ["d": "4"]]).status == .badRequest)
            #expect(await site.send(.get, path + "/c").json["meta"] == ["c": "3"])
            #expect(await site.send(.delete, path + "/c").status == .noContent)
            #expect(await site.send(.delete, path + "/c").status == .notFound)
            #expect(await site.send(.put, path, ["metadata": ["z": "9"]]).status == .ok)
            #expect(await site.send(.get, path).json["metadata"] == ["z": "9"])
        }
    }

    @Test func addressesAndInterfaces() async throws {
        try await Site.with { site in
            let id = try await site.build("web", ["networks": [["uuid": .string(FakeNetworking.network), "fixed_ip": "10.0.0.77"]]])
            let addresses: JSON = [["version": 4, "addr": "10.0.0.77"], ["version": 4, "addr": "203.0.113.7"]]
            #expect(await site.send(.get, "/servers/\(id)/ips").json["addresses"]?["private"] == addresses)
            #expect(await site.send(.get, "/servers/\(id)/ips/private").json["private"] == addresses)
            #expect(await site.send(.get, "/servers/\(id)/ips/public").status == .notFound)
            let interfaces = await site.send(.get, "/servers/\(id)/os-interface").json["interfaceAttachments"]
            #expect(interfaces?[0]?["fixed_ips"]?[0]?["ip_address"] == "10.0.0.77")
            #expect(await site.send(.get, "/servers/\(id)/os-security-groups").json["security_groups"]?[0]?["name"] == "default")
            #expect(await site.send(.get, "/servers/\(id)/os-volume_attachments").json == ["volumeAttachments": []])
        }
    }

    @Test func operatorsDecideWhoSeesExtraSpecs() async throws {
        try await Site.with(policy: ["os_compute_api:servers:show:flavor-extra-specs": "role:admin"]) { site in
            let id = try await site.build()
            #expect(await site.show(id)["flavor"]?["original_name"] == "tiny")
            #expect(await site.show(id)["flavor"]?["extra_specs"] == nil)
            #expect(await site.show(id, token: Site.admin)["flavor"]?["extra_specs"] == [:])
        }
    }

    @Test func operatorsDecideWhoUsesExternalNetworks() async throws {
        let refusal = NetworkRefusal(.forbidden, "It is not allowed to create an interface on external network n")
        func status(_ policy: [String: String], _ token: String) async throws -> Int {
            var code = 0
            try await Site.with(policy: policy) { site in
                site.orders.fail("plan without external networks", with: refusal)
                code = await site.send(.post, "/servers", token: token, at: "2.104", Site.request()).status.code
                try await site.settle()
            }
            return code
        }
        #expect(try await status([:], Site.member) == 403)
        #expect(try await status([:], Site.admin) == 202)
        #expect(try await status(["network:attach_external_network": "role:member"], Site.member) == 202)
    }

    @Test func guestsReadTheirMetadata() async throws {
        try await Site.with { site in
            let data = "IyEvYmluL3NoCg=="
            let id = try await site.build(
                "web", [
                    "networks": [["uuid": .string(FakeNetworking.network), "fixed_ip": "10.0.0.77"]], "user_data": .string(data),
                    "metadata": ["role": "front"],
                ])
            func read(_ path: String, from address: String = "10.0.0.77") async throws -> String? {
                let found = try await site.compute.metadata.document(network: FakeNetworking.network, address: address, path: path)
                return found.map { String(decoding: $0.body, as: UTF8.self) }
            }
            let meta = try JSON(parsing: try #require(try await read("/openstack/latest/meta_data.json")))
            #expect(meta["uuid"] == .string(id))
            #expect(meta["meta"] == ["role": "front"])
            #expect(meta["availability_zone"] == "nova")
            #expect(try await read("/openstack/latest/user_data") == "#!/bin/sh\n")
            #expect(try await read("/latest/user-data") == "#!/bin/sh\n")
            #expect(try await read("/latest/meta-data/local-ipv4") == "10.0.0.77")
            #expect(try await read("/latest/meta-data/public-ipv4") == "203.0.113.7")
            #expect(try await read("/latest/meta-data/placement/availability-zone") == "nova")
            #expect(try await read("/latest/meta-data/")?.contains("instance-id") == true)
            #expect(try await read("/latest/nothing") == nil)
            #expect(try await read("/openstack/latest/meta_data.json", from: "10.0.0.78") == nil)
            let network = try JSON(parsing: try #require(try await read("/openstack/latest/network_data.json")))
            #expect(network["links"]?[0]?["ethernet_mac_address"] == "fa:16:3e:00:00:01")
        }
    }
}
