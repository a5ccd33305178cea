import CloudAPI
import CloudCore

/// What requests about actions on a server where it is may say (nova.api.openstack.compute.schemas).
enum LifeSchemas {
    private static let reason: Schema = .string(length: 1...255)
    static let lock: [(Int, Schema)] = [(1, .any), (73, .nullable(.object([("locked_reason", reason)])))]
    static let rescue: Schema = .nullable(.object([("adminPass", .string()), ("rescue_image_ref", .uuid)]))
    static let password: Schema = .object([("adminPass", .string())], required: ["adminPass"])
    static let resetState: Schema = .object([("state", .oneOf(["active", "error"]))], required: ["state"])
    static let createImage: Schema = .object(
        [("name", ServerSchemas.name), ("metadata", ServerSchemas.metadata)], required: ["name"])
    static let createBackup: Schema = .object(
        [
            ("name", ServerSchemas.name), ("backup_type", .string()), ("rotation", .integer(0...2_147_483_647, lenient: true)),
            ("metadata", ServerSchemas.metadata),
        ], required: ["name", "backup_type", "rotation"])

    private static let file: Schema = .object([("path", .string()), ("contents", .string(format: .base64))])
    private static let certificates: Schema = .nullable(.array(.string(length: 1...65535), count: 1...50, unique: true))

    private static func rebuild(from minor: Int) -> (Int, Schema) {
        var members: [(name: String, schema: Schema)] = [
            ("name", ServerSchemas.name), ("imageRef", .uuid), ("adminPass", .string()), ("metadata", ServerSchemas.metadata),
            ("preserve_ephemeral", .boolean(lenient: true)), ("OS-DCF:diskConfig", .oneOf(["AUTO", "MANUAL"])),
            ("accessIPv4", .string(format: .ipv4)), ("accessIPv6", .string(format: .ipv6)),
        ]
        if minor < 57 { members.append(("personality", .array(file))) }
        if minor >= 19 { members.append(("description", ServerSchemas.description)) }
        if minor >= 54 { members.append(("key_name", .nullable(.string(length: 1...255)))) }
        if minor >= 57 { members.append(("user_data", .nullable(.string(length: 0...65535, format: .base64)))) }
        if minor >= 63 { members.append(("trusted_image_certificates", certificates)) }
        if minor >= 90 { members.append(("hostname", ServerSchemas.hostName(from: minor))) }
        return (minor, .object(members, required: ["imageRef"]))
    }

    static let rebuild = [1, 19, 54, 57, 63, 90, 94].map(rebuild)
}
