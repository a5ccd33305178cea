internal import COpenSSL
import Foundation

/// Self-signed X.509 certificates with which users log in to Windows guests without a password: for client
/// authentication, with the user's principal name.
enum ClientCertificate {
    /// A new certificate of ten years for a user, and the key to it.
    struct Made: Sendable {
        /// The certificate in PEM.
        let pem: String
        /// Key and certificate in a PKCS #12 file without password, in base64.
        let archive: String
    }

    /// Makes a certificate; nil when libcrypto fails.
    static func make(userID: String) -> Made? {
        guard let key = RSAKey.make(), let certificate = X509_new() else { return nil }
        defer { X509_free(certificate) }
        guard fill(certificate, key, userID), X509_sign(certificate, key.pointer, EVP_sha256()) > 0,
            let pem = CryptoMemory.text({ PEM_write_bio_X509($0, certificate) }),
            let archive = PKCS12_create("", nil, key.pointer, certificate, nil, 0, 0, 0, 0, 0)
        else { return nil }
        defer { PKCS12_free(archive) }
        guard let bytes = CryptoMemory.bytes({ i2d_PKCS12(archive, $0) }) else { return nil }
        return Made(pem: pem, archive: Data(bytes).base64EncodedString())
    }

    private static let lifetime = 3650 * 24 * 3600
    /// libcrypto's number for text in UTF-8, a macro that Swift does not see.
    private static let utf8: Int32 = 0x1000
    /// The longest common name (RFC 5280, ub-common-name).
    private static let longestName = 64

    private static func fill(_ certificate: OpaquePointer, _ key: RSAKey, _ userID: String) -> Bool {
        let name = Array(userID.unicodeScalars.prefix(longestName).map(String.init).joined().utf8)
        let subject = X509_get_subject_name(certificate)
        return X509_set_version(certificate, 2) == 1
            && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), UInt64.random(in: 1 ... .max >> 1)) == 1
            && X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != nil
            && X509_gmtime_adj(X509_getm_notAfter(certificate), lifetime) != nil
            && X509_set_pubkey(certificate, key.pointer) == 1
            && X509_NAME_add_entry_by_txt(subject, "CN", utf8, name, Int32(name.count), -1, 0) == 1
            && X509_set_issuer_name(certificate, subject) == 1
            && add(NID_ext_key_usage, clientAuthentication, to: certificate)
            && add(NID_subject_alt_name, principalName("\(userID)@localhost"), to: certificate)
    }

    private static func add(_ kind: Int32, _ value: [UInt8], to certificate: OpaquePointer) -> Bool {
        guard let text = ASN1_OCTET_STRING_new() else { return false }
        defer { ASN1_OCTET_STRING_free(text) }
        guard ASN1_OCTET_STRING_set(text, value, Int32(value.count)) == 1,
            let part = X509_EXTENSION_create_by_NID(nil, kind, 0, text)
        else { return false }
        defer { X509_EXTENSION_free(part) }
        return X509_add_ext(certificate, part, -1) == 1
    }

    /// The extended key usage 1.3.6.1.5.5.7.3.2.
    private static let clientAuthentication = der(0x30, der(0x06, [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]))

    /// A subject alternative name with Microsoft's principal name, 1.3.6.1.4.1.311.20.2.3.
    private static func principalName(_ name: String) -> [UInt8] {
        let kind = der(0x06, [0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03])
        return der(0x30, der(0xA0, kind + der(0xA0, der(0x0C, Array(name.utf8)))))
    }

    /// A value with its tag and length (ITU-T X.690).
    private static func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard content.count >= 0x80 else { return [tag, UInt8(content.count)] + content }
        var (length, rest) = ([UInt8](), content.count)
        while rest > 0 {
            length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(length.count)] + length + content
    }

    /// The bytes of a certificate in PEM; nil for other texts.
    static func encoding(ofPEM text: String) -> [UInt8]? {
        CryptoMemory.read(text) { file in
            guard let certificate = PEM_read_bio_X509(file, nil, nil, nil) else { return nil }
            defer { X509_free(certificate) }
            return CryptoMemory.bytes { i2d_X509(certificate, $0) }
        }
    }
}
