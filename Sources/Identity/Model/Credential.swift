import CloudCore
import CloudCrypto

/// What a user proves itself with elsewhere: EC2 keys, a TOTP seed, a certificate, or whatever a client keeps here.
/// Its content stays encrypted until it is shown or used.
struct Credential: Sendable, Hashable {
    var id: String
    var userID: String
    var projectID: String?
    /// `ec2`, `totp`, `cert`, or any other word.
    var type: String
    /// The content under the credential keys.
    var sealedBlob: String
    var extra: JSONObject = [:]

    /// The type of EC2 keys, whose content is an object with `access` and `secret`.
    static let ec2 = "ec2"
    /// The type of a TOTP seed in base32.
    static let totp = "totp"

    /// Clients write the type in any case.
    var isEC2: Bool { type.lowercased() == Self.ec2 }
}

/// The content of EC2 keys.
struct EC2Keys: Sendable {
    /// What binds keys to the delegation under which they were made. It can not be changed.
    static let bindings = ["trust_id", "app_cred_id", "access_token_id", "access_id"]

    private let members: JSONObject

    /// Reads a content.
    /// - Throws: `IdentityError.invalid` for anything but an object that names an access key.
    init(_ blob: Secret<String>) throws {
        guard let json = try? JSON(parsing: blob.reveal()) else { throw IdentityError.invalid("Invalid blob in credential") }
        guard let object = json.object, !object.isEmpty else { throw IdentityError.lacking("blob", in: "credential") }
        guard let access = object["access"], !access.isNull else { throw IdentityError.lacking("access", in: "credential") }
        guard access.string != nil else { throw IdentityError.invalid("Invalid blob in credential") }
        members = object
    }

    /// New keys of random digits.
    init() { members = ["access": .string(Identifier.hex()), "secret": .string(Identifier.hex()), "trust_id": .null] }

    /// The public half, by which a request names the keys.
    var access: String { members["access"]?.string ?? "" }
    /// The half that signs; nil for keys that can not sign.
    var secret: Secret<String>? { members["secret"]?.string.map { Secret($0) } }
    /// The content's text.
    var blob: Secret<String> { Secret(JSON.object(members).text) }

    /// The id of the credential that holds keys.
    static func credentialID(access: String) -> String { Digest.of(access, .sha256).hexadecimal }

    /// A binding; nil when the keys are not bound that way.
    subscript(binding: String) -> JSON? {
        guard let value = members[binding], !value.isNull else { return nil }
        return value
    }
}
