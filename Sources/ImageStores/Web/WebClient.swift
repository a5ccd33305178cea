import CloudCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOTLS
import Synchronization

/// Fetches URLs over HTTP/1.1 for the cloud's users. It resolves names itself and connects to an address that the
/// filter has judged, so that a name which resolves to something else a moment later changes nothing; each redirect is
/// judged anew. Bodies stream at the reader's pace.
public struct WebClient: Sendable {
    /// How far a fetch may go.
    public struct Limits: Sendable, Hashable {
        /// How long a connection may take to come about.
        public var connect: Duration = .seconds(10)
        /// How long the other side may be silent.
        public var idle: Duration = .seconds(60)
        /// How long the whole may take.
        public var total: Duration = .seconds(3600)
        /// How many redirects are followed.
        public var redirects = 5
        /// The largest body in bytes.
        public var size = 1 << 40

        /// Generous limits: an hour, 1 TiB, five redirects.
        public init() {}
    }

    /// Which URLs are fetched.
    public let filter: WebFilter
    /// How far.
    public var limits: Limits
    private let resolver: any WebResolver
    private let authorities: String?

    /// A client.
    /// - Parameter authorities: a PEM file with the certificate authorities to trust; nil for the system's.
    public init(
        filter: WebFilter, limits: Limits = Limits(), resolver: any WebResolver = SystemResolver(), authorities: String? = nil
    ) {
        (self.filter, self.limits, self.resolver, self.authorities) = (filter, limits, resolver, authorities)
    }

    /// Sends a request and hands the answer to a closure, which may read the answer's body as far as it likes.
    /// - Parameters:
    ///   - method: `GET`, `HEAD`, or another.
    ///   - headers: fields to send beside `Host`, `Accept` and `User-Agent`; they go to the first origin only.
    ///   - body: what to send, with its length; nil for none. Redirects are not followed then: the bytes are for one place.
    /// - Throws: `WebRefusal` for what the filter refuses, `WebError` for what the network or the other side did, and
    ///   what the closure throws.
    public func send<Result: Sendable>(
        _ method: String = "GET", _ url: String, headers: [String: String] = [:], body: [UInt8]? = nil,
        receive: @escaping @Sendable (WebAnswer, WebBody) async throws -> Result
    ) async throws -> Result {
        try await within(limits.total) {
            var (target, fields, hops) = (try filter.target(url), headers, 0)
            while true {
                let step = try await exchange(method, target, fields, body, receive)
                switch step {
                case .answered(let result): return result
                case .redirected(let location):
                    guard hops < limits.redirects else { throw WebRefusal.tooManyRedirects }
                    let next = try target.redirected(to: location)
                    try filter.check(next)
                    if !next.sharesOrigin(with: target) { fields = [:] }
                    (target, hops) = (next, hops + 1)
                }
            }
        }
    }

    /// Judges a URL without fetching it, the addresses of its host included.
    /// - Throws: `WebRefusal`, or `WebError.unreachable` for a name without an address.
    public func check(_ url: String) async throws {
        let target = try filter.target(url)
        guard target.address == nil else { return }
        _ = try filter.admitted(try await resolver.addresses(of: target.host), for: target)
    }

    private enum Step<Result: Sendable>: Sendable {
        case answered(Result)
        case redirected(String)
    }

    private func exchange<Result: Sendable>(
        _ method: String, _ target: WebTarget, _ fields: [String: String], _ body: [UInt8]?,
        _ receive: @Sendable (WebAnswer, WebBody) async throws -> Result
    ) async throws -> Step<Result> {
        let silence = Silence()
        let channel = try await connect(target, silence)
        let request = Self.parts(head(method, target, fields), body)
        do {
            return try await channel.executeThenClose { inbound, outbound in
                // At once: a quick server answers the head, and the connection may be gone before a second write.
                try await outbound.write(contentsOf: request)
                var parts = inbound.makeAsyncIterator()
                guard case .head(let head)? = try await parts.next() else { throw silence.verdict }
                let answer = WebAnswer(head, url: target.url)
                if body == nil, let location = answer.redirect { return .redirected(location) }
                if let length = answer.length, length > limits.size { throw WebError.tooLarge(limit: limits.size) }
                return .answered(try await receive(answer, WebBody(parts, limit: limits.size)))
            }
        } catch is ChannelError {
            throw silence.verdict
        } catch let error as HTTPParserError {
            throw WebError.malformed("\(error)")
        } catch let error as IOError {
            throw WebError.unreachable("the connection broke: \(error.errnoCode)")
        }
    }

    private func head(_ method: String, _ target: WebTarget, _ fields: [String: String]) -> HTTPRequestHead {
        var headers = HTTPHeaders([
            ("Host", target.authority), ("User-Agent", "altostack"), ("Accept", "*/*"), ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ])
        for (name, value) in fields { headers.replaceOrAdd(name: name, value: value) }
        return HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: target.path, headers: headers)
    }

    private static func parts(_ head: HTTPRequestHead, _ body: [UInt8]?) -> [HTTPClientRequestPart] {
        guard let body else { return [.head(head), .end(nil)] }
        var head = head
        head.headers.replaceOrAdd(name: "Content-Length", value: String(body.count))
        return [.head(head), .body(.byteBuffer(ByteBuffer(bytes: body))), .end(nil)]
    }

    // MARK: Connections

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private func connect(_ target: WebTarget, _ silence: Silence) async throws -> Connection {
        let known = target.address.map { [$0] }
        let found: [InternetAddress] = if let known { known } else { try await resolver.addresses(of: target.host) }
        var failure: any Error = WebError.unreachable("the name \(target.host) has no address")
        for address in try filter.admitted(found, for: target) {
            try Task.checkCancellation()
            do {
                return try await connect(target, address, silence)
            } catch let error as WebError {
                failure = error
            } catch {
                failure = WebError.unreachable("no connection to \(target.host): \(Self.words(error))")
            }
        }
        throw failure
    }

    private func connect(_ target: WebTarget, _ address: InternetAddress, _ silence: Silence) async throws -> Connection {
        let secured = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
        do {
            let connection = try await open(target, address, secured, silence)
            do {
                try await secured.futureResult.get()
            } catch {
                // Its writer must have heard that nothing follows when it is let go of: otherwise NIO ends the program.
                try await connection.executeThenClose { _, _ in }
                throw error
            }
            return connection
        } catch {
            secured.fail(error)
            throw error
        }
    }

    private func open(
        _ target: WebTarget, _ address: InternetAddress, _ secured: EventLoopPromise<Void>, _ silence: Silence
    ) async throws -> Connection {
        // The authorities are read for each connection, as they may have changed.
        let tls = target.scheme == "https" ? try TLSContext(authorities: authorities) : nil
        let (idle, limit) = (limits.idle.timeAmount, limits.connect.timeAmount)
        let peer = try SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: target.port)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(limit)
            .connect(to: peer) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(TLSHandler(tls, to: Self.peer(target))) }
                    try pipeline.addHandler(HandshakeWatch(secured, isSecured: tls == nil, within: limit))
                    try pipeline.addHandler(IdleStateHandler(readTimeout: idle))
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(SilenceEnder(silence))
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    /// Whom a certificate must be for.
    private static func peer(_ target: WebTarget) -> TLSPeer {
        if let address = target.address { return .address(address.bytes) }
        return .name(target.host.hasSuffix(".") ? String(target.host.dropLast()) : target.host)
    }

    private static func words(_ error: any Error) -> String {
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        return error is ChannelError ? "it took too long" : "\(type(of: error))"
    }
}

/// Runs a body, and gives it up when it takes too long.
private func within<Result: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw WebError.timedOut
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}

/// An answer's head.
public struct WebAnswer: Sendable, Hashable {
    /// The status.
    public let status: Int
    /// The header fields by their names in lower case; the last of a name.
    public let headers: [String: String]
    /// The URL that answered, after redirects.
    public let url: String

    init(_ head: HTTPResponseHead, url: String) {
        (status, self.url) = (Int(head.status.code), url)
        headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 })
    }

    /// The length of the body, if it is told.
    public var length: Int? { headers["content-length"].flatMap { Int($0) } }

    /// Where a redirect leads.
    var redirect: String? { [301, 302, 303, 307, 308].contains(status) ? headers["location"] : nil }
}

/// An answer's body, to be read once.
public final class WebBody {
    private var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    private let limit: Int
    private var received = 0
    private var hasEnded = false

    init(_ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator, limit: Int) {
        (self.parts, self.limit) = (parts, limit)
    }

    /// The next bytes; nil at the end.
    /// - Throws: `WebError.tooLarge` beyond the limit, `.ended` when the connection ends before the body does.
    public func next() async throws -> ByteBuffer? {
        while !hasEnded {
            switch try await parts.next() {
            case .body(let bytes):
                received += bytes.readableBytes
                guard received <= limit else { throw WebError.tooLarge(limit: limit) }
                return bytes
            case .end: hasEnded = true
            case .head: continue
            case nil:
                // A cancelled task's stream ends too: that is no end of the body.
                try Task.checkCancellation()
                throw WebError.ended
            }
        }
        return nil
    }

    /// Gathers the rest of the body.
    /// - Throws: `WebError.tooLarge` once there are more bytes than this.
    public func collect(upTo limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let chunk = try await next() {
            guard bytes.count + chunk.readableBytes <= limit else { throw WebError.tooLarge(limit: limit) }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }
}

/// What the network or the other side did.
public enum WebError: Error, Sendable, Hashable {
    /// There is no way there.
    case unreachable(String)
    /// The other side could not prove who it is.
    case untrusted(String)
    /// The other side does not speak HTTP.
    case malformed(String)
    /// The connection ended before the answer did.
    case ended
    /// It took too long.
    case timedOut
    /// The body is larger than the limit in bytes.
    case tooLarge(limit: Int)
    /// The other side answered otherwise than with success.
    case status(Int)
}

extension WebError: CustomStringConvertible {
    /// What happened, in words.
    public var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .untrusted: "the server's certificate is not trusted"
        case .malformed: "the server does not speak HTTP"
        case .ended: "the connection ended before the answer did"
        case .timedOut: "the server took too long"
        case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
        case .status(let status): "the server answered \(status)"
        }
    }
}

/// Tells when TLS is set up, or why it is not.
private final class HandshakeWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let secured: EventLoopPromise<Void>
    private let isSecured: Bool
    private let limit: TimeAmount
    private var deadline: Scheduled<Void>?

    init(_ secured: EventLoopPromise<Void>, isSecured: Bool, within limit: TimeAmount) {
        (self.secured, self.isSecured, self.limit) = (secured, isSecured, limit)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard !isSecured else { return secured.succeed() }
        let (secured, channel) = (secured, context.channel)
        deadline = context.eventLoop.scheduleTask(in: limit) {
            secured.fail(WebError.timedOut)
            channel.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { end { $0.succeed() } }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end { $0.fail(error) }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end { $0.fail(WebError.ended) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end { $0.fail(WebError.ended) } }

    private func end(_ decide: (EventLoopPromise<Void>) -> Void) {
        deadline?.cancel()
        decide(secured)
    }
}

/// Ends a connection whose other side is silent for too long.
private final class SilenceEnder: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    private let silence: Silence

    init(_ silence: Silence) { self.silence = silence }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        silence.strike()
        context.fireErrorCaught(WebError.timedOut)
        context.close(promise: nil)
    }
}

/// Whether a connection was given up because the other side was silent: whoever writes to it meets a closed channel then.
private final class Silence: Sendable {
    private let hasStruck = Atomic(false)

    func strike() { hasStruck.store(true, ordering: .releasing) }

    /// Why the connection is over.
    var verdict: WebError { hasStruck.load(ordering: .acquiring) ? .timedOut : .ended }
}

extension Duration {
    fileprivate var timeAmount: TimeAmount {
        .nanoseconds(components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)
    }
}
