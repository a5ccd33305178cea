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

    private func force(_ path: String, _ site: StorageSite) async -> HTTPResponse.Status {
        await site.send(.post, "\(path)/action", token: StorageSite.admin, ["os-force_delete": [:]]).status
    }

    @Test func whatIsDeletedByForceGoesWhateverIsUnderWay() async throws {
        try await StorageSite.with { site in
            for host in site.hosts.values { host.hold(ExtendVolume.method) }
            let id = try await site.makeVolume()
            #expect(await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": 2]]).status == .accepted)
            #expect(await force("/volumes/\(id)", site) == .accepted)
            #expect(await force("/volumes/\(id)", site) == .accepted)
            try await site.settle()
            #expect(try await site.volume(id) == nil)
            for host in site.hosts.values { #expect(host.volumes.isEmpty) }
        }
    }

    @Test func forcingADeletionThatIsUnderWayLeavesItAlone() async throws {
        try await StorageSite.with { site in
            for host in site.hosts.values { host.hold(DeleteVolume.method) }
            let id = try await site.makeVolume()
            #expect(await site.send(.delete, "/volumes/\(id)").status == .accepted)
            #expect(await force("/volumes/\(id)", site) == .accepted)
            for host in site.hosts.values { host.hold(DeleteVolume.method, false) }
            try await site.settle()
            #expect(try await site.volume(id) == nil)
            for host in site.hosts.values { #expect(host.volumes.isEmpty) }
        }
    }

    @Test func aSnapshotThatIsBeingMadeIsDeletedByForce() async throws {
        try await StorageSite.with { site in
            for host in site.hosts.values { host.hold(CreateSnapshot.method) }
            let volume = try await site.makeVolume()
            let answer = await site.send(.post, "/snapshots", ["snapshot": ["volume_id": .string(volume)]])
            let id = try #require(answer.json["snapshot"]?["id"]?.string)
            #expect(await force("/snapshots/\(id)", site) == .accepted)
            #expect(await force("/snapshots/\(id)", site) == .accepted)
            try await site.settle()
            #expect(await site.send(.get, "/snapshots/\(id)").status == .notFound)
        }
    }

    @Test(arguments: ["snapshot_id", "source_volid"]) func whatACopyIsMadeOfGoesWhenItIsMade(member: String) async throws {
        try await StorageSite.with { site in
            let volume = try await site.makeVolume()
            let answer = await site.send(.post, "/snapshots", ["snapshot": ["volume_id": .string(volume)]])
            let snapshot = try #require(answer.json["snapshot"]?["id"]?.string)
            try await site.settle()
            for host in site.hosts.values { host.hold(CreateVolume.method) }
            let source = member == "snapshot_id" ? snapshot : volume
            let made = await site.send(.post, "/volumes", ["volume": ["size": 1, member: .string(source)]])
            let copy = try #require(made.json["volume"]?["id"]?.string, "\(made.text)")
            #expect(await site.send(.delete, "/volumes/\(volume)?cascade=True").status == .accepted)
            // Long enough for a deletion that waits for nothing.
            try await Task.sleep(for: .milliseconds(50))
            for host in site.hosts.values { host.hold(CreateVolume.method, false) }
            try await site.settle()
            #expect(try await site.volume(copy)?.status == .available)
            #expect(try await site.volume(volume) == nil)
            for host in site.hosts.values { #expect(host.snapshots.isEmpty) }
        }
    }

    @Test(arguments: [VolumeFailureCode.unsupported, .busy]) func aReversalThatCannotBeginLeavesTheVolume(_ code: VolumeFailureCode) async throws {
        try await StorageSite.with { site in
            let volume = try await site.makeVolume()
            let answer = await site.send(.post, "/snapshots", ["snapshot": ["volume_id": .string(volume)]])
            let snapshot = try #require(answer.json["snapshot"]?["id"]?.string)
            try await site.settle()
            for host in site.hosts.values { host.fail(RevertVolume.method, code) }
            let revert: JSON = ["revert": ["snapshot_id": .string(snapshot)]]
            #expect(await site.send(.post, "/volumes/\(volume)/action", revert).status == .accepted)
            // What holds a volume may let go of it.
            if code == .busy {
                try await Task.sleep(for: .milliseconds(50))
                for host in site.hosts.values { host.fail(RevertVolume.method, nil) }
            }
            try await site.settle()
            #expect(try await site.volume(volume)?.status == .available)
        }
    }

    @Test func listsAreAProjects() async throws {
        try await StorageSite.with { site in
            _ = try await site.makeVolume()
            for list in ["/attachments", "/attachments/detail", "/volumes", "/snapshots", "/backups"] {
                #expect(await site.send(.get, list, token: "member@none").status == .forbidden, "\(list)")
            }
            #expect(await site.send(.get, "/attachments", token: "admin@none").status == .ok)
        }
    }

    @Test func anImageOpensNobodyElsesSnapshot() async throws {
        try await StorageSite.with { site in
            let volume = try await site.makeVolume()
            let answer = await site.send(.post, "/snapshots", ["snapshot": ["volume_id": .string(volume)]])
            let snapshot = try #require(answer.json["snapshot"]?["id"]?.string)
            try await site.settle()
            let device: JSON = [["source_type": "snapshot", "boot_index": 0, "snapshot_id": .string(snapshot)]]
            let image = Identifier.uuid()
            site.images.add(image, properties: ["block_device_mapping": device.text])
            func order(_ project: String) -> ServerVolumeOrder {
                ServerVolumeOrder(
                    id: Identifier.uuid(), projectID: project, userID: "user", name: "", size: 1, source: .image(image), type: nil,
                    zone: nil)
            }
            await #expect(throws: BlockStorageError.self) { try await site.storage.create(order("red")) }
            let own = order("blue")
            try await site.storage.create(own)
            try await site.settle()
            #expect(try await site.volume(own.id)?.snapshotID == snapshot)
        }
    }

    @Test func aClustersKeyIsShownToNobody() async throws {
        try await StorageSite.with { site in
            let volume = try #require(try await site.volume(try await site.makeVolume()))
            let connection = VolumeConnection.rbd(pool: "p", image: "i", monitors: ["10.0.0.1:6789"], user: "cinder", secret: "AQBword==")
            for info in [ConnectionInfo.json, ConnectionInfo.nested].map({ $0(connection, volume, nil) }) {
                #expect(info.text.contains("cinder"))
                #expect(!info.text.contains("AQBword"))
            }
        }
    }

    @Test func growthThatIsRefusedChangesNothing() async throws {
        try await StorageSite.with({ $0.quota.gigabytes = -1 }) { site in
            let id = try await site.makeVolume()
            func extend(to size: Int) async throws {
                #expect(await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": .int(size)]]).status == .accepted)
                try await site.settle()
            }
            // The pool has 200 GiB.
            try await extend(to: 400)
            #expect(try await site.volume(id)?.status == .available)
            site.hosts["one"]?.fail(ExtendVolume.method, .full)
            try await extend(to: 2)
            #expect(try await site.volume(id)?.status == .available)
            #expect(try await site.volume(id)?.size == 1)
            site.hosts["one"]?.fail(ExtendVolume.method, .backendError)
            try await extend(to: 2)
            #expect(try await site.volume(id)?.status == .errorExtending)
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

    @Test func anAttachmentIsSeenByItsVolumesProject() async throws {
        try await StorageSite.with { site in
            let volume = try await site.makeVolume()
            let wanted: JSON = ["attachment": ["volume_uuid": .string(volume), "instance_uuid": .string(Self.server)]]
            let answer = await site.send(.post, "/attachments", token: StorageSite.admin, wanted)
            let id = try #require(answer.json["attachment"]?["id"]?.string)
            #expect(await site.send(.get, "/attachments/\(id)").status == .ok)
            #expect(await site.send(.get, "/attachments").json["attachments"]?.array?.count == 1)
        }
    }

    @Test func aVolumeAtWorkIsNotFreed() async throws {
        try await StorageSite.with { site in
            for host in site.hosts.values { host.hold(ExtendVolume.method) }
            let id = try await site.makeVolume()
            #expect(await site.send(.post, "/volumes/\(id)/action", ["os-extend": ["new_size": 2]]).status == .accepted)
            #expect(await site.send(.post, "/volumes/\(id)/action", ["os-detach": [:]]).status == .badRequest)
            for host in site.hosts.values { host.hold(ExtendVolume.method, false) }
            try await site.settle()
            #expect(await site.send(.post, "/volumes/\(id)/action", ["os-detach": [:]]).status == .accepted)
        }
    }

    @Test func anOfferThatWasTakenBackByHandMakesRoomForTheNext() async throws {
        try await StorageSite.with { site in
            let id = try await site.makeVolume()
            let offer: JSON = ["transfer": ["volume_id": .string(id), "name": "offer"]]
            #expect(await site.send(.post, "/volume-transfers", offer).status == .accepted)
            let reset: JSON = ["os-reset_status": ["status": "available"]]
            #expect(await site.send(.post, "/volumes/\(id)/action", token: StorageSite.admin, reset).status == .accepted)
            #expect(await site.send(.post, "/volume-transfers", offer).status == .accepted)
            #expect(await site.send(.get, "/volume-transfers").json["transfers"]?.array?.count == 1)
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
