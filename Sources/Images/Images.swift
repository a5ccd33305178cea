import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ImageStores

/// The operator's choices for images.
public struct ImageOptions: Sendable {
    /// The largest image in bytes (upstream's image_size_cap: 1 TiB).
    public var maximumSize = 1 << 40
    /// How many images a list answers when the client does not say.
    public var pageSize = 25
    /// How many images a list answers at most.
    public var maximumPageSize = 1000

    /// Upstream's defaults.
    public init() {}
}

/// The image service (Glance's image API v2): descriptions in the database, bytes in a store.
///
/// An image becomes active in the transaction that follows the store's commit; bytes are let go of in the transaction
/// that deletes their image, and removed by a reconciler.
public final class Images: Sendable {
    /// What every part of the service works with.
    struct Parts: Sendable {
        let database: any Database
        let store: any ImageStore
        let options: ImageOptions
        let uploads: UploadRegistry
        /// Rings the reconciler that removes let-go bytes.
        let collectGarbage: @Sendable () -> Void
    }

    let parts: Parts

    /// The service over a database and a store.
    /// - Parameter collectGarbage: called when there are bytes to remove; signals `reconciler`.
    public init(
        database: any Database, store: any ImageStore, options: ImageOptions = ImageOptions(),
        collectGarbage: @escaping @Sendable () -> Void
    ) {
        parts = Parts(
            database: database, store: store, options: options, uploads: UploadRegistry(), collectGarbage: collectGarbage)
    }

    /// The service's tables.
    public static var migrations: MigrationSet { ImageSchema.migrations }

    /// The service's default policy.
    public static var rules: [PolicyRule] { ImagePolicies.rules }

    /// What removes bytes that nobody refers to.
    public var reconciler: any Reconciler {
        ImageReconciler(database: parts.database, store: parts.store, uploads: parts.uploads)
    }

    /// Sets uploads that a crash cut off back to waiting for their bytes. Run before serving.
    public func recover() async throws {
        try await parts.database.write { try ImageRecords.resetInterruptedUploads(in: $0) }
    }

    /// The service's front: Glance's API under `/image/v2`.
    public var api: ServiceAPI {
        ServiceAPI(
            type: "image", name: "glance", path: "/image", envelope: .images,
            endpoints: ImageVersions.endpoints + ImageEndpoints(images: parts).table + ImageFileEndpoints(images: parts).table,
            rules: Self.rules)
    }
}

extension Images.Parts {
    /// The image a request names, if the caller may do with it what the endpoint's rule governs. What a caller may not
    /// even see does not exist for it.
    func find(_ request: APIRequest) async throws -> Image {
        let id = request["image_id"]
        guard let image = try await database.read({ try ImageRecords.find(id, in: $0) }) else {
            // Whoever may look for images learns that there is none; others learn nothing.
            try request.require("get_images", request.callerTarget)
            throw ImageError.notFound(id)
        }
        let target = target(image, request)
        let isVisible = request.allows("get_image", target) && (image.visibility != .shared || isOwn(image, request))
        try request.authorize(target, orThrow: isVisible ? nil : ImageError.notFound(id).fault)
        guard isVisible else { throw ImageError.notFound(id) }
        return image
    }

    private func isOwn(_ image: Image, _ request: APIRequest) -> Bool {
        image.owner == request.token?.projectID || request.token?.isAdmin == true
    }

    /// An image as Glance's rules see it.
    func target(_ image: Image, _ request: APIRequest) -> PolicyTarget {
        [
            "project_id": image.owner.map { .string($0) } ?? .null, "owner": image.owner.map { .string($0) } ?? .null,
            "visibility": .string(image.visibility.rawValue), "image_id": .string(image.id),
            "user_id": request.token.map { .string($0.userID) } ?? .null,
        ]
    }
}

/// An image as other services see it.
public struct ImageSummary: Sendable, Hashable {
    /// Its UUID.
    public let id: String
    /// Its name.
    public let name: String?
    /// Its status, as the API shows it.
    public let status: String
    /// Its format.
    public let diskFormat: String?
    /// The smallest disk in GiB that holds it.
    public let minimumDiskGiB: Int
    /// The least memory in MiB it runs in.
    public let minimumMemoryMiB: Int
    /// Its size in bytes.
    public let size: Int?
    /// Its SHA-512 in hexadecimal.
    public let sha512: String?
    /// Its custom properties.
    public let properties: [String: String]
}

extension Images {
    /// An image that a token's holder may see; nil when there is none.
    public func summary(_ id: String, for token: TokenContext) async throws -> ImageSummary? {
        guard Identifier.isUUID(id), let image = try await parts.database.read({ try ImageRecords.find(id, in: $0) }) else { return nil }
        let isOpen = image.visibility == .public || image.visibility == .community
        guard isOpen || image.owner == token.projectID || token.isAdmin else { return nil }
        return ImageSummary(
            id: image.id, name: image.name, status: image.status.rawValue, diskFormat: image.diskFormat,
            minimumDiskGiB: image.minimumDiskGiB, minimumMemoryMiB: image.minimumMemoryMiB, size: image.size,
            sha512: image.sha512, properties: image.properties)
    }

    /// Opens an active image's bytes for a host.
    /// - Returns: nil when there are none.
    public func content(_ id: String) async throws -> (any ImageContent)? {
        guard let image = try await parts.database.read({ try ImageRecords.find(id, in: $0) }), let location = image.location
        else { return nil }
        return try await parts.store.open(location)
    }
}
