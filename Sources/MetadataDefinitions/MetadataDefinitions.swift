import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// The operator's choices for metadata definitions.
public struct MetadataDefinitionOptions: Sendable {
    /// How many namespaces a list answers when the client does not say.
    public var pageSize = 25
    /// How many namespaces a list answers at most.
    public var maximumPageSize = 1000

    /// Upstream's defaults.
    public init() {}
}

/// Glance's catalogue of metadata definitions: which properties images, flavors, volumes and aggregates may carry, what
/// they mean and which values they take. Dashboards build their forms from it; nothing enforces it.
///
/// A part of the image API: its endpoints, rules and tables join the image service's at the composition root.
public final class MetadataDefinitions: Sendable {
    /// What every part of the catalogue works with.
    struct Parts: Sendable {
        let database: any Database
        let options: MetadataDefinitionOptions
    }

    let parts: Parts

    /// The catalogue over a database.
    public init(database: any Database, options: MetadataDefinitionOptions = MetadataDefinitionOptions()) {
        parts = Parts(database: database, options: options)
    }

    /// The catalogue's tables.
    public static var migrations: MigrationSet { MetadataSchema.migrations }

    /// The catalogue's default policy. It leans on the image service's rule `context_is_admin`.
    public static var rules: [PolicyRule] { MetadataPolicies.rules }

    /// The operations under `/v2/metadefs` and their schema documents.
    public var endpoints: [Endpoint] {
        NamespaceEndpoints(parts: parts).table + ObjectEndpoints(parts: parts).table + PropertyEndpoints(parts: parts).table
            + TagEndpoints(parts: parts).table + ResourceTypeEndpoints(parts: parts).table + SchemaDocuments.endpoints
    }
}
