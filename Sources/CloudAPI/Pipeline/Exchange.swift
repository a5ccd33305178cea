import CloudCore
import CloudTelemetry
import HTTPTypes
import NIOCore

/// A request as a transport hands it over.
struct IncomingRequest: Sendable {
    let head: HTTPRequest
    let body: RequestBodyReader
    /// The peer's address; nil for requests that no socket brought.
    var clientAddress: String?
}

/// An answer as a transport takes it.
struct OutgoingResponse: Sendable {
    var head: HTTPResponse
    var body: APIResponse.Body
    /// What is known of the exchange once the answer is made; the transport hands it back when the bytes are out.
    var record: ExchangeRecord
}

/// What the access log and the metrics say about an exchange.
struct ExchangeRecord: Sendable {
    let method: HTTPRequest.Method
    let target: String
    let requestID: String
    let globalRequestID: String?
    let clientAddress: String?
    let start: ContinuousClock.Instant
    var userID: String?
    var projectID: String?
    /// The position of the route that answered; nil when none did.
    var route: Int?
    /// The position of the service that answered.
    var service: Int
    var status = 0
}

/// A request on its way through the pipeline, with what the stages found out.
struct Exchange: Sendable {
    let request: IncomingRequest
    let requestID: String
    let globalRequestID: String?
    let start: ContinuousClock.Instant
    var service = 0
    var route: Router.Route?
    /// The version served in; nil before negotiation and in services without.
    var microversion: Microversion?
    var token: TokenContext?

    init(_ request: IncomingRequest, service: Int) {
        self.request = request
        self.service = service
        requestID = RequestContext.makeRequestID()
        globalRequestID = request.head.headerFields.first(.openStackRequestID).flatMap {
            RequestContext.isRequestID($0) ? $0 : nil
        }
        start = ContinuousClock.now
    }

    var head: HTTPRequest { request.head }

    func record(status: Int) -> ExchangeRecord {
        ExchangeRecord(
            method: head.method, target: head.path ?? "/", requestID: requestID, globalRequestID: globalRequestID,
            clientAddress: request.clientAddress, start: start, userID: token?.userID, projectID: token?.projectID,
            route: route?.index, service: service, status: status)
    }
}
