import CloudAPI
import CloudCore
import CloudStore
import Testing
import VolumeMessages

@testable import BlockStorage

/// Volumes from their making to their end, with what storage hosts do meanwhile.
struct VolumeLifeTests {
    @Test func aBackEndThatFailsIsLeftForTheNext() async throws {
        try await StorageSite.with { site in
            site.hosts["one"]?.fail(CreateVolume.method, .full)
            let id = try await site.makeVolume()
            let volume = try #require(try await site.volume(id))
            #expect(volume.status == .available)
            #expect(volume.host == "two@fast")
            #expect(site.hosts["one"]?.volumes == [])
            #expect(site.hosts["two"]?.volumes == ["volume-\(id)"])
        }
    }

    @Test func aVolumeThatNobodyCanMakeIsInErrorAndCanBeDeleted() async throws {
        try await StorageSite.with { site in
            for host in site.hosts.values { host.fail(CreateVolume.method, .backendError) }
            let id = try await site.makeVolume()
            #expect(try await site.volume(id)?.status == .error)
            let answer = await site.send(.delete, "/volumes/\(id)")
            #expect(answer.status == .accepted)
            try await site.settle()
            #expect(try await site.volume(id) == nil)
        }
    }

    @Test func deletingInCascadeLeavesNothing() async throws {
        try await StorageSite.with { site in
            let id = try await site.makeVolume()
            for name in ["first", "second"] {
                let answer = await site.send(.post, "/snapshots", ["snapshot": ["volume_id": .string(id), "name": .string(name)]])
                #expect(answer.status == .accepted)
            }
            try await site.settle()
            #expect(await site.send(.delete, "/volumes/\(id)").status == .badRequest)
            #expect(await site.send(.delete, "/volumes/\(id)?cascade=True").status == .accepted)
            try await site.settle()
            #expect(try await site.volume(id) == nil)
            for host in site.hosts.values { #expect(host.volumes.isEmpty && host.snapshots.isEmpty) }
        }
    }

    @Test func quotasCountWhatGrowsBeforeItHasGrown() async throws {
        try await StorageSite.with({ $0.quota.gigabytes = 3 }) { site in
            let id = try await site.makeVolume()
            #expect(await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": 4]]).status == .contentTooLarge)
            #expect(await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": 3]]).status == .accepted)
            #expect(await site.send(.post, "/volumes", ["volume": ["size": 1]]).status == .contentTooLarge)
            try await site.settle()
            #expect(try await site.volume(id)?.size == 3)
        }
    }

    @Test func othersSeeNothingOfAVolume() async throws {
        try await StorageSite.with { site in
            let id = try await site.makeVolume()
            #expect(await site.send(.get, "/volumes/\(id)", token: "member@red").status == .notFound)
            #expect(await site.send(.delete, "/volumes/\(id)", token: "reader@blue").status == .forbidden)
            #expect(await site.send(.get, "/red/volumes").status == .badRequest)
            #expect(await site.send(.get, "/blue/volumes/\(id)").status == .ok)
        }
    }
}

/// Attachments, and what storage hosts export for them.
struct AttachmentTests {
    private static let server = "7d8b1b7c-9d5e-4b30-9f7c-0c3a36c6a5d1"
    private static let connector: JSON = ["host": "compute-1", "ip": "10.0.0.9"]

    private func reserve(_ volume: String, _ site: StorageSite) async throws -> String {
        let answer = await site.send(
            .post, "/attachments", ["attachment": ["volume_uuid": .string(volume), "instance_uuid": .string(Self.server)]])
        try #require(answer.status == .ok, "\(answer.text)")
        return try #require(answer.json["attachment"]?["id"]?.string)
    }

    @Test func aVolumeFollowsItsAttachment() async throws {
        try await StorageSite.with { site in
            let volume = try await site.makeVolume()
            let id = try await reserve(volume, site)
            #expect(try await site.volume(volume)?.status == .reserved)
            let other: JSON = ["attachment": ["volume_uuid": .string(volume)]]
            #expect(await site.send(.post, "/attachments", other).status == .badRequest)
            let connected = await site.send(.put, "/attachments/\(id)", ["attachment": ["connector": Self.connector]])
            #expect(connected.json["attachment"]?["connection_info"]?["auth_password"]?.string == "chap-word")
            #expect(try await site.volume(volume)?.status == .attaching)
            #expect(await site.send(.post, "/attachments/\(id)/action", ["os-complete": [:]]).status == .noContent)
            #expect(try await site.volume(volume)?.status == .inUse)
            #expect(await site.send(.delete, "/volumes/\(volume)").status == .badRequest)
            #expect(await site.send(.delete, "/attachments/\(id)").status == .ok)
            #expect(try await site.volume(volume)?.status == .available)
            #expect(site.hosts["one"]?.connections == [:])
        }
    }

    @Test func passwordsOfExportsAreNotKept() async throws {
        try await StorageSite.with { site in
            let id = try await reserve(try await site.makeVolume(), site)
            _ = await site.send(.put, "/attachments/\(id)", ["attachment": ["connector": Self.connector]])
            let kept: String? = try await site.database.read {
                try $0.scalar("SELECT connection FROM volume_attachments WHERE id = \(id)")
            }
            #expect(kept?.contains("chap-word") == false)
            let shown = await site.send(.get, "/attachments/\(id)")
            #expect(shown.json["attachment"]?["connection_info"]?["auth_password"]?.string == "chap-word")
        }
    }

    @Test func anExportThatNobodyNeedsIsTakenAway() async throws {
        try await StorageSite.with { site in
            let volume = try await site.makeVolume()
            let id = try await reserve(volume, site)
            _ = await site.send(.put, "/attachments/\(id)", ["attachment": ["connector": Self.connector]])
            site.hosts["one"]?.connect("gone", "volume-\(volume)")
            try await ExportReconciler(storage: site.storage.parts).reconcile()
            #expect(site.hosts["one"]?.connections == [id: "volume-\(volume)"])
        }
    }
}
