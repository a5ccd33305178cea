import CloudCore
import ImageStores

/// What an import needs to remember. No token is in it: the workflow's row lies in the database.
struct ImportState: Codable, Sendable, Hashable {
    /// The image.
    var imageID: String
    /// Its task.
    var taskID: String
    /// Whether the image was made by the task, and goes when the task fails.
    var ownsImage = false
    var method: ImportMethod
    /// The source of a web-download.
    var uri: String?
    /// The source of a glance-download.
    var remote: ImportRequest.RemoteImage?
    /// The address of that other image service.
    var endpoint: String?
    /// The stores that the bytes go to.
    var stores: [String]
    /// Whether one store that fails undoes the others.
    var mustSucceed: Bool
    /// What the project that asked may have; nil where there are no limits.
    var allowance: ImageAllowance?
    /// Whether properties are injected.
    var injects = false
    /// The bytes on their way.
    var staged: StagingArea.Name?
    /// How many there are, once that is known.
    var size: Int?
    /// What becomes of the image's description.
    var changes = Changes()
    /// How the description was before.
    var before: Before?

    /// Changes to an image's description.
    struct Changes: Codable, Sendable, Hashable {
        var diskFormat: String?
        var containerFormat: String?
        var virtualSize: Int?
        var properties: [String: String] = [:]
    }

    /// A description to go back to.
    struct Before: Codable, Sendable, Hashable {
        var diskFormat: String?
        var containerFormat: String?
        var virtualSize: Int?
        var properties: [String: String]
    }
}

extension ImportState.Before {
    init(_ image: Image) {
        self.init(
            diskFormat: image.diskFormat, containerFormat: image.containerFormat, virtualSize: image.virtualSize,
            properties: image.properties.filter { !$0.key.hasPrefix(ImportMark.reserved) })
    }
}

extension Image {
    /// Takes over what an import found out.
    mutating func apply(_ changes: ImportState.Changes) {
        diskFormat = changes.diskFormat ?? diskFormat
        containerFormat = changes.containerFormat ?? containerFormat
        virtualSize = changes.virtualSize ?? virtualSize
        for (name, value) in changes.properties where !name.hasPrefix(ImportMark.reserved) { properties[name] = value }
    }

    /// Goes back to how it was; the service's own marks stay as they are.
    mutating func restore(_ before: ImportState.Before) {
        (diskFormat, containerFormat, virtualSize) = (before.diskFormat, before.containerFormat, before.virtualSize)
        properties = properties.filter { $0.key.hasPrefix(ImportMark.reserved) }.merging(before.properties) { $1 }
    }
}
