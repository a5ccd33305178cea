import CloudAPI
import CloudCore
import CloudStore
import Testing
import VolumeMessages

@testable import BlockStorage

/// Groups, whose status follows from their volumes.
struct GroupTests {
    /// Makes a group for volumes of the default type.
    private func makeGroup(_ site: StorageSite, _ specs: JSON = [:]) async throws -> String {
        let type = await site.send(
            .post, "/group_types", token: StorageSite.admin, ["group_type": ["name": "kin", "group_specs": specs]])
        let typeID = try #require(type.json["group_type"]?["id"], "\(type.text)")
        let made = await site.send(
            .post, "/groups", ["group": ["name": "crew", "group_type": typeID, "volume_types": ["__DEFAULT__"]]])
        #expect(made.status == .accepted)
        return try #require(made.json["group"]?["id"]?.string, "\(made.text)")
    }

    private func status(_ site: StorageSite, _ path: String, _ member: String) async throws -> String? {
        try await site.settle()
        try await GroupReconciler(storage: site.storage.parts).reconcile()
        return await site.send(.get, path).json[member]?["status"]?.string
    }

    @Test func volumesOfAGroupAreOnItsBackEnd() async throws {
        try await StorageSite.with { site in
            let group = try await makeGroup(site)
            #expect(try await status(site, "/groups/\(group)", "group") == "available")
            let refused = await site.send(.post, "/volumes", ["volume": ["size": 1, "group_id": .string(group)]])
            #expect(refused.status == .badRequest)
            let first = try await site.makeVolume(["group_id": .string(group), "volume_type": "__DEFAULT__"])
            let second = try await site.makeVolume(["group_id": .string(group), "volume_type": "__DEFAULT__"])
            let places = try await [site.volume(first)?.host, site.volume(second)?.host]
            #expect(places == ["one@fast", "one@fast"])
            #expect(await site.send(.delete, "/volumes/\(first)").status == .badRequest)
            let shown = await site.send(.get, "/groups/\(group)?list_volume=True").json["group"]?["volumes"]
            #expect(shown == [.string(first), .string(second)])
            let taken = await site.send(.put, "/groups/\(group)", ["group": ["remove_volumes": .string(first)]])
            #expect(taken.status == .accepted)
            #expect(try await site.volume(first)?.groupID == nil)
            #expect(await site.send(.put, "/groups/\(group)", ["group": ["remove_volumes": .string(first)]]).status == .badRequest)
        }
    }

    @Test func snapshotsAndCopiesAreThereWhenTheirPartsAre() async throws {
        try await StorageSite.with { site in
            let group = try await makeGroup(site)
            let empty = await site.send(.post, "/group_snapshots", ["group_snapshot": ["group_id": .string(group)]])
            #expect(empty.status == .badRequest)
            let volume = try await site.makeVolume(["group_id": .string(group), "volume_type": "__DEFAULT__"])
            let made = await site.send(.post, "/group_snapshots", ["group_snapshot": ["group_id": .string(group), "name": "photo"]])
            #expect(made.status == .accepted)
            let snapshot = try #require(made.json["group_snapshot"]?["id"]?.string)
            #expect(try await status(site, "/group_snapshots/\(snapshot)", "group_snapshot") == "available")
            let copy = await site.send(.post, "/groups/action", ["create-from-src": ["group_snapshot_id": .string(snapshot)]])
            let copyID = try #require(copy.json["group"]?["id"]?.string, "\(copy.text)")
            #expect(try await status(site, "/groups/\(copyID)", "group") == "available")
            let delete: JSON = ["delete": ["delete-volumes": true]]
            #expect(await site.send(.post, "/groups/\(group)/action", delete).status == .badRequest)
            #expect(await site.send(.delete, "/group_snapshots/\(snapshot)").status == .accepted)
            #expect(try await status(site, "/group_snapshots/\(snapshot)", "group_snapshot") == nil)
            for id in [group, copyID] {
                #expect(await site.send(.post, "/groups/\(id)/action", delete).status == .accepted)
                #expect(try await status(site, "/groups/\(id)", "group") == nil)
            }
            #expect(try await site.volume(volume) == nil)
            for host in site.hosts.values { #expect(host.volumes.isEmpty && host.snapshots.isEmpty) }
        }
    }

    @Test func aGroupGoesWithAVolumeWhoseDeletionWaitsForSomethingElse() async throws {
        try await StorageSite.with { site in
            let group = try await makeGroup(site)
            #expect(try await status(site, "/groups/\(group)", "group") == "available")
            let volume = try await site.makeVolume(["group_id": .string(group), "volume_type": "__DEFAULT__"])
            for host in site.hosts.values {
                host.hold(ExtendVolume.method)
                host.hold(DeleteVolume.method)
            }
            #expect(await site.send(.post, "/volumes/\(volume)/action", ["os-extend": ["new_size": 2]]).status == .accepted)
            let delete: JSON = ["delete": ["delete-volumes": true]]
            #expect(await site.send(.post, "/groups/\(group)/action", delete).status == .accepted)
            // The growth has failed and said so; the deletion that was promised has not ended.
            try await site.storage.parts.database.write { try VolumeRecords.change(volume, in: $0) { $0.status = .errorExtending } }
            try await GroupReconciler(storage: site.storage.parts).reconcile()
            #expect(await site.send(.get, "/groups/\(group)").json["group"]?["status"] == "deleting")
            for host in site.hosts.values { host.hold(DeleteVolume.method, false) }
            #expect(try await status(site, "/groups/\(group)", "group") == nil)
            #expect(try await site.volume(volume) == nil)
        }
    }

    @Test func aPromiseThatNoBackEndKeepsIsAGroupInError() async throws {
        try await StorageSite.with { site in
            let group = try await makeGroup(site, ["consistent_group_snapshot_enabled": "<is> True"])
            #expect(try await status(site, "/groups/\(group)", "group") == "error")
            let reset = await site.send(
                .post, "/groups/\(group)/action", token: StorageSite.admin, ["reset_status": ["status": "creating"]])
            #expect(reset.status == .accepted)
            // What an administrator has set stays.
            #expect(try await status(site, "/groups/\(group)", "group") == "creating")
            #expect(await site.send(.post, "/groups/\(group)/action", ["reset_status": ["status": "error"]]).status == .forbidden)
            #expect(await site.send(.post, "/groups/\(group)/action", at: "3.37", ["enable_replication": [:]]).status == .badRequest)
        }
    }
}
