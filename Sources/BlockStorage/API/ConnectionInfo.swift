import CloudCore
import VolumeMessages

/// How a volume is reached, as Cinder's API says it: os-brick's connection properties.
enum ConnectionInfo {
    /// - Parameter connection: with passwords where there are any that are for this volume alone.
    static func json(_ connection: VolumeConnection, of volume: Volume, attachment: Attachment?) -> JSON {
        var info = data(connection)
        info["driver_volume_type"] = .string(kind(connection))
        info["encrypted"] = .bool(volume.isEncrypted)
        info["qos_specs"] = attachment?.qosSpecs ?? .null
        info["access_mode"] = .string(attachment?.mode == "ro" ? "ro" : "rw")
        info["cacheable"] = false
        info["volume_id"] = .string(volume.id)
        if let attachment { info["attachment_id"] = .string(attachment.id) }
        return .object(info)
    }

    /// The older form, in which the properties are a member of their own.
    static func nested(_ connection: VolumeConnection, of volume: Volume, attachment: Attachment?) -> JSON {
        guard case .object(var data) = json(connection, of: volume, attachment: attachment) else { return .null }
        data["driver_volume_type"] = nil
        return ["driver_volume_type": .string(kind(connection)), "data": .object(data)]
    }

    private static func kind(_ connection: VolumeConnection) -> String {
        switch connection {
        case .file: "local"
        case .rbd: "rbd"
        case .iscsi: "iscsi"
        case .nfs: "nfs"
        }
    }

    private static func data(_ connection: VolumeConnection) -> JSONObject {
        func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
        switch connection {
        case .file(let path, let format): return ["device_path": .string(path), "format": .string(format)]
        case .nfs(let export, let name, let format):
            return ["export": .string(export), "name": .string(name), "format": .string(format), "options": .null]
        case .rbd(let pool, let image, let monitors, let user, _):
            return [
                "name": .string("\(pool)/\(image)"), "hosts": .array(monitors.map { .string(address($0).host) }),
                "ports": .array(monitors.map { .string(address($0).port) }), "auth_enabled": .bool(user != nil),
                // Never the key: it opens every volume of the pool, and whoever connects has a keyring or a secret of its own.
                "auth_username": text(user), "secret_type": "ceph", "secret_uuid": .null,
            ]
        case .iscsi(let portals, let iqn, let lun, let user, let password):
            var data: JSONObject = [
                "target_discovered": false, "target_portal": text(portals.first), "target_iqn": .string(iqn), "target_lun": .int(lun),
                "target_portals": .array(portals.map { .string($0) }), "target_iqns": .array(portals.map { _ in .string(iqn) }),
                "target_luns": .array(portals.map { _ in .int(lun) }),
            ]
            if let user {
                (data["auth_method"], data["auth_username"], data["auth_password"]) = ("CHAP", .string(user), text(password))
            }
            return data
        }
    }

    private static func address(_ text: String) -> (host: String, port: String) {
        guard let colon = text.lastIndex(of: ":") else { return (text, "") }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}
