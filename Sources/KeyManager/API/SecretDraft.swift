import CloudAPI
import CloudCore
import Foundation

/// What a client says of a new secret, or of a key to be made (Barbican's NewSecretValidator).
struct SecretDraft: Sendable {
    let name: String?
    let algorithm: String?
    let bitLength: Int?
    let mode: String?
    let type: StoredSecret.Kind
    let expiration: Timestamp?
    /// The payload's media type; nil where none is given.
    let contentType: PayloadType?
    /// The payload itself, decoded; nil for a secret that gets it later.
    let payload: Secret<[UInt8]>?

    static let schema: Schema = {
        let text = Schema.string(length: 0...255)
        return .object(
            [
                ("name", .nullable(text)), ("algorithm", text), ("mode", text), ("bit_length", .integer(1...32_767)),
                ("expiration", text), ("payload", .string()),
                ("secret_type", .oneOf(StoredSecret.Kind.allCases.map { .string($0.rawValue) })),
                ("payload_content_type", .nullable(text)), ("payload_content_encoding", .oneOf(["base64"])),
                ("transport_key_needed", .oneOf(["true", "false"])), ("transport_key_id", .string()),
            ], additional: .any)
    }()

    /// Reads a body that the schema has admitted.
    /// - Parameters:
    ///   - order: whether it describes a key to be made, which has no payload yet.
    ///   - largest: the largest payload in bytes.
    /// - Throws: 400 for what contradicts itself, 413 for too large a payload.
    init(_ body: JSON, order: Bool, largest: Int, now: Timestamp = .now) throws(KeyManagerError) {
        name = body["name"]?.string
        (algorithm, mode, bitLength) = (body["algorithm"]?.string, body["mode"]?.string, body["bit_length"]?.int)
        type = body["secret_type"]?.string.flatMap { StoredSecret.Kind(rawValue: $0) } ?? .opaque
        expiration = try Self.expiration(body["expiration"]?.string, now)
        let mediaType = body["payload_content_type"]?.string
        if let text = body["payload"]?.string {
            guard !order else { throw .invalid("Order", "meta", "'payload' not allowed for an order") }
            let type = try Self.contentType(mediaType, required: true)
            contentType = type
            payload = try Self.payload(text, type, encoding: body["payload_content_encoding"]?.string, largest: largest)
        } else {
            guard order || body["payload_content_type"] == nil else {
                throw .invalid("Secret", "payload", "payload must be provided when payload_content_type is specified")
            }
            contentType = try Self.contentType(mediaType, required: false)
            payload = nil
        }
    }

    private static func expiration(_ text: String?, _ now: Timestamp) throws(KeyManagerError) -> Timestamp? {
        guard let text, !text.isEmpty else { return nil }
        guard let moment = Timestamp(iso8601: text) else { throw .invalid("Secret", "expiration", "Invalid date for 'expiration'") }
        guard moment > now else { throw .invalid("Secret", "expiration", "'expiration' is before current time") }
        return moment
    }

    private static func contentType(_ text: String?, required: Bool) throws(KeyManagerError) -> PayloadType? {
        guard let text, required || !text.isEmpty else {
            guard !required else {
                throw .invalid(
                    "Secret", "payload_content_type", "If 'payload' is supplied, 'payload_content_type' must also be supplied.")
            }
            return nil
        }
        guard let type = PayloadType(mediaType: text) else {
            throw .invalid(
                "Secret", "payload_content_type",
                "payload_content_type is not one of text/plain, application/octet-stream, application/pkcs8")
        }
        return type
    }

    private static func payload(
        _ text: String, _ type: PayloadType?, encoding: String?, largest: Int
    ) throws(KeyManagerError) -> Secret<[UInt8]> {
        guard text.utf8.count <= largest else { throw .tooLarge }
        guard !text.isEmpty else { throw .invalid("Secret", "payload", "If 'payload' specified, must be non empty") }
        guard (type == .text) == (encoding == nil) else {
            throw .invalid(
                "Secret", "payload_content_encoding",
                type == .text ? "a text has no payload_content_encoding" : "payload_content_encoding must be base64")
        }
        guard encoding != nil else { return Secret(Array(text.utf8)) }
        guard let bytes = decodeBase64(text), !bytes.isEmpty else {
            throw .invalid("Secret", "payload", "Invalid payload for payload_content_encoding")
        }
        return Secret(bytes)
    }

    /// Base64 with the standard alphabet; other characters are passed over, as Python does.
    static func decodeBase64(_ text: String) -> [UInt8]? {
        Data(base64Encoded: text, options: .ignoreUnknownCharacters).map { Array($0) }
    }

    /// The secret as it is stored, without its payload.
    func secret(id: String, projectID: String, creatorID: String, at moment: Timestamp) -> StoredSecret {
        var secret = StoredSecret(id: id, projectID: projectID, creatorID: creatorID, at: moment)
        (secret.name, secret.type, secret.algorithm, secret.bitLength) = (name, type, algorithm, bitLength)
        (secret.mode, secret.expiration) = (mode, expiration)
        return secret
    }
}
