import CloudCrypto
import ImageInspection

/// The operator's choices for images.
public struct ImageOptions: Sendable {
    /// The largest image in bytes (upstream's image_size_cap: 1 TiB).
    public var maximumSize = 1 << 40
    /// How many images a list answers when the client does not say.
    public var pageSize = 25
    /// How many images a list answers at most.
    public var maximumPageSize = 1000
    /// How many things an image may have.
    public var limits = Limits()
    /// The digest of new images beside MD5 (upstream's hashing_algorithm).
    public var hashAlgorithm = Digest.Algorithm.sha512
    /// How images are imported.
    public var imports = ImageImportOptions()
    /// Whether images tell where their bytes are (upstream's show_image_direct_url).
    public var showsDirectURL = false
    /// Whether images tell all the places of their bytes, and clients may change these (show_multiple_locations).
    public var showsLocations = false
    /// Whether the bytes at a place that a client names are read and hashed (do_secure_hash).
    public var hashesLocations = true
    /// How images' content is judged before it is published.
    public var inspection = InspectionRules()

    /// Upstream's defaults.
    public init() {}
}

extension ImageOptions {
    /// How many things an image may have; negative for any number.
    public struct Limits: Sendable {
        /// Projects it is shared with (upstream's image_member_quota).
        public var members = 128
        /// Custom properties (image_property_quota).
        public var properties = 128
        /// Tags (image_tag_quota).
        public var tags = 128
        /// Places of its bytes (image_location_quota).
        public var locations = 10

        /// Upstream's defaults.
        public init() {}

        /// - Throws: 413 when there would be more than allowed.
        static func check(_ attempted: Int, _ maximum: Int, _ what: String) throws {
            guard maximum < 0 || attempted <= maximum else {
                throw ImageError.tooMany(what, attempted: attempted, maximum: maximum)
            }
        }
    }
}
