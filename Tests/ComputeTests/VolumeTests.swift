import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Testing

@testable import Compute

/// Volumes of servers: what is attached, made and given back.
@Suite(.timeLimit(.minutes(2))) struct VolumeTests {
    private static let volume = "77777777-2222-4333-8444-555555555555"

    private func attach(_ site: Site, _ server: String, at version: String = "2.100", _ more: JSONObject = [:]) async -> TestResponse {
        var body: JSONObject = ["volumeId": .string(Self.volume)]
        for member in more { body[member.name] = member.value }
        return await site.send(
            .post, "/servers/\(server)/os-volume_attachments", at: version, .object(["volumeAttachment": .object(body)]))
    }

    private func status(_ site: Site, _ volume: String = Self.volume) async throws -> String? {
        try await site.database.read { try site.volumes.volumes([volume], in: $0)[volume]?.status }
    }

    @Test func aVolumeComesAndGoes() async throws {
        try await Site.with { site in
            try await site.volumes.put(Self.volume)
            let id = try await site.build()
            let answer = await attach(site, id, ["delete_on_termination": false, "tag": "data"])
            #expect(answer.status == .ok, "\(answer.text)")
            #expect(answer.json["volumeAttachment"]?["device"] == "/dev/vdb")
            try await site.settle()
            #expect(try await status(site) == "in-use")
            #expect(site.agents.disks.volumes(of: id) == [Self.volume])
            #expect(site.agents.disks.qosSpecs(of: Self.volume) == ["total_iops_sec": "500"])
            #expect(await attach(site, id).status == .badRequest)
            let shown = await site.send(.get, "/servers/\(id)/os-volume_attachments", at: "2.89").json["volumeAttachments"]?[0]
            #expect(shown?["id"] == nil)
            #expect(shown?["tag"] == "data")
            #expect(shown?["attachment_id"]?.string != nil)
            #expect(await site.show(id)["os-extended-volumes:volumes_attached"]?[0]?["id"] == .string(Self.volume))
            let path = "/servers/\(id)/os-volume_attachments/\(Self.volume)"
            #expect(await site.send(.delete, path).status == .accepted)
            try await site.settle()
            #expect(try await status(site) == "available")
            #expect(site.agents.disks.volumes(of: id) == [])
            #expect(await site.send(.delete, path).status == .notFound)
            #expect(try await site.count("compute_block_devices") == 0)
            #expect(try await site.log(id)["detach_volume"] == "Success")
        }
    }

    @Test(arguments: ["swap-volume", "disconnect"]) func aServerThatGoesWhileItsVolumeIsSwappedLeavesNothing(moment: String) async throws {
        try await Site.with { site in
            let other = "88888888-2222-4333-8444-555555555555"
            for volume in [Self.volume, other] { try await site.volumes.put(volume) }
            let id = try await site.build()
            #expect(await attach(site, id).status == .ok)
            try await site.settle()
            let orders = moment == "disconnect" ? site.orders : site.agents.orders
            orders.before(moment) { _ in _ = await site.send(.delete, "/servers/\(id)") }
            try await site.compute.swapAttachedVolume(Self.volume, for: other)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(try await site.count("fake_attachments") == 0)
            #expect(try await site.count("compute_block_devices") == 0)
            for volume in [Self.volume, other] { #expect(try await status(site, volume) == "available") }
        }
    }

    @Test(arguments: ["connect", "attach-volume"]) func aFailureTakesAllOfItBack(step: String) async throws {
        try await Site.with { site in
            try await site.volumes.put(Self.volume)
            let id = try await site.build()
            if step == "connect" {
                site.orders.fail(step, with: VolumeRefusal(.invalid, "no way"))
            } else {
                site.agents.orders.fail(step, with: BusFailure(code: "volume_unavailable", message: "no disk"))
            }
            #expect(await attach(site, id).status == .ok)
            try await site.settle()
            #expect(try await status(site) == "available")
            #expect(try await site.count("compute_block_devices") == 0)
            #expect(try await site.count("fake_attachments") == 0)
            #expect(try await site.log(id)["attach_volume"] == "Error")
        }
    }

    @Test func serversBootFromVolumesThatGoWithThem() async throws {
        try await Site.with { site in
            let devices: JSON = [
                [
                    "source_type": "image", "destination_type": "volume", "uuid": .string(FakeImages.image), "boot_index": 0,
                    "volume_size": 2, "delete_on_termination": true,
                ],
                ["source_type": "blank", "destination_type": "volume", "volume_size": 1, "boot_index": -1],
            ]
            let id = try await site.build("web", ["imageRef": "", "block_device_mapping_v2": devices])
            let shown = await site.show(id)
            #expect(shown["status"] == "ACTIVE", "\(shown["fault"] ?? .null)")
            #expect(shown["image"] == "")
            let attached = shown["os-extended-volumes:volumes_attached"]?.array ?? []
            #expect(attached.map { $0["delete_on_termination"]?.bool } == [true, false])
            let volumes = attached.compactMap { $0["id"]?.string }
            #expect(Set(site.agents.disks.volumes(of: id)) == Set(volumes))
            for volume in volumes { #expect(site.agents.disks.qosSpecs(of: volume) == ["total_iops_sec": "500"]) }
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            try await site.expectCleanSlate()
            #expect(try await site.count("fake_attachments") == 0)
            #expect(try await site.count("fake_volumes") == 1)
            #expect(try await site.count("compute_block_devices") == 0)
        }
    }

    @Test func aVolumeThatCannotBeMadeLeavesNothing() async throws {
        try await Site.with { site in
            site.orders.fail("create-volume", with: VolumeRefusal(.quota, "There are too many volumes."))
            let devices: JSON = [
                ["source_type": "blank", "destination_type": "volume", "volume_size": 1, "boot_index": 0, "delete_on_termination": true]
            ]
            let id = try await site.build("web", ["imageRef": "", "block_device_mapping_v2": devices])
            #expect(await site.show(id)["status"] == "ERROR")
            #expect(try await site.count("compute_block_devices") == 0)
            #expect(try await site.count("fake_attachments") == 0)
            try await site.expectCleanSlate()
        }
    }

    @Test func theReconcilerBringsDisksInLine() async throws {
        try await Site.with { site in
            try await site.volumes.put(Self.volume)
            let id = try await site.build()
            _ = await attach(site, id)
            try await site.settle()
            let stranger = "88888888-2222-4333-8444-555555555555"
            site.agents.disks.set([stranger], of: id)
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.settle()
            #expect(site.agents.disks.volumes(of: id) == [Self.volume])
        }
    }
}
