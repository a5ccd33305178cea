/// What a token may act on.
enum Scope: Sendable, Hashable {
    case unscoped
    case project(String)
    case domain(String)
    case system
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
}
