import CloudCore
import HTTPTypes
import NIOCore

/// An answer.
public struct APIResponse: Sendable {
    /// The bodies an answer can have.
    public enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// A stream with its length in bytes, if known.
        case stream(ByteStream, length: Int?)
    }

    /// The status; nil for the endpoint's declared success.
    public var status: HTTPResponse.Status?
    /// The headers beside those the framework adds.
    public var headers: HTTPFields
    /// The body.
    public var body: Body

    /// An answer of whatever kind.
    public init(status: HTTPResponse.Status? = nil, headers: HTTPFields = [:], body: Body) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    /// An answer without a body.
    public static func empty(status: HTTPResponse.Status? = nil, headers: HTTPFields = [:]) -> APIResponse {
        APIResponse(status: status, headers: headers, body: .none)
    }

    /// A JSON answer, written straight into bytes.
    public static func json(
        status: HTTPResponse.Status? = nil, headers: HTTPFields = [:], _ write: (inout JSONWriter) throws -> Void
    ) rethrows -> APIResponse {
        var writer = JSONWriter()
        try write(&writer)
        var headers = headers
        headers[.contentType] = "application/json"
        return APIResponse(status: status, headers: headers, body: .bytes(writer.bytes))
    }

    /// A JSON object with one member, as most of OpenStack's answers are: `{"server": {…}}`.
    public static func json(
        status: HTTPResponse.Status? = nil, headers: HTTPFields = [:], _ name: String, _ value: some JSONWritable
    ) -> APIResponse {
        json(status: status, headers: headers) { $0.object { $0.member(name, value) } }
    }
}
