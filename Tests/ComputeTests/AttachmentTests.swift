import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages
import Foundation
import Testing

@testable import Compute

/// Interfaces, the log's events, and what guests are told of themselves.
@Suite(.timeLimit(.minutes(2))) struct AttachmentTests {
    @Test func creationsKeepWhatTheyWereAskedFor() async throws {
        try await Site.with { site in
            let id = try await site.build("web", [
                "tags": ["one", "two"], "accessIPv4": "192.0.2.7", "OS-DCF:diskConfig": "AUTO", "hostname": "www.example.org",
                "description": "front", "config_drive": true,
            ])
            let shown = await site.show(id)
            #expect(shown["tags"] == ["one", "two"])
            #expect(shown["accessIPv4"] == "192.0.2.7")
            #expect(shown["OS-DCF:diskConfig"] == "AUTO")
            #expect(shown["OS-EXT-SRV-ATTR:hostname"] == "www.example.org")
            #expect(shown["config_drive"] == "True")
            let changed = await site.send(
                .put, "/servers/\(id)", at: "2.1", ["server": ["accessIPv4": "192.0.2.8", "OS-DCF:diskConfig": "MANUAL"]])
            #expect(changed.json["server"]?["accessIPv4"] == "192.0.2.8")
            #expect(changed.json["server"]?["OS-EXT-STS:vm_state"] == nil)
        }
    }

    @Test func severalServersGetNumbers() async throws {
        try await Site.with { site in
            let answer = await site.send(
                .post, "/servers", at: "2.104", Site.request("web.front", ["min_count": 2, "return_reservation_id": true]))
            #expect(answer.status == .accepted)
            #expect(answer.json["reservation_id"]?.string?.hasPrefix("r-") == true)
            try await site.settle()
            let names = await site.send(.get, "/servers?sort_key=display_name&sort_dir=asc").json["servers"]?.array?
                .compactMap { $0["name"]?.string }
            #expect(names == ["web.front-1", "web.front-2"])
        }
    }

    @Test func hostNamesAreSafe() {
        #expect(HostName.make(from: "Web Front.1_a", id: "x") == "web-front-1-a")
        #expect(HostName.make(from: "日本", id: "7") == "Server-7")
        #expect(HostName.make(from: "web", id: "x", number: 2) == "web-2")
        #expect(HostName.make(from: String(repeating: "a", count: 80), id: "x").count == 63)
    }

    @Test func eventsAreSeenByRights() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let list = await site.send(.get, "/servers/\(id)/os-instance-actions", at: "2.58")
            let request = try #require(list.json["instanceActions"]?[0]?["request_id"]?.string)
            let path = "/servers/\(id)/os-instance-actions/\(request)"
            let user = await site.send(.get, path, at: "2.84").json["instanceAction"]?["events"]?[0]
            #expect(user?["result"] == "Success")
            #expect(user?["host"] == nil)
            #expect(user?["hostId"]?.string?.isEmpty == false)
            #expect(user?["details"] == nil)
            #expect(await site.send(.get, path, at: "2.50").json["instanceAction"]?["events"] == nil)
            let admin = await site.send(.get, path, token: Site.admin, at: "2.84").json["instanceAction"]?["events"]?[0]
            #expect(admin?["host"] == "host-1")
            #expect(await site.send(.get, "/servers/\(id)/os-instance-actions?marker=none", at: "2.58").status == .badRequest)
            #expect(await site.send(.get, "/servers/\(id)/os-instance-actions?what=1", at: "2.58").status == .badRequest)
        }
    }

    @Test func expressionsFindServers() async throws {
        try await Site.with { site in
            for name in ["web-1", "web-22", "db-1"] { _ = try await site.build(name) }
            func names(_ query: String) async -> [String] {
                let answer = await site.send(.get, "/servers?sort_key=display_name&sort_dir=asc&" + query, at: "2.66")
                return answer.json["servers"]?.array?.compactMap { $0["name"]?.string } ?? []
            }
            #expect(await names("name=%5Eweb-%5B0-9%5D%24") == ["web-1"])
            #expect(await names("name=WEB") == ["web-1", "web-22"])
            #expect(await names("name=-%5B12%5D%2B&limit=1") == ["db-1"])
            #expect(await names("ip=10.0.0") == ["db-1", "web-1", "web-22"])
            #expect(await names("ip=192.0.2") == [])
            #expect(await site.send(.get, "/servers?name=%28", at: "2.66").status == .badRequest)
            #expect(await site.send(.get, "/servers?_id=1", token: Site.admin).status == .badRequest)
            #expect(await site.send(.get, "/servers?sort_key=host").status == .forbidden)
            #expect(await site.send(.get, "/servers?sort_key=memory_mb").status == .ok)
            #expect(await site.send(.get, "/servers?sort_key=memory_mb", at: "2.75").status == .badRequest)
            #expect(await site.send(.get, "/servers?unknown=1", at: "2.75").status == .badRequest)
        }
    }

    @Test func markersAreServersOfTheProjectsThatAreListed() async throws {
        try await Site.with { site in
            let (own, foreign) = (try await site.build(), try await site.build("theirs", token: "member@red"))
            func status(_ marker: String, _ query: String = "", token: String = Site.member) async -> Int {
                await site.send(.get, "/servers?marker=\(marker)\(query)", token: token).status.code
            }
            #expect(await status(own) == 200)
            #expect(await status(foreign) == 400)
            let answer = await site.send(.get, "/servers/detail?marker=\(foreign)")
            #expect(answer.json["badRequest"]?["message"] == .string("marker [\(foreign)] not found"))
            #expect(await status(foreign, "&all_tenants=1", token: Site.admin) == 200)
            #expect(await status(foreign, "&all_tenants=1&project_id=red", token: Site.admin) == 200)
            #expect(await status(foreign, "&all_tenants=1&project_id=blue", token: Site.admin) == 400)
        }
    }

    @Test func addressesNarrowWhatOtherFiltersFind() async throws {
        try await Site.with { site in
            let ids = [try await site.build("a"), try await site.build("b")]
            func found(_ query: String, at version: String = "2.66") async -> [String] {
                let answer = await site.send(.get, "/servers?all_tenants=1&" + query, token: Site.admin, at: version)
                return answer.json["servers"]?.array?.compactMap { $0["id"]?.string } ?? ["\(answer.status)"]
            }
            #expect(Set(await found("ip=10.0.0")) == Set(ids))
            #expect(await found("ip=10.0.0&uuid=\(ids[0])") == [ids[0]])
            #expect(await found("ip=192.0.2&uuid=\(ids[0])") == [])
            #expect(await found("ip=10.0.0&status=unheard", at: "2.37") == [])
        }
    }

    @Test func drivesHoldEveryVersion() async throws {
        try await Site.with { site in
            let id = try await site.build("web", ["config_drive": true, "user_data": "aGVsbG8=", "metadata": ["a": "b"]])
            let found = try await site.database.read { try ServerRecords.find(id, in: $0) }
            let server = try #require(found)
            let drive = try #require(server.drive([], zone: "nova", vendorData: VendorData(fixed: ["k": "v"]), password: Secret("s3cret")))
            let files = Dictionary(uniqueKeysWithValues: drive.files.map { ($0.path, $0.bytes) })
            for version in MetadataTree.Version.paths { #expect(files["openstack/\(version)/user_data"] == Array("hello".utf8).data) }
            let newest = try JSON(parsing: String(decoding: try #require(files["openstack/latest/meta_data.json"]), as: UTF8.self))
            #expect(newest["admin_pass"] == "s3cret")
            #expect(newest["meta"]?["a"] == "b")
            #expect(newest["random_seed"]?.string?.count ?? 0 > 600)
            let oldest = try JSON(parsing: String(decoding: try #require(files["openstack/2012-08-10/meta_data.json"]), as: UTF8.self))
            #expect(oldest["random_seed"] == nil)
            #expect(files["openstack/2012-08-10/network_data.json"] == nil)
            #expect(files["ec2/2009-04-04/meta-data.json"] != nil)
            #expect(server.guest(ports: []).configDrive != nil)
        }
    }

    @Test func passwordsAreLeftOnce() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let address = try #require(await site.show(id)["addresses"]?["private"]?[0]?["addr"]?.string)
            func leave(_ text: String?) async throws -> MetadataService.Answer {
                try await site.compute.metadata.answer(
                    network: FakeNetworking.network, address: address, path: "/openstack/latest/password",
                    leaving: text.map { Array($0.utf8) })
            }
            guard case .document = try await leave("c2VjcmV0") else {
                _ = Issue.record("not kept")
                return
            }
            guard case .status(409) = try await leave("other") else {
                _ = Issue.record("kept twice")
                return
            }
            guard case .document(_, let body) = try await leave(nil) else {
                _ = Issue.record("not shown")
                return
            }
            #expect(String(decoding: body, as: UTF8.self) == "c2VjcmV0")
            #expect(await site.send(.get, "/servers/\(id)/os-server-password").json["password"] == "c2VjcmV0")
        }
    }
}

extension Array<UInt8> {
    fileprivate var data: Data { Data(self) }
}

/// Values kept as text.
struct StoredTests {
    @Test func optionalsAreNotLostWhenTheyAreReadForTheFirstTime() {
        let image = ServerImage(
            id: "i", name: nil, status: "active", diskFormat: "raw", minDiskGiB: 0, minMemoryMiB: 0, sizeBytes: 7, checksum: nil,
            properties: [:])
        let text = Stored<ServerImage?>(image).sqlValue
        for _ in 0..<2 { #expect(Stored<ServerImage?>(sqlValue: text)?.value == image) }
        for _ in 0..<2 { #expect(Stored<ServerImage?>(sqlValue: .text("null"))?.value == nil) }
    }
}
