import CloudAPI
import CloudCore
import CloudWorkflow
import ImageStores

/// The operator's choices for imports and tasks.
public struct ImageImportOptions: Sendable {
    /// The methods that clients may use: `glance-direct`, `web-download`, `copy-image`, `glance-download`.
    public var methods = ImportMethod.allCases.map(\.rawValue)
    /// Which URLs are fetched.
    public var filter = WebFilter()
    /// How long a fetch may take, how much it may bring, and how far it is followed.
    public var limits = WebClient.Limits()
    /// A PEM file with the certificate authorities that fetches trust; nil for the system's.
    public var authorities: String?
    /// What is done with images on their way in, by upstream's names: `image_decompression`,
    /// `image_conversion`, `inject_image_metadata`, `no_op`. They work in this order.
    public var plugins: [String] = []
    /// The format that `image_conversion` brings disks into.
    public var conversionFormat = ConversionFormat.raw
    /// How long one conversion may take.
    public var conversionDeadline = Duration.seconds(3600)
    /// The properties that are injected.
    public var injected: [String: String] = [:]
    /// Whose imports nothing is injected into.
    public var ignoredRoles: [String] = ["admin"]
    /// The beginnings of the properties' names that are taken over from another cloud's images.
    public var copiedProperties = ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"]
    /// How long a task is remembered after its end.
    public var taskLifetime = Duration.seconds(48 * 3600)
    /// How long an import may take in all.
    public var deadline = Duration.seconds(86_400)
    /// How old a staged file without an image must be before it is removed.
    public var staleAge = Duration.seconds(60)

    /// This host, as the images that are staged on it remember it.
    public var hostName = "localhost"

    /// Upstream's defaults, with every method.
    public init() {}

    /// Whether properties are injected into what a token's holder imports.
    func injects(for token: TokenContext?) -> Bool {
        plugins.contains(ImportPlugin.injection.rawValue) && !(token?.roles ?? []).contains(where: ignoredRoles.contains)
    }
}

/// The ways in which bytes get into an image by import.
public enum ImportMethod: String, Sendable, Codable, CaseIterable {
    /// From the staging area.
    case glanceDirect = "glance-direct"
    /// From a URL.
    case webDownload = "web-download"
    /// From one of the image's stores to others.
    case copyImage = "copy-image"
    /// From another cloud's image service.
    case glanceDownload = "glance-download"
}

/// What can be done with images on their way in, by upstream's names.
public enum ImportPlugin: String, Sendable, CaseIterable {
    /// Nothing.
    case none = "no_op"
    /// Properties of the operator's are set.
    case injection = "inject_image_metadata"
    /// Compressed bytes are unpacked.
    case decompression = "image_decompression"
    /// Disks are brought into one format.
    case conversion = "image_conversion"
}

/// The formats that disks can be brought into, by Glance's names, which are qemu-img's.
public enum ConversionFormat: String, Sendable, CaseIterable {
    /// The disk's own bytes.
    case raw
    /// QEMU copy on write.
    case qcow2
    /// A VMware disk in one file.
    case vmdk
}

/// What imports work with beside the service's own parts.
public struct ImportMeans: Sendable {
    /// Where bytes wait.
    public let staging: StagingArea
    /// What carries imports out.
    public let workflows: any WorkflowEngine
    /// The address of the image service of a region, by region and interface, as the catalog shows it to a token; nil
    /// when it shows none.
    public let endpoint: @Sendable (_ region: String, _ interface: String, _ token: TokenContext) async throws -> String?
    /// Rings the reconciler that removes stale staged files.
    public let collectStaged: @Sendable () -> Void
    let tokens = ImportTokens()

    /// What imports work with.
    public init(
        staging: StagingArea, workflows: any WorkflowEngine,
        endpoint: @escaping @Sendable (String, String, TokenContext) async throws -> String?,
        collectStaged: @escaping @Sendable () -> Void
    ) {
        (self.staging, self.workflows, self.endpoint, self.collectStaged) = (staging, workflows, endpoint, collectStaged)
    }
}
