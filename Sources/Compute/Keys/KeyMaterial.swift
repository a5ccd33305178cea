import CloudAPI
import CloudCrypto
import Dispatch
import Foundation
import Synchronization

/// What a key pair consists of.
struct KeyMaterial: Sendable {
    let publicKey: String
    /// The digest by which people know the key: MD5 of an SSH key, SHA-1 of a certificate, in colon-separated pairs.
    let fingerprint: String
    /// The private half, of a pair that was made here.
    var privateKey: String?

    /// The material of a public key or a certificate that a user brings.
    /// - Throws: 400 for text that is none.
    init(importing text: String, kind: KeyPair.Kind) throws {
        switch kind {
        case .ssh:
            guard let bytes = SSHPublicKey.bytes(of: text) else {
                throw ComputeError.badRequest("Keypair data is invalid: failed to generate fingerprint")
            }
            fingerprint = Self.fingerprint(bytes, .md5)
        case .x509:
            guard let bytes = ClientCertificate.encoding(ofPEM: text) else {
                throw ComputeError.badRequest(
                    "Keypair data is invalid: failed to generate X509 fingerprint. The text is no certificate in PEM.")
            }
            fingerprint = Self.fingerprint(bytes, .sha1)
        }
        publicKey = text
    }

    private static func fingerprint(_ bytes: [UInt8], _ algorithm: Digest.Algorithm) -> String {
        let digits = Array(Digest.of(bytes, algorithm).hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).map { String(digits[$0...$0 + 1]) }.joined(separator: ":")
    }

    /// A new pair; nil when libcrypto fails. Takes a processor for a good part of a second.
    fileprivate static func make(_ kind: KeyPair.Kind, userID: String) throws -> KeyMaterial? {
        switch kind {
        case .ssh:
            guard let key = RSAKey.make(), let privateKey = key.privatePEM, let bytes = key.sshPublicKey else { return nil }
            var made = try KeyMaterial(
                importing: "ssh-rsa \(Data(bytes).base64EncodedString()) Generated-by-Nova", kind: .ssh)
            made.privateKey = privateKey
            return made
        case .x509:
            guard let certificate = ClientCertificate.make(userID: userID) else { return nil }
            var made = try KeyMaterial(importing: certificate.pem, kind: .x509)
            made.privateKey = certificate.archive
            return made
        }
    }
}

/// Makes keys on a thread of its own, one after the other, so that no request of others waits for it.
final class KeyFactory: Sendable {
    static let shared = KeyFactory()
    private let queue = DispatchQueue(label: "compute.keys", qos: .utility)
    private let waiting = Mutex(0)
    /// How many may wait.
    private static let limit = 32

    /// A new pair.
    /// - Throws: 503 when too many wait already.
    func make(_ kind: KeyPair.Kind, userID: String) async throws -> KeyMaterial {
        let isAccepted = waiting.withLock { waiting in
            guard waiting < Self.limit else { return false }
            waiting += 1
            return true
        }
        guard isAccepted else { throw Fault(.serviceUnavailable, "Too many keys are being made; try again in a moment.") }
        defer { waiting.withLock { $0 -= 1 } }
        let made = try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try KeyMaterial.make(kind, userID: userID) }) }
        }
        guard let made else { throw Fault(.internalServerError, "The key could not be made.") }
        return made
    }
}
