import CloudAPI
import CloudCore

/// Another service's refusal of a request that was passed on.
struct ServiceRefusal: Error, Sendable {
    /// The status it answered.
    let status: Int
    /// Its name for the kind of refusal, such as Neutron's exception types; empty where it has none.
    let type: String
    /// Its words.
    let message: String
}

extension ServiceRefusal: FaultConvertible {
    var fault: Fault {
        switch status {
        case 400: Fault(.badRequest, message)
        case 401: Fault(.unauthorized, message)
        case 403: Fault(.forbidden, message)
        case 404: Fault(.notFound, message)
        case 409: Fault(.conflict, message)
        case 413: Fault(.contentTooLarge, message)
        default: Fault(.serviceUnavailable, "A service that compute depends on does not answer as it should.", cause: self)
        }
    }
}

/// Asks other services on behalf of a request's caller.
struct ServiceClient: Sendable {
    private let compute: Compute.Parts
    private let token: Secret<String>

    /// - Parameter request: the request whose caller asks.
    init(_ compute: Compute.Parts, for request: APIRequest) {
        (self.compute, token) = (compute, Secret(request.head.headerFields[.authToken] ?? ""))
    }

    /// The answer's body.
    /// - Throws: `ServiceRefusal` for any status but success; 501 when the cloud lacks the service.
    @discardableResult
    func send(
        _ service: ServiceCall.Service, _ method: HTTPRequest.Method, _ path: String, query: [(String, String)] = [],
        body: JSON? = nil, mediaType: String = "application/json"
    ) async throws -> JSON {
        let text = QueryItems(query.map { (name: $0.0, value: $0.1) }).text
        let call = ServiceCall(
            service, method, text.isEmpty ? path : "\(path)?\(text)", token: token, body: body, mediaType: mediaType)
        guard let answer = try await compute.others.services?.send(call) else {
            throw Fault(.notImplemented, "This cloud has no \(service.rawValue) service to pass the request on to.")
        }
        guard (200..<300).contains(answer.status) else { throw Self.refusal(answer) }
        return answer.body
    }

    /// All items of a list.
    func list(_ service: ServiceCall.Service, _ path: String, _ name: String, query: [(String, String)] = []) async throws -> [JSON] {
        try await send(service, .get, path, query: query)[name]?.array ?? []
    }

    /// Neutron's refusals are objects; others hold a message in some member.
    private static func refusal(_ answer: ServiceAnswer) -> ServiceRefusal {
        let error = answer.body["NeutronError"] ?? answer.body.object?.members.first?.value ?? .null
        return ServiceRefusal(
            status: answer.status, type: error["type"]?.string ?? "",
            message: error["message"]?.string ?? answer.body["message"]?.string ?? error.string
                ?? "The request was refused with status \(answer.status).")
    }
}

extension MicroversionRange {
    /// The microversions in which compute passes requests on to other services.
    static let proxied = MicroversionRange.through(2, 35)
}

/// An id as part of a path.
enum PathSegment {
    private static let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)

    /// The text with every other byte escaped, so that it can't become more of a path than one segment.
    static func escape(_ text: String) -> String {
        let bytes = text == "." || text == ".." ? text.utf8.map { _ in "%2E" } : text.utf8.map { byte in
            plain.contains(byte) ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        return bytes.joined()
    }
}
