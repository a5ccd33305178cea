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
    /// The request's own URL as the client sees it, without the query.
    public let url: String
    /// The address the request came from; nil for requests that no socket brought.
    public let clientAddress: String?
    let authorizer: Authorizer

    /// The value of a path parameter, by the name in the endpoint's path: `request["server_id"]`. Empty for others.
    public subscript(parameter: String) -> String { parameters[parameter] ?? "" }
}
