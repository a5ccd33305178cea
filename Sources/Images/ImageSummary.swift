import CloudAPI
import CloudCore
import CloudStore
import ImageStores

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
    /// Its container format.
    public let containerFormat: String?
    /// The size in bytes of the disk in it; nil while nobody has looked.
    public let virtualSize: Int?
    /// Its MD5 in hexadecimal.
    public let md5: String?
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
    /// An image, whoever may see it; nil when there is none.
    public func summary(_ id: String) async throws -> ImageSummary? {
        guard Identifier.isUUID(id) else { return nil }
        return try await parts.database.read { try ImageRecords.find(id, in: $0) }.map(Self.summary)
    }

    /// An image that a token's holder may see; nil when there is none.
    public func summary(_ id: String, for token: TokenContext) async throws -> ImageSummary? {
        guard Identifier.isUUID(id) else { return nil }
        let found = try await parts.database.read { reader -> Image? in
            guard let image = try ImageRecords.find(id, in: reader) else { return nil }
            let isOpen = image.visibility == .public || image.visibility == .community
            if isOpen || token.isAdmin || image.owner == nil || image.owner == token.projectID { return image }
            guard image.visibility == .shared, let projectID = token.projectID else { return nil }
            return try MemberRecords.find(projectID, of: id, in: reader) == nil ? nil : image
        }
        return found.map(Self.summary)
    }

    private static func summary(_ image: Image) -> ImageSummary {
        ImageSummary(
            id: image.id, name: image.name, status: image.status.rawValue, diskFormat: image.diskFormat,
            containerFormat: image.containerFormat, virtualSize: image.virtualSize, md5: image.md5,
            minimumDiskGiB: image.minimumDiskGiB, minimumMemoryMiB: image.minimumMemoryMiB, size: image.size,
            sha512: image.hashAlgorithm == "sha512" ? image.hash : nil, properties: image.properties)
    }

    /// The ids of the images of a name that a token's holder may see.
    public func ids(named name: String, for token: TokenContext) async throws -> [String] {
        var filter = ImageFilter(viewer: .init(projectID: token.projectID, isAdmin: token.isAdmin), limit: 2)
        filter.conditions = ["name = \(name)"]
        return try await parts.database.read { [filter] in try ImageRecords.list(filter, in: $0).map(\.id) }
    }

    /// Opens an active image's bytes for a host.
    /// - Returns: nil when there are none.
    public func content(_ id: String) async throws -> (any ImageContent)? {
        guard let image = try await parts.database.read({ try ImageRecords.find(id, in: $0) }) else { return nil }
        return try await parts.open(image)
    }
}
