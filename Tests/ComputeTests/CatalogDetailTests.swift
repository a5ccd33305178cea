import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Compute

/// What tempest does not reach of the catalogue: limits of users, odd filters, texts that are no keys.
@Suite(.timeLimit(.minutes(2))) struct CatalogDetailTests {
    @Test func tagsAreFoundAndCounted() async throws {
        try await Site.with { site in
            let (first, second) = (try await site.build("a"), try await site.build("b"))
            func put(_ id: String, _ tags: [String]) async -> HTTPResponse.Status {
                await site.send(.put, "/servers/\(id)/tags", at: "2.26", ["tags": .array(tags.map { .string($0) })]).status
            }
            #expect(await put(first, ["blue", "big"]) == .ok)
            #expect(await put(second, ["blue", "small"]) == .ok)
            func found(_ query: String) async -> Set<String> {
                let list = await site.send(.get, "/servers?\(query)", at: "2.26").json["servers"]?.array ?? []
                return Set(list.compactMap { $0["name"]?.string })
            }
            #expect(await found("tags=blue,big") == ["a"])
            #expect(await found("tags-any=big,small") == ["a", "b"])
            #expect(await found("not-tags=blue,big") == ["b"])
            #expect(await found("not-tags-any=small") == ["a"])
            #expect(await site.send(.put, "/servers/\(first)/tags/new", at: "2.26").status == .created)
            #expect(await site.send(.put, "/servers/\(first)/tags/new", at: "2.26").status == .noContent)
            #expect(await site.send(.put, "/servers/\(first)/tags/a%2Fb", at: "2.26").status == .badRequest)
            #expect(await site.send(.get, "/servers/\(first)/tags/none", at: "2.26").status == .notFound)
            #expect(await put(first, (0..<51).map { "t\($0)" }) == .badRequest)
            #expect(await put(first, (0..<50).map { "t\($0)" }) == .ok)
            #expect(await site.send(.put, "/servers/\(first)/tags/more", at: "2.26").status == .badRequest)
            #expect(await site.send(.get, "/servers/\(first)/tags", at: "2.25").status == .notFound)
        }
    }

    @Test func usersHaveQuotasOfTheirOwn() async throws {
        try await Site.with { site in
            let path = "/os-quota-sets/blue"
            func set(_ query: String, _ limits: JSON) async -> HTTPResponse.Status {
                await site.send(.put, path + query, token: Site.admin, ["quota_set": limits]).status
            }
            #expect(await set("?user_id=user-member-blue", ["instances": 11]) == .badRequest)
            #expect(await set("?user_id=user-member-blue", ["instances": -1]) == .badRequest)
            #expect(await set("?user_id=user-member-blue", ["instances": 1]) == .ok)
            #expect(await set("", ["instances": 0]) == .badRequest)
            #expect(await set("", ["instances": 0, "force": true]) == .ok)
            #expect(await set("", ["instances": 5]) == .ok)
            _ = try await site.build()
            #expect(await site.send(.post, "/servers", Site.request("more", ["networks": []])).status == .forbidden)
            let shown = await site.send(.get, path + "/detail?user_id=user-member-blue", token: Site.admin).json["quota_set"]
            #expect(shown?["instances"] == ["limit": 1, "in_use": 1, "reserved": 0])
            #expect(await site.send(.get, path + "?nonsense=1", at: "2.74").status == .ok)
            #expect(await site.send(.get, path + "?nonsense=1", at: "2.75").status == .badRequest)
            #expect(await site.send(.get, path, at: "2.35").json["quota_set"]?["floating_ips"] == -1)
            #expect(await site.send(.get, path, at: "2.36").json["quota_set"]?["floating_ips"] == nil)
        }
    }

    @Test func unifiedLimitsTakeThePlaceOfQuotaSets() async throws {
        #expect(ComputeAllowance.quota(from: [:]).instances == 0)
        #expect(ComputeAllowance.quota(from: ["servers": 3, "class:VCPU": 8]).cores == 8)
        #expect(ComputeAllowance.quota(from: ["servers": 3]).ram == -1)
        try await Site.with { site in
            _ = try await site.build()
            func admitted(_ limits: [String: Int], _ count: ClosedRange<Int>) async throws -> Int {
                let allowance = ComputeAllowance(projectID: "blue", userID: "u", unified: limits, defaults: ComputeQuota())
                return try await site.database.read { reader in
                    let flavor = try #require(try FlavorRecords.find("1", in: reader))
                    return try allowance.servers(of: flavor, count: count, in: reader)
                }
            }
            #expect(try await admitted(["servers": 4], 1...9) == 3)
            #expect(try await admitted(["servers": -1, "class:MEMORY_MB": 1536], 1...9) == 2)
            #expect(try await admitted(["servers": -1, "class:DISK_GB": 2], 1...9) == 1)
            await #expect(throws: ComputeError.self) { try await admitted(["servers": -1, "class:DISK_GB": 2], 2...9) }
            await #expect(throws: ComputeError.self) { try await admitted([:], 1...1) }
        }
    }

    @Test func theDefaultClassIsEveryonesDefault() async throws {
        try await Site.with(runs: false) { site in
            let body: JSON = ["quota_class_set": ["cores": 7, "server_groups": 3]]
            let set = await site.send(.put, "/os-quota-class-sets/default", token: Site.admin, at: "2.49", body)
            #expect(set.json["quota_class_set"]?["cores"] == 7)
            #expect(set.json["quota_class_set"]?["server_groups"] == nil)
            #expect(await site.send(.get, "/os-quota-sets/blue").json["quota_set"]?["cores"] == 7)
            #expect(await site.send(.get, "/limits").json["limits"]?["absolute"]?["maxServerGroups"] == 3)
            #expect(await site.send(.get, "/os-quota-class-sets/default").status == .forbidden)
        }
    }

    @Test func keysAreMade() async throws {
        try await Site.with(runs: false) { site in
            let ssh = await site.send(.post, "/os-keypairs", at: "2.2", ["keypair": ["name": "made"]]).json["keypair"]
            #expect(ssh?["private_key"]?.string?.hasPrefix("-----BEGIN RSA PRIVATE KEY-----") == true)
            let publicKey = try #require(ssh?["public_key"]?.string)
            #expect(SSHPublicKey.bytes(of: publicKey) != nil)
            let body: JSON = ["keypair": ["name": "windows", "type": "x509"]]
            let x509 = await site.send(.post, "/os-keypairs", at: "2.2", body).json["keypair"]
            let certificate = try #require(x509?["public_key"]?.string)
            #expect(certificate.hasPrefix("-----BEGIN CERTIFICATE-----"))
            #expect(x509?["fingerprint"]?.string?.split(separator: ":").count == 20)
            let again: JSON = ["keypair": ["name": "again", "type": "x509", "public_key": .string(certificate)]]
            let imported = await site.send(.post, "/os-keypairs", at: "2.92", again)
            #expect(imported.json["keypair"]?["fingerprint"] == x509?["fingerprint"])
            let wrong: JSON = ["keypair": ["name": "wrong", "type": "x509", "public_key": .string(publicKey)]]
            #expect(await site.send(.post, "/os-keypairs", at: "2.92", wrong).status == .badRequest)
        }
    }

    @Test(arguments: [
        "", "ssh-rsa", "ssh-rsa AAAA", "ssh-rsa " + String(repeating: "A", count: 2048),
        "ssh-dss AAAAC3NzaC1lZDI1NTE5AAAAIKxZCdCxgdCn8mKqmvFSlcvKUbPCAJMnDXYcEXz9R0Ny",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKxZCdCxgdCn8mKqmvFSlcvKUbPCAJMnDXYcEXz9",
    ])
    func textsThatAreNoKeys(_ text: String) { #expect(SSHPublicKey.bytes(of: text) == nil) }

    @Test func consoleTokensExpire() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let connection = ConsoleConnection(serverID: id, kind: "novnc", host: "host-1", port: 5900)
            let now = Timestamp.now
            try await site.database.write { transaction in
                try ConsoleTokenRecords.authorize("good", for: connection, until: now + .seconds(600), in: transaction)
                try ConsoleTokenRecords.authorize("old", for: connection, until: now + .seconds(-1), in: transaction)
            }
            func show(_ token: String, at version: String) async -> TestResponse {
                await site.send(.get, "/os-console-auth-tokens/\(token)", token: Site.admin, at: version)
            }
            #expect(await show("good", at: "2.31").json["console"]?["port"] == 5900)
            #expect(await show("old", at: "2.31").status == .notFound)
            #expect(await show("good", at: "2.30").status == .badRequest)
            #expect(try await site.count("compute_console_tokens WHERE digest = 'good'") == 0)
        }
    }

    @Test func passwordsAreLeftOnce() async throws {
        try await Site.with { site in
            let (id, path) = (try await site.build(), "/os-server-password")
            #expect(await site.send(.get, "/servers/\(id)\(path)").json == ["password": ""])
            let left = try await site.database.write { try ServerPasswordRecords.leave("secret", server: id, in: $0) }
            let again = try await site.database.write { try ServerPasswordRecords.leave("other", server: id, in: $0) }
            #expect(left && !again)
            #expect(await site.send(.get, "/servers/\(id)\(path)").json == ["password": "secret"])
            #expect(await site.send(.delete, "/servers/\(id)\(path)").status == .noContent)
            #expect(await site.send(.get, "/servers/\(id)\(path)").json == ["password": ""])
        }
    }

    @Test func removedOperationsAreGone() async throws {
        try await Site.with(runs: false) { site in
            for version in ["2.1", "2.104"] {
                #expect(await site.send(.get, "/os-cells/detail", at: version).status == .gone)
                #expect(await site.send(.post, "/os-certificates", at: version).status == .gone)
            }
            #expect(await site.send(.get, "/os-networks", at: "2.36").status == .notFound)
            #expect(await site.send(.get, "/os-networks", at: "2.35").status == .notImplemented)
            #expect(await site.send(.get, "/extensions/os-consoles").json["extension"]?["name"] == "Consoles")
        }
    }
}

/// Rules of the catalogue that are functions.
@Suite struct CatalogRuleTests {
    private func isKnown(_ name: String, _ value: String) -> Bool {
        (try? ExtraSpecCatalog(names: nil).check(name, value)) != nil
    }

    @Test func extraSpecsAreChecked() {
        #expect(isKnown("hw:cpu_policy", "dedicated"))
        #expect(!isKnown("hw:cpu_policy", "both"))
        #expect(!isKnown("hw:cpu_polizy", "shared"))
        #expect(isKnown("hw:numa_cpus.0", "0-3,^2"))
        #expect(!isKnown("hw:numa_mem.0", "0"))
        #expect(isKnown("resources1:VCPU", "2"))
        #expect(!isKnown("resources1:VCPU", "many"))
        #expect(isKnown("trait:CUSTOM_GOLD", "required"))
        #expect(!isKnown("trait_a:CUSTOM_GOLD", "wanted"))
        #expect(isKnown("quota:disk_read_bytes_sec", "10"))
        #expect(!isKnown("quota:nonsense", "10"))
        #expect(isKnown("my:own", "anything"))
        #expect(isKnown("plain", "anything"))
        #expect(isKnown("capabilities:cpu_info:arch", "x86_64"))
        #expect(isKnown("pci_passthrough:alias", "a:1, b:2"))
        #expect(!isKnown("pci_passthrough:alias", "a"))
    }

    @Test func auditPeriodsAreCompletedMonths() throws {
        let moment = try #require(Timestamp(iso8601: "2026-01-15T10:00:00Z"))
        #expect(AuditPeriod(before: moment).startText == "2025-12-01 00:00:00")
        #expect(AuditPeriod(before: moment).endText == "2026-01-01 00:00:00")
        let first = try #require(Timestamp(iso8601: "2026-01-01T00:00:00Z"))
        #expect(AuditPeriod(before: first).endText == "2025-12-01 00:00:00")
    }

    @Test func usageCountsHoursWithinThePeriod() throws {
        let flavor = Flavor(
            id: "1", name: "tiny", vcpus: 1, memoryMiB: 512, diskGiB: 1, ephemeralGiB: 0, swapMiB: 0, rxtxFactor: 1,
            isPublic: true, isDisabled: false, description: nil, extraSpecs: [:])
        func moment(_ hour: Int) -> Timestamp { Timestamp(seconds: hour * 3600) }
        func hours(_ launched: Int?, _ ended: Int?) -> Double {
            ServerUsage(
                id: "s", name: "s", projectID: "p", flavor: flavor, state: "active", launchedAt: launched.map(moment),
                endedAt: ended.map(moment)
            ).hours(from: moment(10), to: moment(20))
        }
        #expect(hours(5, nil) == 10)
        #expect(hours(12, 15) == 3)
        #expect(hours(1, 5) == 0)
        #expect(hours(25, nil) == 0)
        #expect(hours(nil, nil) == 0)
        #expect(throws: ComputeError.self) { try UsagePeriod.moment("yesterday") }
        #expect(throws: ComputeError.self) { try UsagePeriod.moment("2026-01-01 00:00:00") }
    }

    @Test func rulesOfSecurityGroupsAreTranslated() throws {
        let parent = Identifier.uuid()
        func rule(_ members: JSON) throws -> JSON {
            var object = try #require(members.object)
            object["parent_group_id"] = .string(parent)
            return try WantedRule(.object(object)).body
        }
        let ssh = try rule(["ip_protocol": "TCP", "from_port": "22", "to_port": 22, "cidr": "10.0.0.0/8"])
        #expect(ssh["port_range_min"] == 22)
        #expect(ssh["protocol"] == "tcp")
        #expect(ssh["remote_ip_prefix"] == "10.0.0.0/8")
        let ping = try rule(["ip_protocol": "icmp", "from_port": -1, "to_port": -1, "cidr": "::/0"])
        #expect(ping["port_range_min"] == nil)
        #expect(ping["ethertype"] == "IPv6")
        #expect(throws: ComputeError.self) { try rule(["ip_protocol": "tcp", "from_port": 80, "to_port": 22]) }
        #expect(throws: ComputeError.self) { try rule(["cidr": "10.0.0.0/8"]) }
        #expect(throws: ComputeError.self) { try rule(["ip_protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "10.0.0.0/0"]) }
    }
}
