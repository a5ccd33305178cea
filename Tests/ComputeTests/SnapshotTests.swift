import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Images of servers, and backups.
@Suite(.timeLimit(.minutes(2))) struct SnapshotTests {
    @Test func anImageDescribesItsServer() async throws {
        try await Site.with { site in
            site.acceptUploads()
            let id = try await site.build()
            let answer = await site.act(id, ["createImage": ["name": "copy", "metadata": ["mine": "yes"]]])
            #expect(answer.status == .accepted)
            #expect(answer.json["image_id"]?.string != nil)
            #expect(await site.show(id)["status"] == "ACTIVE")
            try await site.settle()
            let properties = try await site.properties(ofImage: "copy")
            #expect(properties["image_type"] == "snapshot")
            #expect(properties["instance_uuid"] == id)
            #expect(properties["base_image_ref"] == FakeImages.image)
            #expect(properties["user_id"] == "user-member-blue")
            #expect(properties["hw_disk_bus"] == "virtio")
            #expect(properties["mine"] == "yes")
            #expect(try await site.log(id)["createImage"] == "Success")
        }
    }

    @Test func earlyAnswersNameTheImageInTheirHead() async throws {
        try await Site.with { site in
            site.acceptUploads()
            let id = try await site.build()
            let answer = await site.send(.post, "/servers/\(id)/action", at: "2.44", ["createImage": ["name": "copy"]])
            #expect(answer.status == .accepted)
            #expect(answer.text.isEmpty)
            #expect(answer.headers[.location]?.contains("/images/") == true)
            try await site.settle()
        }
    }

    @Test func whatIsRefusedMakesNoImage() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let many = JSON(Dictionary(uniqueKeysWithValues: (0..<129).map { ("k\($0)", "v") }))
            let quota = await site.send(
                .post, "/servers/\(id)/action", at: "2.38", ["createImage": ["name": "copy", "metadata": many]])
            #expect(quota.status == .forbidden)
            #expect(await site.act(id, ["createImage": ["name": "copy", "metadata": ["forbidden": "x"]]]).status == .badRequest)
            #expect(await site.act(id, ["createImage": ["name": ""]]).status == .badRequest)
            #expect(try await site.snapshots().isEmpty)
            #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
        }
    }

    @Test func aFailureRemovesTheImage() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.fail("snapshot", with: BusFailure(code: "disk_full", message: "The disk is full."))
            #expect(await site.act(id, ["createImage": ["name": "copy"]]).status == .accepted)
            try await site.settle()
            #expect(try await site.snapshots().isEmpty)
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
            #expect(try await site.log(id)["createImage"] == "Error")
        }
    }

    @Test func anAnswerThatWasLostDoesNotLoseTheImage() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.takeUploads { [database = site.database] image in
                _ = try await database.write { try $0.execute("UPDATE fake_images SET status = 'active' WHERE id = \(image)") }
                throw BusFailure(code: "image_unavailable", message: "The image is not queued.")
            }
            #expect(await site.act(id, ["createImage": ["name": "copy"]]).status == .accepted)
            try await site.settle()
            #expect(try await site.snapshots() == ["copy"])
            #expect(try await site.log(id)["createImage"] == "Success")
        }
    }

    @Test func backupsRotate() async throws {
        try await Site.with { site in
            site.acceptUploads()
            let id = try await site.build()
            for name in ["one", "two", "three"] { try await backUp(id, name, 2, on: site) }
            #expect(try await site.snapshots() == ["two", "three"])
            try await backUp(id, "weekly", 1, type: "weekly", on: site)
            #expect(try await site.snapshots() == ["two", "three", "weekly"])
            try await backUp(id, "none", 0, on: site)
            #expect(try await site.snapshots() == ["weekly"])
            #expect(await site.act(id, ["createBackup": ["name": "b", "backup_type": "daily", "rotation": -1]]).status == .badRequest)
        }
    }

    private func backUp(_ id: String, _ name: String, _ rotation: Int, type: String = "daily", on site: Site) async throws {
        let answer = await site.act(
            id, ["createBackup": ["name": .string(name), "backup_type": .string(type), "rotation": .int(rotation)]])
        #expect(answer.status == .accepted, "\(answer.text)")
        try await site.settle()
    }
}
