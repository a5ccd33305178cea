import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import HTTPTypes
import ImageStores
import Testing

@testable import Images

/// Staging bytes and importing them.
@Suite(.timeLimit(.minutes(1))) struct ImportTests {
    private let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    private func create(_ gallery: Gallery, token: String = Gallery.member) async throws -> String {
        try await gallery.create("x", token: token, ["disk_format": "raw"])
    }

    @Test func stagedBytesAreImported() async throws {
        try await Gallery.with { gallery in
            let id = try await create(gallery)
            #expect(await gallery.stage(id, bytes).status == .noContent)
            let staged = await gallery.show(id)
            #expect(staged["status"] == "uploading")
            #expect(staged["size"] == 3_000_000)
            #expect(staged["os_glance_stage_host"] == nil)
            let answer = await gallery.importImage(id, "glance-direct")
            #expect(answer.status == .accepted, "\(answer.text)")
            #expect(await gallery.show(id)["status"] == "importing")
            #expect(await gallery.show(id)["os_glance_importing_to_stores"] == "file")
            try await gallery.finishWorkflows()
            let image = await gallery.show(id)
            #expect(image["status"] == "active")
            #expect(image["stores"] == "file")
            #expect(image["os_glance_importing_to_stores"] == "")
            #expect(image["os_glance_failed_import"] == "")
            #expect(image["os_glance_import_task"] == nil)
            #expect(await gallery.download(id).bytes == bytes)
            #expect(try gallery.staging.names().isEmpty)
            let task = await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?[0]
            #expect(task?["status"] == "success")
            #expect(task?["type"] == "api_image_import")
            #expect(task?["input"]?["import_req"]?["method"]?["name"] == "glance-direct")
            #expect(task?["request_id"]?.string?.hasPrefix("req-") == true)
        }
    }

    @Test func everyStoreGetsTheBytes() async throws {
        try await Gallery.with { gallery in
            let id = try await create(gallery)
            _ = await gallery.stage(id, bytes)
            #expect(await gallery.importImage(id, "glance-direct", ["all_stores": true]).status == .accepted)
            try await gallery.finishWorkflows()
            #expect(await gallery.show(id)["stores"] == "file,second")
            #expect(await gallery.show(id)["status"] == "active")
        }
    }

    @Test func aStoreThatFailsUndoesTheOthersUnlessItMay() async throws {
        try await Gallery.with { gallery in
            let strict = try await create(gallery), lax = try await create(gallery)
            for id in [strict, lax] { _ = await gallery.stage(id, bytes) }
            gallery.store.failure = .write
            let stores: JSONObject = ["stores": ["second", "file"]]
            #expect(await gallery.importImage(strict, "glance-direct", stores).status == .accepted)
            try await gallery.finishWorkflows()
            let failed = await gallery.show(strict)
            #expect(failed["status"] == "queued")
            #expect(failed["stores"] == nil)
            #expect(failed["checksum"] == .null)
            #expect(failed["size"] == .null)
            #expect(failed["os_glance_failed_import"] == "file,second")
            #expect(failed["os_glance_importing_to_stores"] == "")
            let task = await gallery.send(.get, "/images/\(strict)/tasks").json["tasks"]?[0]
            #expect(task?["status"] == "failure")
            #expect(task?["message"] == "The image store is full.")
            var some = stores
            some["all_stores_must_succeed"] = false
            #expect(await gallery.importImage(lax, "glance-direct", some).status == .accepted)
            try await gallery.finishWorkflows()
            let partial = await gallery.show(lax)
            #expect(partial["status"] == "active")
            #expect(partial["stores"] == "second")
            #expect(partial["os_glance_failed_import"] == "file")
            #expect(await gallery.download(lax).bytes == bytes)
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 0)
            #expect(try gallery.staging.names().isEmpty)
        }
    }

    @Test func statesAreRespected() async throws {
        try await Gallery.with { gallery in
            let id = try await create(gallery)
            #expect(await gallery.importImage(id, "glance-direct").status == .conflict)
            #expect(await gallery.importImage(id, "copy-image").status == .conflict)
            #expect(await gallery.importImage(id, "teleport").status == .badRequest)
            #expect(await gallery.send(.post, "/images/\(id)/import", ["method": [:]]).status == .badRequest)
            #expect(await gallery.importImage(id, "glance-direct", ["all_stores": 1]).status == .badRequest)
            #expect(await gallery.stage(id, bytes).status == .noContent)
            #expect(await gallery.stage(id, bytes).status == .conflict)
            #expect(await gallery.upload(id, bytes).status == .conflict)
            #expect(await gallery.importImage(id, "web-download", uri: "http://8.8.8.8/").status == .conflict)
            #expect(await gallery.importImage(id, "glance-direct", ["stores": ["nowhere"]]).status == .conflict)
            #expect(await gallery.importImage(id, "glance-direct", ["stores": ["file"], "all_stores": true]).status == .badRequest)
            #expect(await gallery.importImage(id, "glance-direct", token: "member@red").status == .notFound)
            #expect(await gallery.importImage(id, "glance-direct", token: "reader@blue").status == .forbidden)
            #expect(await gallery.stage(id, bytes, token: "reader@blue").status == .forbidden)
            #expect(await gallery.stage(id, bytes, token: "member@red").status == .notFound)
            #expect(await gallery.importImage(id, "glance-direct").status == .accepted)
            #expect(await gallery.importImage(id, "glance-direct").status == .conflict)
            #expect(await gallery.stage(id, bytes).status == .conflict)
            try await gallery.finishWorkflows()
            #expect(await gallery.importImage(id, "glance-direct").status == .conflict)
            let bare = try await gallery.create("bare", ["disk_format": nil])
            _ = await gallery.stage(bare, [1])
            #expect(await gallery.importImage(bare, "glance-direct").status == .conflict)
        }
    }

    @Test func aStageThatIsCutOffLeavesNothing() async throws {
        try await Gallery.with({ $0.maximumSize = 5_000_000 }) { gallery in
            let id = try await create(gallery)
            #expect(await gallery.stage(id, bytes, length: bytes.count + 1).status == .badRequest)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(await gallery.stage(id, bytes + bytes).status == .contentTooLarge)
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(try gallery.staging.names().isEmpty)
            #expect(await gallery.stage(id, bytes).status == .noContent)
        }
    }

    @Test func onlyOfferedMethodsWork() async throws {
        try await Gallery.with({ $0.imports.methods = ["web-download"] }) { gallery in
            let id = try await create(gallery)
            #expect(await gallery.stage(id, bytes).status == .notFound)
            #expect(await gallery.importImage(id, "glance-direct").status == .badRequest)
            #expect(await gallery.send(.get, "/info/import").json["import-methods"]?["value"] == ["web-download"])
            let created = await gallery.send(.post, "/images", ["name": "y"])
            #expect(created.headers[.importMethods] == "web-download")
        }
    }

    @Test func deletedImagesLeaveNothingStaged() async throws {
        try await Gallery.with({ $0.imports.staleAge = .zero }) { gallery in
            let staged = try await create(gallery), importing = try await create(gallery)
            for id in [staged, importing] { _ = await gallery.stage(id, bytes) }
            try await gallery.reconcileStaging()
            #expect(try gallery.staging.names().count == 2)
            _ = await gallery.importImage(importing, "glance-direct")
            for id in [staged, importing] { #expect(await gallery.send(.delete, "/images/\(id)").status == .noContent) }
            try await gallery.finishWorkflows()
            try await gallery.reconcileStaging()
            #expect(try gallery.staging.names().isEmpty)
            try await gallery.images.reconciler.reconcile()
            #expect(try gallery.files() == 0)
        }
    }

    @Test func aCrashWhileStagingGivesTheImageBack() async throws {
        try await Gallery.with { gallery in
            let id = try await create(gallery)
            try await gallery.database.write { try $0.execute("UPDATE images SET status = 'uploading' WHERE id = \(id)") }
            try await gallery.images.recover()
            #expect(await gallery.show(id)["status"] == "queued")
            _ = await gallery.stage(id, bytes)
            try await gallery.images.recover()
            #expect(await gallery.show(id)["status"] == "uploading")
        }
    }

    /// Hosts that share a database give up their own images only.
    @Test func otherHostsGoOnWithTheirUploads() async throws {
        try await Gallery.with { gallery in
            for (status, host) in [("saving", "localhost"), ("saving", "elsewhere"), ("uploading", "elsewhere")] {
                let id = try await create(gallery)
                try await gallery.database.write { transaction in
                    var image = try #require(try ImageRecords.find(id, in: transaction))
                    image.status = try #require(Image.Status(rawValue: status))
                    image.properties[ImportMark.stageHost] = host
                    try ImageRecords.update(image, in: transaction)
                }
                try await gallery.images.recover()
                #expect(await gallery.show(id)["status"] == .string(host == "localhost" ? "queued" : status))
            }
        }
    }

    @Test func copiesGoToFurtherStores() async throws {
        try await Gallery.with { gallery in
            let id = try await create(gallery)
            _ = await gallery.upload(id, bytes)
            #expect(await gallery.importImage(id, "copy-image", ["stores": ["second"]]).status == .forbidden)
            #expect(await gallery.importImage(id, "copy-image", ["stores": ["file"]], token: Gallery.admin).status == .badRequest)
            let all: JSONObject = ["all_stores": true, "all_stores_must_succeed": false]
            #expect(await gallery.importImage(id, "copy-image", all, token: Gallery.admin).status == .accepted)
            #expect(await gallery.show(id)["status"] == "active")
            try await gallery.finishWorkflows()
            let image = await gallery.show(id)
            #expect(image["stores"] == "file,second")
            #expect(image["os_glance_importing_to_stores"] == "")
            #expect(image["os_glance_failed_import"] == "")
            #expect(await gallery.importImage(id, "copy-image", all, token: Gallery.admin).status == .accepted)
            #expect(await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?.array?.count == 1)
        }
    }

    @Test func aCopyThatFailsLeavesTheImageAsItWas() async throws {
        try await Gallery.with { gallery in
            let id = try await create(gallery)
            #expect(await gallery.upload(id, bytes, store: "second").status == .noContent)
            gallery.store.failure = .commit
            #expect(await gallery.importImage(id, "copy-image", ["stores": ["file"]], token: Gallery.admin).status == .accepted)
            try await gallery.finishWorkflows()
            let image = await gallery.show(id)
            #expect(image["status"] == "active")
            #expect(image["stores"] == "second")
            #expect(image["os_glance_failed_import"] == "file")
            #expect(await gallery.download(id).bytes == bytes)
        }
    }

    @Test func propertiesAreInjected() async throws {
        let adjust = { (options: inout ImageOptions) in
            options.imports.plugins = ["inject_image_metadata"]
            options.imports.injected = ["os_distro": "debian", "os_glance_x": "y"]
        }
        try await Gallery.with(adjust) { gallery in
            let mine = try await create(gallery), theirs = try await create(gallery, token: Gallery.admin)
            for (id, token) in [(mine, Gallery.member), (theirs, Gallery.admin)] {
                _ = await gallery.stage(id, bytes, token: token)
                #expect(await gallery.importImage(id, "glance-direct", token: token).status == .accepted)
            }
            try await gallery.finishWorkflows()
            #expect(await gallery.show(mine)["os_distro"] == "debian")
            #expect(await gallery.show(mine)["os_glance_x"] == nil)
            let other = await gallery.send(.get, "/images/\(theirs)", token: Gallery.admin).json
            #expect(other["status"] == "active")
            #expect(other["os_distro"] == nil)
        }
    }
}
