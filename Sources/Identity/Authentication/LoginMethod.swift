import CloudAPI
import CloudCore

/// One way to prove who one is in `POST /v3/auth/tokens`. A value is what a client said under its name in
/// `auth.identity`; each method has a file of its own, and `LoginMethods.all` names them.
protocol LoginMethod: Sendable {
    /// Its name in `identity.methods`, its mark in tokens.
    static var method: AuthenticationMethod { get }
    /// What `identity.<name>` may look like.
    static var schema: Schema { get }

    /// Reads `identity.<name>`, which the schema admits.
    /// - Throws: `IdentityError` for what is missing or contradictory.
    init(_ body: JSON) throws

    /// Checks what the client said.
    /// - Throws: `IdentityError`, `.unauthorized` above all.
    func prove(_ login: Login, _ identity: Identity) async throws -> Proven
}

/// The methods a client may name.
enum LoginMethods {
    static let all = [
        OfferedMethod(PasswordMethod.self),
        OfferedMethod(TokenMethod.self),
        OfferedMethod(TOTPMethod.self),
        OfferedMethod(ExternalMethod.self),
        OfferedMethod(MappedMethod.self),
        OfferedMethod(OAuthMethod.self),
        OfferedMethod(ApplicationCredentialMethod.self),
    ]

    static func named(_ name: String) -> OfferedMethod? { all.first { $0.method.rawValue == name } }
}

/// A method as the table has it.
struct OfferedMethod: Sendable {
    let method: AuthenticationMethod
    let schema: Schema
    /// Reads `identity.<name>`.
    let read: @Sendable (JSON) throws -> any LoginMethod

    init<Method: LoginMethod>(_ type: Method.Type) {
        (method, schema) = (Method.method, Method.schema)
        read = { try Method($0) }
    }
}

/// The circumstances in which something is to be proved.
struct Login: Sendable {
    /// The scope the client asks for.
    let scope: RequestedScope
    /// The request, for methods that look at its headers; nil for logins from within the program.
    let request: APIRequest?
}

/// Who somebody was found to be, by one method or by several that agree.
struct Proven: Sendable {
    var userID: String
    var methods: Set<AuthenticationMethod>
    /// The password that was checked: a token is made only if it is still the user's.
    var password: Password?
    /// When the token must end at the latest; nil for the usual time.
    var expiresAt: Timestamp?
    /// The chain of tokens that a token given as proof is part of.
    var chainID: String?
    /// What narrows the token to a part of the user's rights.
    var delegation: Delegation?
    /// The login at an identity provider.
    var federation: FederatedLogin?
    /// The scope the proof itself determines, whatever the client asks for.
    var forcedScope: Scope?

    /// What both prove together.
    /// - Throws: `IdentityError.unauthorized` when they contradict each other.
    func combined(with other: Proven) throws -> Proven {
        guard userID == other.userID else { throw IdentityError.unauthorized }
        var both = self
        both.methods.formUnion(other.methods)
        both.password = password ?? other.password
        both.expiresAt = [expiresAt, other.expiresAt].compactMap { $0 }.min()
        both.chainID = chainID ?? other.chainID
        both.delegation = try Self.agreed(delegation, other.delegation)
        both.federation = try Self.agreed(federation, other.federation)
        both.forcedScope = try Self.agreed(forcedScope, other.forcedScope)
        return both
    }

    private static func agreed<Value: Equatable>(_ first: Value?, _ second: Value?) throws -> Value? {
        if let first, let second, first != second { throw IdentityError.unauthorized }
        return first ?? second
    }
}
