import CloudAPI
import CloudCore

/// An image made of a server, as nova describes it (nova.compute.utils.create_image).
struct ServerSnapshot: Sendable {
    /// What the image is for.
    enum Kind: Sendable, Hashable {
        case snapshot
        /// A backup of a kind of the user's, such as "daily".
        case backup(String)
    }

    /// The format of the bytes that hosts make.
    static let format = "qcow2"

    let server: Server
    let name: String
    var kind = Kind.snapshot
    /// Properties that the user gave.
    var metadata: [String: String] = [:]

    /// Properties of a server's image that say nothing about images made of the server
    /// (NON_INHERITABLE_IMAGE_PROPERTIES and the default of non_inheritable_image_properties).
    private static let notInherited: Set = [
        "cache_in_nova", "bittorrent", "cinder_encryption_key_id", "cinder_encryption_key_deletion_policy", "img_signature",
        "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid",
    ]
    /// The image service's own properties begin with this.
    private static let reservedPrefix = "os_glance"

    /// What the image service is asked for, in a caller's name.
    func image(for token: TokenContext) -> NewSnapshot {
        NewSnapshot(
            id: Identifier.uuid(), name: name, sharedWith: token.projectID == server.projectID ? nil : server.projectID,
            minDiskGiB: max(server.image?.minDiskGiB ?? 0, server.flavor.diskGiB), minMemoryMiB: server.image?.minMemoryMiB ?? 0,
            diskFormat: Self.format, properties: properties(userID: token.userID))
    }

    private func properties(userID: String) -> [String: String] {
        var properties = server.imageProperties.filter { name, _ in
            !Self.notInherited.contains(name) && !name.hasPrefix(Self.reservedPrefix)
        }
        properties["base_image_ref"] = server.image?.id
        properties["instance_uuid"] = server.id
        properties["user_id"] = userID
        properties["owner_id"] = server.projectID
        properties["image_location"] = "snapshot"
        properties["image_state"] = "available"
        switch kind {
        case .snapshot: properties["image_type"] = "snapshot"
        case .backup(let type): (properties["image_type"], properties["backup_type"]) = ("backup", type)
        }
        return properties.merging(metadata) { $1 }
    }

    /// Whether the guest must be brought to rest before its disk is copied (os_require_quiesce).
    var mustQuiesce: Bool { server.image?.properties["os_require_quiesce"].flatMap(LenientBoolean.parse) ?? false }
}
