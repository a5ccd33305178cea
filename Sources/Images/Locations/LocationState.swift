/// What giving an image its first location needs to remember.
struct LocationState: Codable, Sendable, Hashable {
    var imageID: String
    /// Its task.
    var taskID: String
    var store: String
    var location: String
    /// The digest that the client expects; nil when it says nothing.
    var expected: Proof?
    /// Whether the bytes are read and digested.
    var isHashed: Bool
    /// The algorithm of the digest, by Glance's name.
    var algorithm: String
    /// How many bytes are there, once somebody looked.
    var size: Int?
    /// What the bytes came to.
    var md5: String?
    var hash: String?

    /// What a client says about the bytes.
    struct Proof: Codable, Sendable, Hashable {
        var algorithm: String
        /// In hexadecimal, in lower case.
        var hash: String
    }

    /// Whether the image waits for the digest before it can be used.
    var mustProve: Bool { isHashed && expected != nil }

    /// - Throws: 409 for an image that has its bytes, or gets them in another way.
    static func checkStatus(of image: Image) throws {
        guard image.status != .queued else { return }
        throw ImageError.conflict("It's not allowed to add locations if image status is \(image.status.rawValue).")
    }
}
