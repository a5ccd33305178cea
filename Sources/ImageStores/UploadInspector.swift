import NIOCore

/// Looks at an image's bytes while they are uploaded and says whether they may be used. One inspector sees one upload.
/// Its calls come one after another, on a task of their own beside the store and the digests.
public protocol UploadInspector: Sendable {
    /// Sees the next bytes, in order.
    /// - Throws: `UploadRefusal` as soon as the bytes can't be accepted; the upload then ends.
    func inspect(_ bytes: ByteBuffer) throws

    /// The verdict after the last byte, before the bytes are published.
    /// - Throws: `UploadRefusal` when they can't be accepted.
    func finish() throws -> UploadVerdict
}

/// What an inspection found.
public struct UploadVerdict: Sendable, Hashable {
    /// The size of the disk inside in bytes (`virtual_size`), where the format tells.
    public var virtualSize: Int?
    /// The format that was found, where one was looked for.
    public var format: String?

    /// What an inspection found; nothing by default.
    public init(virtualSize: Int? = nil, format: String? = nil) { (self.virtualSize, self.format) = (virtualSize, format) }
}

/// Why an image's bytes can't be accepted, in words for the user. Glance answers 415.
public struct UploadRefusal: Error, Sendable, Hashable {
    /// The reason, as a sentence.
    public let reason: String

    /// A refusal.
    public init(_ reason: String) { self.reason = reason }
}
