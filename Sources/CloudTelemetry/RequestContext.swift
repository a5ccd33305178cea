import CloudCore

/// What is known about the request that the running task works for. Task locals carry it, so log lines, messages and
/// workflows written on behalf of a request name it without passing it along.
public enum RequestContext {
    /// `req-…`, this request's id; nil outside requests, such as in reconcilers.
    @TaskLocal public static var requestID: String?
    /// `req-…`, the id another service or the client gave the operation that this request is part of.
    @TaskLocal public static var globalRequestID: String?

    /// A new request id in oslo's form: `req-` and a UUID in lower case.
    public static func makeRequestID() -> String { "req-" + Identifier.passing() }

    /// Whether a text has the form of a request id, the only form in which a client's own id is taken over.
    public static func isRequestID(_ text: String) -> Bool {
        guard text.utf8.count == 40, text.hasPrefix("req-") else { return false }
        for (position, byte) in text.utf8.dropFirst(4).enumerated() {
            let isHyphen = position == 8 || position == 13 || position == 18 || position == 23
            switch byte {
            case UInt8(ascii: "-"): guard isHyphen else { return false }
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                guard !isHyphen else { return false }
            default: return false
            }
        }
        return true
    }
}
