internal import CLibvirt
import Foundation

/// Base 64 (RFC 4648).
enum Base64Text {
    /// The bytes that a text stands for; nil when it stands for none.
    static func decode(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map(Array.init) }
}

extension LibvirtConnection {
    /// Keeps secrets in libvirt's memory; those that are there get the value anew.
    func keep(_ secrets: [VolumeSecret]) throws {
        for secret in secrets {
            guard let pointer = secretPointer(secret) ?? virSecretDefineXML(connection, secret.markup.text, 0) else {
                throw LibvirtError.last
            }
            defer { virSecretFree(pointer) }
            let bytes = secret.bytes
            guard virSecretSetValue(pointer, bytes, bytes.count, 0) == 0 else { throw LibvirtError.last }
        }
    }

    private func secretPointer(_ secret: VolumeSecret) -> virSecretPtr? {
        let type: virSecretUsageType
        switch secret.kind {
        case .ceph: type = VIR_SECRET_USAGE_TYPE_CEPH
        case .iscsi: type = VIR_SECRET_USAGE_TYPE_ISCSI
        case .volume: type = VIR_SECRET_USAGE_TYPE_VOLUME
        }
        return virSecretLookupByUsage(connection, Int32(type.rawValue), secret.usage)
    }

    /// Forgets the secrets whose names begin so.
    func forgetSecrets(prefix: String) throws {
        var list: UnsafeMutablePointer<virSecretPtr?>?
        let count = virConnectListAllSecrets(connection, &list, 0)
        guard count >= 0 else { throw LibvirtError.last }
        defer { free(list) }
        for position in 0..<Int(count) {
            guard let secret = list?[position] else { continue }
            defer { virSecretFree(secret) }
            guard let usage = virSecretGetUsageID(secret).map({ String(cString: $0) }), usage.hasPrefix(prefix) else { continue }
            guard virSecretUndefine(secret) == 0 else { throw LibvirtError.last }
        }
    }
}
