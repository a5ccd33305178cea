import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import BlockStorage

/// What connections say of QoS specs, and what changes of type leave alone while somebody keeps them.
struct FrontEndQoSTests {
    private static let server = "7d8b1b7c-9d5e-4b30-9f7c-0c3a36c6a5d1"

    /// Makes QoS specs and volume types that have them.
    @discardableResult
    private func makeTypes(
        _ names: [String], consumer: String = "front-end", _ specs: [String: String], _ site: StorageSite
    ) async throws -> String {
        var body: JSONObject = ["name": .string("specs-of-" + names.joined()), "consumer": .string(consumer)]
        for (name, value) in specs { body[name] = .string(value) }
        let made = await site.send(.post, "/qos-specs", token: StorageSite.admin, ["qos_specs": .object(body)])
        let qos = try #require(made.json["qos_specs"]?["id"]?.string, "\(made.text)")
        for name in names {
            let type = try await makeType(name, site)
            let given = await site.send(.get, "/qos-specs/\(qos)/associate?vol_type_id=\(type)", token: StorageSite.admin)
            try #require(given.status == .accepted, "\(given.text)")
        }
        return qos
    }

    private func makeType(_ name: String, _ site: StorageSite) async throws -> String {
        let answer = await site.send(.post, "/types", token: StorageSite.admin, ["volume_type": ["name": .string(name)]])
        return try #require(answer.json["volume_type"]?["id"]?.string, "\(answer.text)")
    }

    /// Attaches a volume as compute does.
    private func attach(_ volume: String, as id: String, _ site: StorageSite) async throws -> VolumeAccess {
        try await site.database.write { transaction in
            try site.storage.reserve(
                attachment: id, volume: volume, server: Self.server, projectID: "blue", isReadOnly: false, isSecond: false,
                in: transaction)
        }
        let access = try await site.storage.connect(attachment: id, host: "compute-1", address: "10.0.0.9", device: nil)
        try await site.database.write { try site.storage.complete(attachment: id, device: "/dev/vdb", in: $0) }
        return access
    }

    @Test(arguments: ["front-end", "both", "back-end"]) func aConnectionSaysWhatItsHostKeeps(consumer: String) async throws {
        try await StorageSite.with { site in
            try await makeTypes(["limited"], consumer: consumer, ["total_iops_sec": "500", "anything": "else"], site)
            let expected: JSON = consumer == "back-end" ? .null : ["total_iops_sec": "500", "anything": "else"]
            let volume = try await site.makeVolume(["volume_type": "limited"])
            let wanted: JSON = [
                "volume_uuid": .string(volume), "instance_uuid": .string(Self.server), "connector": ["host": "compute-1"],
            ]
            let answer = await site.send(.post, "/attachments", ["attachment": wanted])
            let info = try #require(answer.json["attachment"]?["connection_info"], "\(answer.text)")
            #expect(info["qos_specs"] == expected)
            #expect(info["access_mode"] == "rw")

            let other = try await site.makeVolume(["volume_type": "limited"])
            let older = await site.send(
                .post, "/volumes/\(other)/action", ["os-initialize_connection": ["connector": ["host": "compute-1"]]])
            #expect(older.json["connection_info"]?["data"]?["qos_specs"] == expected, "\(older.text)")
        }
    }

    @Test func volumesOfOtherTypesHaveNone() async throws {
        try await StorageSite.with { site in
            try await makeTypes(["limited"], ["total_iops_sec": "500"], site)
            _ = try await makeType("plain", site)
            let access = try await attach(try await site.makeVolume(["volume_type": "plain"]), as: "first", site)
            #expect(access.qosSpecs == nil)
        }
    }

    @Test(arguments: [
        (["total_iops_sec_per_gb": "30"], ["total_iops_sec": 300]),
        (["total_iops_sec_per_gb": "30", "total_iops_sec_per_gb_min": "500"], ["total_iops_sec": 500]),
        (["total_iops_sec_per_gb": "30", "total_iops_sec_max": "200"], ["total_iops_sec": 200]),
        (["read_bytes_sec_per_gb": "9", "read_bytes_sec_per_gb_min": "500", "read_bytes_sec_max": "200"], ["read_bytes_sec": 200]),
        (
            ["write_bytes_sec_per_gb": "5", "write_bytes_sec": "7", "write_iops_sec": "8", "write_iops_sec_max": "9"],
            ["write_bytes_sec": 50, "write_iops_sec": "8", "write_iops_sec_max": "9"]
        ),
        (["total_iops_sec_per_gb_min": "3"], ["total_iops_sec_per_gb_min": "3"]),
        ([:], [:]),
    ] as [([String: String], JSON)])
    func amountsForEachGiBAreMadeWhole(specs: [String: String], expected: JSON) throws {
        let qos = QoSSpecs(id: "q", name: "q", consumer: .both, specs: specs, createdAt: .now)
        #expect(try qos.frontEnd(sizeGiB: 10) == expected)
    }

    @Test func aConnectionKeepsWhatHeldWhenItWasMade() async throws {
        try await StorageSite.with { site in
            let qos = try await makeTypes(["limited"], ["total_iops_sec_per_gb": "30"], site)
            let volume = try await site.makeVolume(["volume_type": "limited", "size": 2])
            #expect(try await attach(volume, as: "first", site).qosSpecs == ["total_iops_sec": "60"])
            let changed = await site.send(
                .put, "/qos-specs/\(qos)", token: StorageSite.admin, ["qos_specs": ["total_iops_sec_per_gb": "40"]])
            try #require(changed.status == .ok, "\(changed.text)")
            #expect(try await site.storage.access(attachment: "first")?.qosSpecs == ["total_iops_sec": "60"])
            let shown = await site.send(.get, "/attachments/first").json["attachment"]?["connection_info"]
            #expect(shown?["qos_specs"] == ["total_iops_sec": 60])
            let listed = await site.send(.get, "/attachments/detail").json["attachments"]?[0]?["connection_info"]
            #expect(listed?["qos_specs"] == ["total_iops_sec": 60])
            // The next host keeps what holds by then.
            try await site.storage.disconnect(attachment: "first")
            let next = try await site.storage.connect(attachment: "first", host: "compute-2", address: "10.0.0.10", device: nil)
            #expect(next.qosSpecs == ["total_iops_sec": "80"])
        }
    }

    @Test func specsThatCannotBeCountedOutRefuseAConnectionAndChangeNothing() async throws {
        try await StorageSite.with { site in
            try await makeTypes(["limited"], ["total_iops_sec_per_gb": "many"], site)
            let volume = try await site.makeVolume(["volume_type": "limited"])
            let before = try #require(try await site.volume(volume))
            let wanted: JSON = ["volume_uuid": .string(volume), "instance_uuid": .string(Self.server), "connector": ["host": "compute-1"]]
            let refused = await site.send(.post, "/attachments", ["attachment": wanted])
            #expect(refused.status == .badRequest && refused.text.contains("total_iops_sec_per_gb"), "\(refused.text)")
            let after = try #require(try await site.volume(volume))
            #expect(after.status == .available && after.attachStatus == before.attachStatus)
            #expect(site.hosts.values.flatMap(\.connections.keys).isEmpty)
            let left = try await site.database.read { try AttachmentRecords.of(volume: volume, in: $0) }
            #expect(left.isEmpty)
        }
    }

    @Test func aVolumeInUseKeepsItsFrontEndSpecs() async throws {
        try await StorageSite.with { site in
            try await makeTypes(["limited", "alike"], ["total_iops_sec": "500"], site)
            try await makeTypes(["other"], consumer: "both", ["total_iops_sec": "500"], site)
            try await makeTypes(["capped"], consumer: "back-end", ["anything": "else"], site)
            _ = try await makeType("plain", site)
            func retype(_ from: String, to type: String, inUse: Bool = true) async throws -> HTTPResponse.Status {
                let id = try await site.makeVolume(["volume_type": .string(from)])
                if inUse { _ = try await attach(id, as: "\(from) to \(type)", site) }
                let body: JSON = ["os-retype": ["new_type": .string(type), "migration_policy": "never"]]
                let answer = await site.send(.post, "/volumes/\(id)/action", body)
                let status = try await site.volume(id)?.status
                if answer.status == .badRequest { #expect(answer.text.contains("front-end qos specs") && status == .inUse) }
                try await site.settle()
                return answer.status
            }
            for (from, type) in [("limited", "plain"), ("plain", "limited"), ("limited", "other"), ("capped", "other")] {
                #expect(try await retype(from, to: type) == .badRequest, "\(from) to \(type)")
            }
            for (from, type) in [("limited", "alike"), ("plain", "capped"), ("capped", "plain")] {
                #expect(try await retype(from, to: type) == .accepted, "\(from) to \(type)")
            }
            #expect(try await retype("limited", to: "plain", inUse: false) == .accepted)
        }
    }
}
