/// What carries HTTP requests to object storage; the program's own client where it runs, a pretended server in tests.
public protocol ObjectTransport: Sendable {
    /// Sends a request and gathers its answer, whatever its status.
    /// - Throws: what the network did, or that the answer's body is longer than the limit in bytes.
    func send(_ request: ObjectRequest, upTo limit: Int) async throws -> ObjectAnswer
}

/// A request to object storage, or to what gives tokens for it.
public struct ObjectRequest: Sendable, Hashable {
    /// The method, such as `PUT`.
    public var method: String
    /// The address, escaped where it has to be.
    public var url: String
    /// The header fields.
    public var headers: [String: String]
    /// The body; nil for none.
    public var body: [UInt8]?

    /// A request.
    public init(_ method: String, _ url: String, headers: [String: String] = [:], body: [UInt8]? = nil) {
        (self.method, self.url, self.headers, self.body) = (method, url, headers, body)
    }
}

/// What came back.
public struct ObjectAnswer: Sendable, Hashable {
    /// The status.
    public var status: Int
    /// The header fields, by their names in lower case.
    public var headers: [String: String]
    /// The body.
    public var body: [UInt8]

    /// An answer.
    public init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }
}
