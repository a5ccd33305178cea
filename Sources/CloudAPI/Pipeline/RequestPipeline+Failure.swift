import CloudCore
import HTTPTypes
import Logging

extension RequestPipeline {
    /// The answer that an error becomes, in the envelope of the exchange's service.
    func failure(_ error: any Error, _ exchange: Exchange) -> APIResponse {
        let envelope = services[exchange.service].api.envelope
        var fault = fault(for: error, envelope)
        fault.microversion = exchange.microversion
        log(fault, error, exchange)
        if fault.status == .unauthorized, !fault.headers.contains(.wwwAuthenticate) {
            fault.headers[.wwwAuthenticate] = "Keystone uri=\"\(identityURL(exchange))\""
        }
        if services[exchange.service].api.conventions.negotiatesErrors,
            let page = ErrorPage(fault, accept: exchange.head.headerFields[.accept])
        {
            fault.headers[.contentType] = page.mediaType
            return APIResponse(status: fault.status, headers: fault.headers, body: .bytes(page.body))
        }
        if !fault.headers.contains(.contentType) { fault.headers[.contentType] = "application/json" }
        return APIResponse(
            status: fault.status, headers: fault.headers,
            body: .bytes(envelope.body(of: fault, requestID: exchange.requestID)))
    }

    private func fault(for error: any Error, _ envelope: ErrorEnvelope) -> Fault {
        switch error {
        case let refusal as Refusal: return envelope.fault(for: refusal)
        case let violation as SchemaViolation: return envelope.fault(for: .invalidBody(violation))
        case let fault as Fault: return fault
        case let error as any FaultConvertible: return error.fault
        case is CancellationError: return Fault(.serviceUnavailable, "The server is stopping.", headers: [.retryAfter: "1"])
        default: break
        }
        if let fault = options.mapError(error) { return fault }
        var fault = envelope.fault(for: .internalError)
        fault.cause = error
        return fault
    }

    /// A 5xx is the cloud's own fault and is logged with its cause; a 4xx is the client's and stays quiet.
    private func log(_ fault: Fault, _ error: any Error, _ exchange: Exchange) {
        let isServerFault = fault.status.kind == .serverError
        guard isServerFault || fault.cause != nil, !(error is Refusal) else { return }
        let level: Logger.Level = fault.status == .internalServerError ? .error : isServerFault ? .warning : .debug
        logger.log(
            level: level, "The request failed: \(fault.message)",
            metadata: [
                "request_id": "\(exchange.requestID)", "method": "\(exchange.head.method.rawValue)",
                "route": "\(exchange.route?.template ?? "")", "status": "\(fault.status.code)",
                "cause": "\(fault.cause.map { String(reflecting: $0) } ?? String(reflecting: error))",
            ])
    }

    private func identityURL(_ exchange: Exchange) -> String {
        let path = services.first { $0.api.type == "identity" }?.api.path ?? ""
        return RequestOrigin.url(exchange.head, options) + path
    }
}
