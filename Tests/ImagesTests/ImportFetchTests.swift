import CloudAPI
import CloudCore
import CloudStore
import Foundation
import HTTPTypes
import ImageStores
import Testing

@testable import Images

/// Imports that fetch their bytes, and tasks.
@Suite(.timeLimit(.minutes(1))) struct ImportFetchTests {
    private static let bytes = (0..<2_500_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }

    /// Serves endpoints on a loopback port while the body runs.
    private func serving(_ services: [ServiceAPI], _ body: @escaping (String) async throws -> Void) async throws {
        var options = ServerOptions()
        (options.host, options.port) = ("127.0.0.1", 0)
        let server = try CloudServer(services: services, authenticator: RoleTokens(), options: options)
        let (addresses, found) = AsyncStream<String>.makeStream()
        let running = Task { try await server.run { address in found.yield("http://\(address.host):\(address.port)") } }
        var url: String?
        for await address in addresses { url = address; break }
        do {
            try await body(try #require(url))
        } catch {
            server.stop()
            throw error
        }
        server.stop()
        try await running.value
    }

    private var files: ServiceAPI {
        ServiceAPI(
            type: "files", name: "files", path: "/files", envelope: .keystone,
            endpoints: [
                Endpoint(.get, "/disk", "A disk", access: .open(because: "test")) { _ in APIResponse(body: .bytes(Self.bytes)) },
                Endpoint(.get, "/moved", "Elsewhere", access: .open(because: "test")) { _ in
                    .empty(status: .found, headers: [.location: "http://169.254.169.254/latest"])
                },
            ], rules: [])
    }

    private func open(_ options: inout ImageOptions) {
        (options.imports.filter.allowsPrivate, options.imports.filter.allowedPorts) = (true, [])
    }

    @Test func urlsAreDownloaded() async throws {
        try await serving([files]) { url in
            try await Gallery.with(open) { gallery in
                let id = try await gallery.create("x", ["disk_format": "raw"])
                #expect(await gallery.importImage(id, "web-download", uri: url + "/files/disk").status == .accepted)
                try await gallery.finishWorkflows()
                #expect(await gallery.show(id)["status"] == "active")
                #expect(await gallery.download(id).bytes == Self.bytes)
                #expect(try gallery.staging.names().isEmpty)
            }
        }
    }

    @Test func whatFailsLeavesTheImageQueued() async throws {
        try await serving([files]) { url in
            try await Gallery.with(open) { gallery in
                let id = try await gallery.create("x", ["disk_format": "raw", "os_distro": "debian"])
                #expect(await gallery.importImage(id, "web-download", uri: url + "/files/none").status == .accepted)
                try await gallery.finishWorkflows()
                let image = await gallery.show(id)
                #expect(image["status"] == "queued")
                #expect(image["os_distro"] == "debian")
                #expect(image["os_glance_failed_import"] == "file")
                #expect(try gallery.staging.names().isEmpty)
                let task = await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?[0]
                #expect(task?["status"] == "failure")
                #expect(task?["message"]?.string?.contains("404") == true)
                #expect(await gallery.importImage(id, "web-download", uri: url + "/files/disk").status == .accepted)
                try await gallery.finishWorkflows()
                #expect(await gallery.show(id)["status"] == "active")
                #expect(await gallery.show(id)["os_glance_failed_import"] == "")
            }
        }
    }

    @Test func downloadsHaveASizeLimit() async throws {
        try await serving([files]) { url in
            let adjust = { (options: inout ImageOptions) in
                open(&options)
                options.imports.limits.size = Self.bytes.count - 1
            }
            try await Gallery.with(adjust) { gallery in
                let id = try await gallery.create("x", ["disk_format": "raw"])
                #expect(await gallery.importImage(id, "web-download", uri: url + "/files/disk").status == .accepted)
                try await gallery.finishWorkflows()
                #expect(await gallery.show(id)["status"] == "queued")
                #expect(try gallery.staging.names().isEmpty)
            }
        }
    }

    @Test(arguments: [
        "http://127.0.0.1/x", "http://[::1]/x", "http://169.254.169.254/latest", "http://10.0.0.1/", "http://2130706433/",
        "file:///etc/passwd", "ftp://8.8.8.8/x", "http://8.8.8.8:22/", "nothing", "",
    ]) func urlsAreFiltered(_ uri: String) async throws {
        try await Gallery.with { gallery in
            let id = try await gallery.create("x", ["disk_format": "raw"])
            let answer = await gallery.importImage(id, "web-download", uri: uri)
            #expect(answer.status == .badRequest, "\(answer.text)")
            #expect(await gallery.show(id)["status"] == "queued")
            #expect(await gallery.show(id)["os_glance_import_task"] == nil)
        }
    }

    @Test func imagesComeFromOtherClouds() async throws {
        try await Gallery.with { other in
            let source = try await other.create("source", ["disk_format": "raw", "hw_cpu_cores": "5", "os_distro": "rhel", "speed": "88mph"])
            _ = await other.upload(source, Self.bytes)
            try await serving([other.images.api]) { url in
                try await Gallery.with { gallery in
                    gallery.catalog.add("far", url + "/image")
                    let id = try await gallery.create("x", ["disk_format": "iso", "container_format": "ovf", "hw_cpu_cores": "1"])
                    func ask(_ region: String, _ source: String) async -> TestResponse {
                        let method: JSON = ["glance_region": .string(region), "glance_image_id": .string(source)]
                        return await gallery.importImage(id, "glance-download", ["method": method])
                    }
                    #expect(await ask("far", "foo").status == .badRequest)
                    for (region, missing) in [("near", source), ("far", Identifier.uuid())] {
                        #expect(await ask(region, missing).status == .accepted)
                        try await gallery.finishWorkflows()
                        let image = await gallery.show(id)
                        #expect(image["status"] == "queued")
                        #expect(image["disk_format"] == "iso")
                        #expect(image["hw_cpu_cores"] == "1")
                    }
                    #expect(await ask("far", source).status == .accepted)
                    try await gallery.finishWorkflows()
                    let image = await gallery.show(id)
                    #expect(image["status"] == "active")
                    #expect(image["disk_format"] == "raw")
                    #expect(image["container_format"] == "bare")
                    #expect(image["hw_cpu_cores"] == "5")
                    #expect(image["os_distro"] == "rhel")
                    #expect(image["speed"] == nil)
                    #expect(await gallery.download(id).bytes == Self.bytes)
                    let states: [String] = try await gallery.database.read { try $0.all("SELECT state FROM workflows") { try $0[0] } }
                    #expect(!states.contains { $0.contains(Gallery.member) }, "a token is on disk")
                }
            }
        }
    }

    @Test func tasksAreAdministrators() async throws {
        try await serving([files]) { url in
            try await Gallery.with(open) { gallery in
                func order(_ path: String, _ name: String = "made") -> JSON {
                    [
                        "type": "import",
                        "input": [
                            "import_from": .string(url + path), "import_from_format": "raw",
                            "image_properties": ["name": .string(name), "disk_format": "raw", "container_format": "bare"],
                        ],
                    ]
                }
                #expect(await gallery.send(.post, "/tasks", order("/files/disk")).status == .forbidden)
                #expect(await gallery.send(.get, "/tasks").status == .forbidden)
                #expect(await gallery.send(.post, "/tasks", token: Gallery.admin, ["type": "import", "input": [:]]).status == .badRequest)
                #expect(await gallery.send(.post, "/tasks", token: Gallery.admin, ["type": "export", "input": [:]]).status == .badRequest)
                let made = await gallery.send(.post, "/tasks", token: Gallery.admin, order("/files/disk"))
                #expect(made.status == .created, "\(made.text)")
                let id = try #require(made.json["id"]?.string)
                #expect(made.json["status"] == "pending")
                #expect(made.headers[.location]?.hasSuffix("/v2/tasks/\(id)") == true)
                let lost = await gallery.send(.post, "/tasks", token: Gallery.admin, order("/files/none", "lost")).json["id"]?.string ?? ""
                try await gallery.finishWorkflows()
                let task = await gallery.send(.get, "/tasks/\(id)", token: Gallery.admin).json
                #expect(task["status"] == "success")
                #expect(task["expires_at"]?.string != nil)
                let image = try #require(task["result"]?["image_id"]?.string)
                #expect(await gallery.send(.get, "/images/\(image)", token: Gallery.admin).json["status"] == "active")
                #expect(await gallery.send(.get, "/tasks/\(lost)", token: Gallery.admin).json["status"] == "failure")
                let images = await gallery.send(.get, "/images?name=lost", token: Gallery.admin).json["images"]?.array
                #expect(images?.isEmpty == true)
                func listed(_ query: String) async -> [String] {
                    await gallery.send(.get, "/tasks" + query, token: Gallery.admin).json["tasks"]?.array?.compactMap { $0["id"]?.string } ?? ["?"]
                }
                #expect(await listed("?status=success") == [id])
                #expect(await listed("?sort_key=created_at&sort_dir=asc") == [id, lost])
                #expect(await listed("?sort_key=created_at&sort_dir=asc&limit=1") == [id])
                #expect(await listed("?sort_key=created_at&sort_dir=asc&marker=\(id)") == [lost])
                #expect(await gallery.send(.get, "/tasks?status=odd", token: Gallery.admin).status == .badRequest)
                #expect(await gallery.send(.get, "/tasks?marker=none", token: Gallery.admin).status == .badRequest)
                #expect(await gallery.send(.delete, "/tasks/\(id)", token: Gallery.admin).status == .methodNotAllowed)
                #expect(await gallery.send(.get, "/tasks/\(Identifier.uuid())", token: Gallery.admin).status == .notFound)
                #expect(await gallery.send(.get, "/schemas/task").json["name"] == "task")
                #expect(await gallery.send(.get, "/schemas/tasks").json["name"] == "tasks")
            }
        }
    }

    @Test func tasksExpire() async throws {
        try await Gallery.with({ $0.imports.taskLifetime = .zero }) { gallery in
            let id = try await gallery.create("x", ["disk_format": "raw"])
            _ = await gallery.stage(id, [1, 2, 3])
            #expect(await gallery.importImage(id, "glance-direct").status == .accepted)
            #expect(await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?.array?.count == 1)
            try await gallery.finishWorkflows()
            #expect(await gallery.send(.get, "/images/\(id)/tasks").json["tasks"]?.array?.isEmpty == true)
            try await gallery.reconcileStaging()
            let left: Int? = try await gallery.database.read { try $0.scalar("SELECT COUNT(*) FROM image_tasks") }
            #expect(left == 0)
        }
    }
}
