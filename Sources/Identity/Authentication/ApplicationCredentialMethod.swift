import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// `{"id" | "name" and "user", "secret"}`: an application credential, which brings its own scope.
struct ApplicationCredentialMethod: LoginMethod {
    static let method = AuthenticationMethod.applicationCredential
    static let schema: Schema = .object(
        [
            ("id", .string()), ("name", .string()), ("secret", .string(length: 0...4096)),
            ("user", UserReference.schema([])),
        ], additional: .any)

    private enum Reference: Sendable {
        case id(String)
        case name(String, user: UserReference)
    }

    private let reference: Reference
    private let secret: Secret<String>

    init(_ body: JSON) throws {
        secret = Secret(body["secret"]?.string ?? "")
        // With an id, what is said about the user does not count: nobody becomes another by it.
        if let id = body["id"]?.string, !id.isEmpty {
            reference = .id(id)
        } else {
            guard let name = body["name"]?.string, !name.isEmpty else {
                throw IdentityError.lacking("name or ID", in: "application credential")
            }
            guard let user = body["user"] else { throw IdentityError.lacking("user", in: "application credential") }
            reference = .name(name, user: try UserReference(user))
        }
    }

    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        guard login.scope == .automatic else {
            throw IdentityError.refusedLogin(
                "Error authenticating with application credential: Application credentials cannot request a scope.")
        }
        guard let credential = try await identity.database.read({ try find($0) }) else {
            try await identity.hashing { try await $0.pretend(secret) }
            throw IdentityError.unauthorized
        }
        guard try await identity.hashing({ try await $0.verify(secret, against: credential.secretHash) }),
            !credential.isExpired(at: .now)
        else { throw IdentityError.unauthorized }
        return Proven(
            userID: credential.userID, methods: [.applicationCredential], expiresAt: credential.expiresAt,
            delegation: .applicationCredential(credential.id), forcedScope: .project(credential.projectID))
    }

    /// The credential, if its user may log in.
    private func find(_ reader: any Reader) throws -> ApplicationCredential? {
        switch reference {
        case .id(let id):
            guard let credential = try ApplicationCredentialRecords.find(id, reader) else {
                throw IdentityError.notFound("Application Credential", id: id)
            }
            return try UserReference.id(credential.userID).user(reader).map { _ in credential }
        case .name(let name, let user):
            return try user.user(reader).flatMap { try ApplicationCredentialRecords.find(name: name, userID: $0.id, reader) }
        }
    }
}
