import CloudCore
import CloudPolicy
import HTTPTypes
import NIOCore

/// A request after routing, authentication, negotiation and validation.
public struct APIRequest: Sendable {
    /// The HTTP head.
    public let head: HTTPRequest
    /// The path's parameters, percent-decoded, by name.
    public let parameters: [String: String]
    /// The query's items in order, percent-decoded.
    public let query: QueryItems
    /// The validated JSON body; `.null` where the endpoint takes none.
    public let body: JSON
    /// The body as bytes, for endpoints that take a stream; empty for others.
    public let stream: ByteStream
    /// The negotiated microversion; 0.0 for services without.
    public let microversion: Microversion
    /// Who asks; nil only for open endpoints called without a token.
    public let token: TokenContext?
    /// `req-…`: this request's id, in every log line and message about it.
    public let requestID: String
    /// The address of the service as the client sees it, without a final slash: `http://host:9000/compute`.
    public let serviceURL: String
    let authorizer: Authorizer

    /// A path parameter that the endpoint's path declares.
    public subscript(parameter: String) -> String { parameters[parameter] ?? "" }
}

/// The bytes of a request or response body as they come.
public typealias ByteStream = AsyncThrowingStream<ByteBuffer, any Error>

/// A query's items in their order; a name may come several times.
public struct QueryItems: Sendable, Hashable {
    /// The items.
    public let items: [(name: String, value: String)]

    /// Items in order.
    public init(_ items: [(name: String, value: String)]) { self.items = items }

    /// The last value of a name; nil when absent.
    public subscript(name: String) -> String? { items.last { $0.name == name }?.value }

    /// Every value of a name in order.
    public func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    public static func == (left: Self, right: Self) -> Bool { left.items.elementsEqual(right.items, by: ==) }
    public func hash(into hasher: inout Hasher) { for item in items { hasher.combine(item.name); hasher.combine(item.value) } }
}

/// Who a token speaks for. Identity makes it; every service reads it.
public struct TokenContext: Sendable {
    /// The user.
    public var userID: String
    /// The user's name.
    public var userName: String
    /// The user's domain.
    public var userDomainID: String
    /// The project the token is scoped to.
    public var projectID: String?
    /// That project's name.
    public var projectName: String?
    /// That project's domain.
    public var projectDomainID: String?
    /// The domain the token is scoped to.
    public var domainID: String?
    /// Whether the token is scoped to the system.
    public var isSystemScoped: Bool
    /// The effective role names in this scope.
    public var roles: [String]
    /// When the token ends.
    public var expiresAt: Timestamp
    /// The attributes as policy checks see them.
    public var credentials: PolicyCredentials

    /// Whether the token holds the admin role in its scope.
    public var isAdmin: Bool { credentials.roles.contains("admin") }

    /// A token's context.
    public init(
        userID: String, userName: String, userDomainID: String,
        projectID: String? = nil, projectName: String? = nil, projectDomainID: String? = nil,
        domainID: String? = nil, isSystemScoped: Bool = false, roles: [String], expiresAt: Timestamp
    ) {
        (self.userID, self.userName, self.userDomainID) = (userID, userName, userDomainID)
        (self.projectID, self.projectName, self.projectDomainID) = (projectID, projectName, projectDomainID)
        (self.domainID, self.isSystemScoped, self.roles, self.expiresAt) = (domainID, isSystemScoped, roles, expiresAt)
        let attributes: [String: String?] = [
            "user_id": userID, "user_domain_id": userDomainID, "project_id": projectID, "tenant_id": projectID,
            "project_domain_id": projectDomainID, "domain_id": domainID, "system_scope": isSystemScoped ? "all" : nil,
        ]
        let scope: PolicyScope? = isSystemScoped ? .system : domainID != nil ? .domain : projectID != nil ? .project : nil
        credentials = PolicyCredentials(
            attributes: attributes.compactMapValues { $0.map { JSON.string($0) } }, roles: Set(roles), scope: scope)
    }
}

/// Turns the text of `X-Auth-Token` into whom it speaks for. Identity implements it; the composition root passes it.
public protocol TokenAuthenticator: Sendable {
    /// The token's context; nil when it is unknown, expired or revoked.
    func authenticate(_ token: Secret<String>) async throws -> TokenContext?
}
