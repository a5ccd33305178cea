/// What a token may act on.
enum Scope: Sendable, Hashable {
    case unscoped
    case project(String)
    case domain(String)
    case system
}

/// What narrows a token to a part of its user's rights. The scope is then always a project, but for a trust without one.
enum Delegation: Sendable, Hashable {
    /// The roles a trustor lent: `OS-TRUST:trust`.
    case trust(String)
    /// The roles of an application credential.
    case applicationCredential(String)
    /// The roles of an OAuth 1.0a access token.
    case accessToken(String)
}

/// A login at an identity provider: a token of it has the rights of these groups beside those of the user.
struct FederatedLogin: Sendable, Hashable {
    /// The most groups one login carries.
    static let maximumGroups = 1000

    var identityProviderID: String
    var protocolID: String
    /// The groups its mapping named; the user need not be a member.
    var groupIDs: [String]
}

/// How a project or domain is named in a request: by id, or by name and, for projects, domain.
enum Reference: Sendable, Hashable {
    case id(String)
    case name(String, domain: DomainReference?)
}

/// How a domain is named in a request.
enum DomainReference: Sendable, Hashable {
    case id(String)
    case name(String)
}

/// The scope that a request for a token asks for.
enum RequestedScope: Sendable, Hashable {
    /// Nothing said: the user's default project, if it is usable.
    case automatic
    case unscoped
    case project(Reference)
    case domain(DomainReference)
    case system
    /// What a trust lends.
    case trust(String)
}
