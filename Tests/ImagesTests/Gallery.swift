import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import Foundation
import ImageInspection
import ImageStores
import NIOCore
import Synchronization
import Testing

@testable import Images

/// Tokens of the form `role@project`; `admin@…` holds the three usual roles.
struct RoleTokens: TokenAuthenticator {
    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let parts = token.reveal().split(separator: "@").map(String.init)
        guard parts.count == 2 else { return nil }
        let roles = ["reader", "member", "admin"]
        let held = roles.prefix((roles.firstIndex(of: parts[0]) ?? -1) + 1)
        return TokenContext(
            userID: "user-\(parts[0])", userName: parts[0], userDomainID: "default", projectID: parts[1],
            roles: Array(held), expiresAt: Timestamp.now + .seconds(3600))
    }
}

/// A store that fails to order.
final class FragileStore: ImageStore {
    enum Failure: Sendable { case write, commit }
    let base: FileImageStore
    private let next = Mutex<Failure?>(nil)

    init(_ base: FileImageStore) { self.base = base }

    var kind: String { base.kind }
    var isReadOnly: Bool { base.isReadOnly }
    var properties: JSONObject { base.properties }
    /// What the next upload fails at.
    var failure: Failure? {
        get { next.withLock { $0 } }
        set { next.withLock { $0 = newValue } }
    }

    func beginUpload(id: String, expectedSize: Int?) async throws -> any ImageUpload {
        FragileUpload(base: try await base.beginUpload(id: id, expectedSize: expectedSize), failure: failure)
    }
    func open(_ location: String) async throws -> any ImageContent { try await base.open(location) }
    func remove(_ location: String) async throws { try await base.remove(location) }
    func locations(olderThan age: Duration) async throws -> [String] { try await base.locations(olderThan: age) }
    func url(of location: String) -> String { base.url(of: location) }
    func location(of url: String) -> String? { base.location(of: url) }
    func usage() async throws -> StoreUsage { try await base.usage() }
}

struct FragileUpload: ImageUpload {
    let base: any ImageUpload
    let failure: FragileStore.Failure?

    func append(_ bytes: ByteBuffer) async throws {
        if failure == .write { throw ImageStoreError.full }
        try await base.append(bytes)
    }
    func commit() async throws -> String {
        if failure == .commit { throw ImageStoreError.io(operation: "fsync", errno: EIO) }
        return try await base.commit()
    }
    func abort() async { await base.abort() }
}

/// Keys of projects that are names.
final class NamedKeys: ImageKeys {
    private let owners: Mutex<[String: String]> = Mutex([:])
    var all: Set<String> { owners.withLock { Set($0.keys) } }
    func add(_ id: String, of project: String) { owners.withLock { $0[id] = project } }
    func deleteKey(_ id: String, of projectID: String, in transaction: any Transaction) throws {
        transaction.onCommit { self.owners.withLock { if $0[id] == projectID { $0[id] = nil } } }
    }
}

/// The image service over a database and a store in a directory of their own.
final class Gallery: Sendable {
    static let member = "member@blue"
    static let admin = "admin@ops"
    let database: SQLiteDatabase
    let store: FragileStore
    let elsewhere = ElsewhereStore((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    let images: Images
    let keys = NamedKeys()
    let server: CloudServer
    let folder: URL
    let staging: StagingArea
    let runner: WorkflowRunner
    let departures: Departures
    let catalog = FakeCatalog()
    let running = Mutex<Task<Void, Never>?>(nil)

    private init(_ directory: URL, _ options: ImageOptions, _ limits: [String: Int]?, isScattered: Bool) async throws {
        folder = directory.appending(path: "store")
        database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        try await database.migrate(WorkflowSchema.migrations)
        try await database.migrate(Images.migrations)
        store = FragileStore(try FileImageStore(folder: folder))
        staging = try StagingArea(folder: directory.appending(path: "staging"))
        let first = NamedStore(id: "file", store: store)
        var others: [NamedStore]
        if isScattered {
            let archive = try FileImageStore(folder: directory.appending(path: "archive"))
            others = [
                NamedStore(id: "archive", description: "slow and large", weight: 5, store: archive),
                NamedStore(id: "web", store: elsewhere),
            ]
        } else {
            others = [NamedStore(id: "second", store: try FileImageStore(folder: directory.appending(path: "second")))]
            if options.showsLocations { others.append(NamedStore(id: "web", weight: 5, store: ShelfStore())) }
        }
        (runner, departures) = Self.runner(database)
        images = Images(
            database: database, stores: StoreRegistry(default: first, others: others),
            cache: isScattered ? try ImageCache(folder: directory.appending(path: "cache"), limit: 1_000_000) : nil,
            options: options,
            imports: ImportMeans(staging: staging, workflows: runner, endpoint: catalog.endpoint, collectStaged: {}),
            limits: limits.map { FixedLimits(limits: $0) }, keys: keys, collectGarbage: {})
        runner.register(images.workflows)
        server = try CloudServer(services: [images.api], authenticator: RoleTokens())
    }

    static func with(
        _ adjust: (inout ImageOptions) -> Void = { _ in }, limits: [String: Int]? = nil, isScattered: Bool = false,
        _ body: (Gallery) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "gallery-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var options = ImageOptions()
        // Most tests' images are a few bytes of nothing.
        options.inspection.requiresMatch = false
        adjust(&options)
        let gallery = try await Gallery(directory, options, limits, isScattered: isScattered)
        do {
            try await body(gallery)
        } catch {
            await gallery.close()
            throw error
        }
        await gallery.close()
    }

    func send(_ method: HTTPRequest.Method, _ path: String, token: String? = Gallery.member, _ json: JSON? = nil) async -> TestResponse {
        await server.respond(method, "/image/v2" + path, token: token, json: json)
    }

    /// Describes an image and answers its id.
    func create(_ name: String = "cirros", token: String = Gallery.member, _ more: JSONObject = [:]) async throws -> String {
        var body: JSONObject = ["name": .string(name), "disk_format": "qcow2", "container_format": "bare"]
        for member in more { body[member.name] = member.value }
        let answer = await send(.post, "/images", token: token, .object(body))
        try #require(answer.status == .created, "\(answer.text)")
        return try #require(answer.json["id"]?.string)
    }

    /// Uploads bytes, in chunks whose sum nobody is told where no length is given.
    func upload(_ id: String, _ bytes: [UInt8], token: String = Gallery.member, length: Int? = nil) async -> TestResponse {
        var headers: HTTPFields = [.contentType: "application/octet-stream", .authToken: token]
        if let length { headers[.contentLength] = String(length) } else { headers[.transferEncoding] = "chunked" }
        return await server.respond(.put, "/image/v2/images/\(id)/file", headers: headers, body: bytes)
    }

    func patch(_ id: String, _ operations: JSON, token: String = Gallery.member, form: String = "v2.1") async -> TestResponse {
        let headers: HTTPFields = [.contentType: "application/openstack-images-\(form)-json-patch", .authToken: token]
        return await server.respond(.patch, "/image/v2/images/\(id)", headers: headers, body: operations.bytes)
    }

    func download(_ id: String, range: String? = nil, token: String = Gallery.member) async -> TestResponse {
        var headers: HTTPFields = [.authToken: token]
        headers[.range] = range
        return await server.respond(.get, "/image/v2/images/\(id)/file", headers: headers)
    }

    func show(_ id: String) async -> JSON { await send(.get, "/images/\(id)").json }

    /// How many files the store holds, finished or not.
    func files() throws -> Int {
        try ["data", "incoming"].reduce(0) {
            $0 + (try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: $1).path)).count
        }
    }
}
