import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow

/// `os-volume_upload_image`: an image made of a volume.
enum VolumeUploads {
    static let all: [ResourceAction<Volume>] = [
        ResourceAction(
            "os-volume_upload_image", rule: "volume_extension:volume_actions:upload_image",
            versions: [(0, schema(members)), (1, schema(members + later))], handler: upload)
    ]

    private static let members: [(name: String, schema: Schema)] = [
        ("image_name", .string(length: 1...255)), ("force", FieldSchemas.boolean),
        ("disk_format", .oneOf(["raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop"])),
        ("container_format", .nullable(.string(length: 0...255))),
    ]
    private static let later: [(name: String, schema: Schema)] = [
        ("visibility", .oneOf(["community", "public", "private", "shared"])), ("protected", FieldSchemas.boolean),
    ]
    private static func schema(_ members: [(name: String, schema: Schema)]) -> Schema { .object(members, required: ["image_name"]) }

    /// What a volume notes of its image that is no property of an image.
    private static let facts: Set = [
        "image_id", "image_name", "checksum", "container_format", "disk_format", "min_disk", "min_ram", "size",
    ]
    /// Properties of the image service's own, which nobody sets.
    private static let reserved = ["os_glance", "img_signature"]

    @Sendable private static func upload(_ call: ActionCall<Volume>) async throws -> APIResponse {
        guard let token = call.request.token else { return .empty() }
        var image = NewVolumeImage(
            id: Identifier.uuid(), name: call.value["image_name"]?.string ?? "", diskFormat: call.value["disk_format"]?.string ?? "raw",
            containerFormat: call.value["container_format"]?.string ?? "bare")
        if call.request.isFrom(1) {
            image.visibility = call.value["visibility"]?.string ?? "private"
            image.isProtected = call.value.lenientBool("protected") ?? false
            if image.visibility == "public" { try call.require("volume_extension:volume_actions:upload_public") }
        }
        guard image.containerFormat == "bare", image.diskFormat != "ploop" else {
            throw BlockStorageError.badRequest("Images of volumes are bare, and not of the format ploop.")
        }
        image.properties = properties(of: call.resource)
        image.minimumDiskGiB = call.resource.imageMetadata["min_disk"].flatMap { Int($0) } ?? 0
        image.minimumMemoryMiB = call.resource.imageMetadata["min_ram"].flatMap { Int($0) } ?? 0
        try encrypt(&image, call)
        return try answer(try await begin(image, call, token), image, call)
    }

    private static func properties(of volume: Volume) -> [String: String] {
        volume.imageMetadata.filter { name, _ in !facts.contains(name) && !reserved.contains { name.hasPrefix($0) } }
    }

    /// The image property that names the key of an encrypted volume's bytes.
    private static let keyProperty = "cinder_encryption_key_id"

    /// An encrypted volume's bytes go as they are, with a copy of its key, because the volume's goes with it.
    private static func encrypt(_ image: inout NewVolumeImage, _ call: ActionCall<Volume>) throws {
        guard call.resource.encryptionKeyID != nil else { return }
        guard image.diskFormat == "raw" else {
            throw BlockStorageError.badRequest(
                "An encrypted volume uploaded as an image must use 'raw' disk_format and 'bare' container_format, which are the "
                    + "defaults for these options.")
        }
        image.properties[keyProperty] = Identifier.uuid()
        image.properties["cinder_encryption_key_deletion_policy"] = "on_image_deletion"
    }

    private static func begin(
        _ image: NewVolumeImage, _ call: ActionCall<Volume>, _ token: TokenContext
    ) async throws -> (Volume, VolumeType?) {
        let storage = call.storage
        let make = try await storage.neighbours.images.imageMaker(for: token)
        let volume = try await call.change { volume, transaction in
            guard volume.status == .available else {
                throw BlockStorageError.invalidVolume("Volume \(volume.id) status must be available")
            }
            try volume.requireAtRest()
            if let original = volume.encryptionKeyID, let key = image.properties[keyProperty] {
                try storage.neighbours.keys.copyKey(original, to: key, of: nil, in: transaction)
            }
            try make(image, transaction)
            (volume.previousStatus, volume.status) = (volume.status, .uploading)
            try storage.begin(
                UploadVolumeWorkflow(storage: storage).workflow,
                UploadVolumeState(volumeID: volume.id, imageID: image.id, format: image.diskFormat), subject: volume.subject,
                requestID: call.request.requestID, in: transaction)
        }
        return (volume, try await storage.database.read { try VolumeTypeRecords.find(volume.typeID, in: $0) })
    }

    private static func answer(
        _ made: (volume: Volume, type: VolumeType?), _ image: NewVolumeImage, _ call: ActionCall<Volume>
    ) throws -> APIResponse {
        .json {
            $0.object {
                $0.member("os-volume_upload_image") {
                    $0.object {
                        $0.member("id", made.volume.id)
                        $0.member("updated_at", made.volume.updatedAt?.iso8601Naive)
                        $0.member("status", made.volume.status.rawValue)
                        $0.member("display_description", made.volume.description)
                        $0.member("size", made.volume.size)
                        $0.member("volume_type", made.type.map { JSON.object(["id": .string($0.id), "name": .string($0.name)]) } ?? .null)
                        $0.member("image_id", image.id)
                        $0.member("container_format", image.containerFormat)
                        $0.member("disk_format", image.diskFormat)
                        $0.member("image_name", image.name)
                        if call.request.isFrom(1) {
                            $0.member("protected", image.isProtected)
                            $0.member("visibility", image.visibility)
                        }
                    }
                }
            }
        }
    }
}
