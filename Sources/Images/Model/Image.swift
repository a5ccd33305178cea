import CloudCore

/// An image: its description and, once it is active, where its bytes are.
struct Image: Sendable, Hashable {
    /// How far an image has come (docs.openstack.org/glance/latest/user/statuses.html).
    enum Status: String, Sendable { case queued, saving, uploading, importing, active, deactivated, deleted }
    /// Who may see it beside its owner.
    enum Visibility: String, Sendable, CaseIterable { case `public`, `private`, shared, community }

    let id: String
    var name: String?
    var owner: String?
    var status: Status
    var visibility: Visibility
    var diskFormat: String?
    var containerFormat: String?
    var minimumDiskGiB: Int
    var minimumMemoryMiB: Int
    var size: Int?
    var virtualSize: Int?
    var md5: String?
    /// The digest beside MD5, and by which algorithm, as in `sha512`.
    var hashAlgorithm: String?
    var hash: String?
    var isProtected: Bool
    var isHidden: Bool
    var tags: [String]
    /// Custom properties.
    var properties: [String: String]
    /// Where the bytes are, once there are any; the first is the one that was there first.
    var locations: [ImageLocation]
    let createdAt: Timestamp
    var updatedAt: Timestamp

    static let diskFormats = ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "ploop", "iso"]
    static let containerFormats = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
}
