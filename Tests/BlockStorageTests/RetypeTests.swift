import CloudAPI
import CloudCore
import CloudStore
import Testing
import VolumeMessages

@testable import BlockStorage

/// Changes of type that need a volume's bytes to be written anew, and what else is done to a volume's bytes as a whole.
struct RetypeTests {
    private func makeTypes(_ site: StorageSite) async throws {
        for name in ["plain", "locked"] {
            let answer = await site.send(.post, "/types", token: StorageSite.admin, ["volume_type": ["name": .string(name)]])
            try #require(answer.status == .ok, "\(answer.text)")
            guard name == "locked", let id = answer.json["volume_type"]?["id"]?.string else { continue }
            let encryption: JSON = [
                "provider": "luks", "cipher": "aes-xts-plain64", "key_size": 256, "control_location": "front-end",
            ]
            let made = await site.send(.post, "/types/\(id)/encryption", token: StorageSite.admin, ["encryption": encryption])
            try #require(made.status == .ok, "\(made.text)")
        }
    }

    private func retype(_ volume: String, to type: String, policy: String, _ site: StorageSite) async throws {
        let body: JSON = ["os-retype": ["new_type": .string(type), "migration_policy": .string(policy)]]
        let answer = await site.send(.post, "/volumes/\(volume)/action", body)
        try #require(answer.status == .accepted, "\(answer.text)")
        try await site.settle()
    }

    @Test func aVolumeIsEncryptedAnewWhereItIs() async throws {
        try await StorageSite.with { site in
            try await makeTypes(site)
            let id = try await site.makeVolume(["volume_type": "plain"])
            let before = try #require(try await site.volume(id))
            try await retype(id, to: "locked", policy: "on-demand", site)
            let locked = try #require(try await site.volume(id))
            #expect(locked.status == .available && locked.migrationStatus == "success" && locked.host == before.host)
            let key = try #require(locked.encryptionKeyID)
            let host = site.hosts["one"]
            #expect(host?.keys == [locked.backendName: key] && host?.volumes == [locked.backendName])
            #expect(site.keys.all == [key])
            #expect(locked.details.cipher == "aes-xts-plain64" && locked.details.keyBits == 256)
            #expect(await site.send(.get, "/volumes/\(id)").json["volume"]?["encrypted"]?.bool == true)

            try await retype(id, to: "plain", policy: "on-demand", site)
            let clear = try #require(try await site.volume(id))
            #expect(clear.status == .available && clear.encryptionKeyID == nil && clear.details.cipher == nil)
            #expect(host?.volumes == [clear.backendName] && site.keys.all.isEmpty)
        }
    }

    @Test func aRefusedVolumeLeavesNoKey() async throws {
        try await StorageSite.with { site in
            try await makeTypes(site)
            let set = await site.send(
                .put, "/os-quota-sets/blue", token: StorageSite.admin, ["quota_set": ["volumes_locked": 0]])
            try #require(set.status == .ok, "\(set.text)")
            let refused = await site.send(.post, "/volumes", ["volume": ["size": 1, "volume_type": "locked"]])
            #expect(refused.status == .contentTooLarge, "\(refused.text)")
            #expect(site.keys.all.isEmpty)
            let lifted = await site.send(
                .put, "/os-quota-sets/blue", token: StorageSite.admin, ["quota_set": ["volumes_locked": 1]])
            try #require(lifted.status == .ok)
            let id = try await site.makeVolume(["volume_type": "locked"])
            #expect(try await site.volume(id).flatMap(\.encryptionKeyID).map { [$0] } == site.keys.all)
        }
    }

    @Test func withoutAMigrationTheTypeStays() async throws {
        try await StorageSite.with { site in
            try await makeTypes(site)
            let id = try await site.makeVolume(["volume_type": "plain"])
            let before = try #require(try await site.volume(id))
            try await retype(id, to: "locked", policy: "never", site)
            let after = try #require(try await site.volume(id))
            #expect(after.status == .available && after.typeID == before.typeID && !after.isEncrypted)
            #expect(site.keys.all.isEmpty)
        }
    }

    @Test func aCopyThatFailsLeavesVolumeAndKeysAsTheyWere() async throws {
        try await StorageSite.with { site in
            try await makeTypes(site)
            let id = try await site.makeVolume(["volume_type": "locked"])
            let before = try #require(try await site.volume(id))
            site.hosts["one"]?.fail(CopyVolume.method, .full)
            try await retype(id, to: "plain", policy: "on-demand", site)
            let after = try #require(try await site.volume(id))
            #expect(after.status == .available && after.migrationStatus == "error" && after.typeID == before.typeID)
            #expect(after.encryptionKeyID == before.encryptionKeyID && site.keys.all == Set([before.encryptionKeyID].compactMap { $0 }))
            #expect(site.hosts["one"]?.volumes == [before.backendName])
        }
    }

    @Test func anEncryptedVolumeGoesWithoutItsKey() async throws {
        try await StorageSite.with { site in
            try await makeTypes(site)
            let id = try await site.makeVolume(["volume_type": "locked"])
            // As after a crash between the end of the key and that of the row.
            let key = try #require(try await site.volume(id)?.encryptionKeyID)
            try await site.keys.deleteKey(key)
            #expect(await site.send(.delete, "/volumes/\(id)").status == .accepted)
            try await site.settle()
            #expect(try await site.volume(id) == nil)
            #expect(site.hosts["one"]?.volumes.isEmpty == true)
        }
    }

    @Test(arguments: [
        ["os-extend": ["new_size": 2]], ["os-reserve": [:]], ["os-attach": ["host_name": "somewhere", "mountpoint": "/dev/vdb"]],
    ] as [JSON])
    func nothingIsDoneToAVolumeThatMigrates(action: JSON) async throws {
        try await StorageSite.with { site in
            let id = try await site.makeVolume()
            let source: JSON = ["volume": ["size": 1, "source_volid": .string(id)]]
            try await site.database.write { try VolumeRecords.change(id, in: $0) { $0.migrationStatus = "migrating" } }
            let before = try await site.volume(id)
            let answer = await site.send(.post, "/volumes/\(id)/action", token: "admin@blue", action)
            #expect(answer.status == .badRequest && answer.text.contains("migrating"), "\(answer.text)")
            for (path, body) in [
                ("/volumes", source), ("/attachments", ["attachment": ["volume_uuid": .string(id)]]),
                ("/backups", ["backup": ["volume_id": .string(id)]]), ("/volume-transfers", ["transfer": ["volume_id": .string(id)]]),
            ] as [(String, JSON)] {
                let refusal = await site.send(.post, path, token: "admin@blue", body)
                #expect(refusal.status == .badRequest && refusal.text.contains("migrating"), "\(path): \(refusal.text)")
            }
            #expect(try await site.volume(id) == before)
        }
    }

    @Test func aGrowthThatComputeGivesUpIsInError() async throws {
        try await StorageSite.with { site in
            let id = try await site.makeVolume()
            func complete(error: Bool) async -> HTTPResponse.Status {
                await site.send(
                    .post, "/volumes/\(id)/action", token: "admin@blue", ["os-extend_volume_completion": ["error": .bool(error)]]).status
            }
            #expect(await complete(error: true) == .badRequest)
            let reset: JSON = ["os-reset_status": ["status": "extending"]]
            #expect(await site.send(.post, "/volumes/\(id)/action", token: "admin@blue", reset).status == .accepted)
            #expect(await complete(error: false) == .badRequest)
        }
    }
}
