import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ImageStores

/// The image service (Glance's image API v2): descriptions in the database, bytes in stores.
///
/// An image becomes active in the transaction that follows the store's commit; bytes are let go of in the transaction
/// that deletes their image, and removed by a reconciler.
public final class Images: Sendable {
    /// What every part of the service works with.
    struct Parts: Sendable {
        let database: any Database
        let stores: StoreRegistry
        let options: ImageOptions
        /// Unified limits; nil where they are not in use.
        let limits: (any ImageLimits)?
        /// Where the keys of encrypted images are; nil without a key manager.
        let keys: (any ImageKeys)?
        let uploads: UploadRegistry
        let imports: ImportMeans
        /// Copies of images on this host; nil without a cache.
        let cache: CacheQueue?
        /// Rings the reconciler that removes let-go bytes.
        let collectGarbage: @Sendable () -> Void
    }

    let parts: Parts

    /// The service over a database and stores.
    /// - Parameters:
    ///   - cache: copies of images whose stores are elsewhere; nil for none.
    ///   - limits: unified limits; nil for none.
    ///   - keys: where the keys of encrypted images are; nil without a key manager.
    ///   - collectGarbage: called when there are bytes to remove; signals `reconciler`.
    public init(
        database: any Database, stores: StoreRegistry, cache: ImageCache? = nil, options: ImageOptions = ImageOptions(),
        imports: ImportMeans, limits: (any ImageLimits)? = nil, keys: (any ImageKeys)? = nil,
        collectGarbage: @escaping @Sendable () -> Void
    ) {
        parts = Parts(
            database: database, stores: stores, options: options, limits: limits, keys: keys, uploads: UploadRegistry(),
            imports: imports, cache: cache.map(CacheQueue.init), collectGarbage: collectGarbage)
    }

    /// The service's tables.
    public static var migrations: MigrationSet { ImageSchema.migrations }

    /// The service's default policy.
    public static var rules: [PolicyRule] { ImagePolicies.rules }

    /// What removes bytes that nobody refers to.
    public var reconciler: any Reconciler {
        ImageReconciler(database: parts.database, stores: parts.stores, cache: parts.cache)
    }

    /// What converges by itself; the composition root runs it.
    public var reconcilers: [any Reconciler] { [reconciler, StagingReconciler(images: parts)] }

    /// The workflows to register with the runner before it runs.
    public var workflows: [WorkflowDefinition] {
        [ImportWorkflow(images: parts).workflow.definition, LocationWorkflow(images: parts).workflow.definition]
    }

    /// Sets uploads that a crash cut off back to waiting for their bytes. Run before serving.
    public func recover() async throws {
        try await parts.recoverUploads()
        try await parts.recoverStaged()
    }

    /// The service's front: Glance's API under `/image/v2`.
    public var api: ServiceAPI {
        ServiceAPI(
            type: "image", name: "glance", path: "/image", envelope: .images,
            endpoints: endpoints,
            rules: Self.rules, conventions: .images)
    }
}

extension Images {
    private var endpoints: [Endpoint] {
        let tables: [[Endpoint]] = [
            ImageVersions.endpoints,
            ImageSchemaDocuments.endpoints,
            ImageEndpoints(images: parts).table,
            ImageListEndpoint(images: parts).table,
            ImageActionEndpoints(images: parts).table,
            ImageTagEndpoints(images: parts).table,
            MemberEndpoints(images: parts).table,
            ImageLocationEndpoints(images: parts).table,
            ImageUsageEndpoints(images: parts).table,
            ImageFileEndpoints(images: parts).table,
            StoreEndpoints(images: parts).table,
            ImportEndpoints(images: parts).table,
            TaskEndpoints(images: parts).table,
            CacheEndpoints(images: parts).table,
        ]
        return tables.flatMap { $0 }
    }
}
