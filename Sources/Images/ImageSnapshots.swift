import CloudAPI
import CloudCore
import CloudStore
import ImageStores
import NIOCore

/// An image that another service describes, and whose bytes a host will send.
public struct ImageDescription: Sendable, Hashable {
    /// Its UUID.
    public var id: String
    /// Its name.
    public var name: String
    /// A project it is shared with; nil leaves it private.
    public var sharedWith: String?
    /// The format of its bytes.
    public var diskFormat: String
    /// The smallest disk in GiB that holds it.
    public var minimumDiskGiB: Int
    /// The least memory in MiB it runs in.
    public var minimumMemoryMiB: Int
    /// Its custom properties.
    public var properties: [String: String]
    /// What is around its bytes.
    public var containerFormat = "bare"
    /// Who sees it: public, community, shared or private; nil for private, or shared where it is shared with a project.
    public var visibility: String?
    /// Whether it can't be deleted.
    public var isProtected = false

    /// A description.
    public init(
        id: String, name: String, sharedWith: String?, diskFormat: String, minimumDiskGiB: Int, minimumMemoryMiB: Int,
        properties: [String: String]
    ) {
        (self.id, self.name, self.sharedWith, self.diskFormat) = (id, name, sharedWith, diskFormat)
        (self.minimumDiskGiB, self.minimumMemoryMiB, self.properties) = (minimumDiskGiB, minimumMemoryMiB, properties)
    }
}

/// What a project may have of images, looked up before the transaction that it is held against.
public struct ImageReservation: Sendable {
    let allowance: ImageAllowance?
    let projectID: String?
}

extension Images {
    /// What a token's project may have.
    public func reservation(for token: TokenContext) async throws -> ImageReservation {
        ImageReservation(allowance: try await parts.allowance(ofProject: token.projectID), projectID: token.projectID)
    }

    /// Makes a queued image without bytes within the caller's transaction; it belongs to the reservation's project.
    /// - Throws: a fault: 413 for what the project may not have, 403 and 400 for properties that can't be given.
    public func create(_ new: ImageDescription, _ reservation: ImageReservation, in transaction: any Transaction) throws {
        var image = Image(id: new.id, owner: reservation.projectID)
        (image.name, image.visibility) = (new.name, new.sharedWith == nil ? .private : .shared)
        if let visibility = new.visibility.flatMap({ Image.Visibility(rawValue: $0) }) { image.visibility = visibility }
        (image.diskFormat, image.containerFormat, image.isProtected) = (new.diskFormat, new.containerFormat, new.isProtected)
        (image.minimumDiskGiB, image.minimumMemoryMiB) = (new.minimumDiskGiB, new.minimumMemoryMiB)
        var edit = ImageEdit(image: image, isAdmin: false, limits: parts.options.limits)
        for (name, value) in new.properties {
            guard !ImageSchemas.attributes.contains(where: { $0.name == name }) else {
                throw ImageError.badRequest("Attribute '\(name)' is no custom property.")
            }
            try ImageSchemas.checkMayChange(name)
            try ImageSchemas.check(name, .string(value))
            try edit.set(name, .string(value))
        }
        try edit.checkProperties()
        try reservation.allowance?.check(.count, adding: 1, in: transaction)
        try ImageRecords.insert(edit.image, in: transaction)
        guard let member = new.sharedWith else { return }
        let now = Timestamp.now
        try MemberRecords.insert(
            ImageMember(imageID: new.id, memberID: member, status: .pending, createdAt: now, updatedAt: now), in: transaction)
    }

    /// An image's status as the API shows it; nil when there is none.
    public func status(_ id: String, in reader: any Reader) throws -> String? {
        try ImageRecords.find(id, in: reader)?.status.rawValue
    }

    /// Removes an image within the caller's transaction, its bytes later. A protected image stays; an unknown one is success.
    public func remove(_ id: String, in transaction: any Transaction) throws {
        guard let image = try ImageRecords.find(id, in: transaction), !image.isProtected else { return }
        try parts.remove(image, in: transaction)
    }

    /// The ids of a project's own images with all of these properties, the newest first.
    public func images(of projectID: String, with properties: [String: String], in reader: any Reader) throws -> [String] {
        var filter = ImageFilter(viewer: .init(projectID: projectID), limit: Self.ownLimit)
        filter.conditions = ["owner = \(projectID)"] + properties.map { ImageFilter.hasProperty($0.key, $0.value) }
        return try ImageRecords.list(filter, in: reader).map(\.id)
    }

    /// How many images of one kind are looked at.
    private static let ownLimit = 10_000

    /// Takes the bytes of a queued image from a host, into the default store, and makes it active.
    /// - Parameters:
    ///   - format: what the bytes are.
    ///   - size: how many there are.
    ///   - read: the next bytes; nil at their end. What it throws ends the upload.
    /// - Throws: a fault when there is no such image or it isn't queued, when the bytes aren't what they should be, when the
    ///   store or the owner's quota is full. The image stays queued then.
    public func receive(
        _ id: String, format: String, size: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?
    ) async throws {
        guard let image = try await parts.database.read({ try ImageRecords.find(id, in: $0) }) else { throw ImageError.notFound(id) }
        let allowance = try await parts.allowance(ofProject: image.owner)
        if let allowance { try await parts.database.read { try allowance.check(.size, adding: size >> 20, in: $0) } }
        let stream = ByteStream { try await read().map { ByteBuffer(bytes: $0) } }
        try await parts.receive(stream, of: image, into: parts.stores.defaultStore, size: size, format: format, allowance)
    }
}
