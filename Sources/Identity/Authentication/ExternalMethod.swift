import CloudAPI
import CloudCore
import CloudStore

/// `{}`: the web server in front has authenticated the user and names it in a header. Off unless the operator says
/// which header that is.
struct ExternalMethod: LoginMethod {
    static let method = AuthenticationMethod.external
    static let schema: Schema = .object([], additional: .any)

    init(_ body: JSON) {}

    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        guard let header = identity.options.externalUserHeader.flatMap({ HTTPField.Name($0) }),
            let name = login.request?.head.headerFields[header], !name.isEmpty
        else { throw IdentityError.unauthorized }
        let reference = UserReference.name(name, domain: .id(ProjectRules.defaultDomainID))
        guard let user = try await identity.database.read({ try reference.user($0) }) else { throw IdentityError.unauthorized }
        return Proven(userID: user.id, methods: [.external])
    }
}

extension IdentityOptions {
    /// The methods a client may name.
    var offeredMethods: [AuthenticationMethod] {
        externalUserHeader == nil ? AuthenticationMethod.offered : AuthenticationMethod.offered + [.external]
    }
}
