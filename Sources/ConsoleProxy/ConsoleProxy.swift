import CloudCore
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// Where a guest's console speaks.
public enum ConsoleTarget: Sendable, Hashable {
    /// At a TCP port.
    case tcp(host: String, port: Int)
    /// At a Unix socket of this machine.
    case unix(path: String)
}

/// Brings browsers to guests' consoles: serves noVNC's and spice-html5's pages, and carries the bytes of a console over WebSockets (RFC 6455) for
/// whoever holds a token that compute gave out (what nova-novncproxy, nova-spicehtml5proxy and nova-serialproxy do).
public final class ConsoleProxy: Sendable {
    /// What the proxy listens at and serves.
    public struct Options: Sendable {
        /// The address to listen at.
        public var host: String
        /// The port to listen at; zero for a free one.
        public var port: Int
        /// The folder of noVNC's pages.
        public var pages: String
        /// The folder of spice-html5's pages; nil for none.
        public var spicePages: String?
        /// How many connections there may be at once; further ones are closed.
        public var maximumConnections = 512
        /// How long a connection may take to say what it wants.
        public var patience: Duration = .seconds(15)
        /// How long the connection to a guest's console may take.
        public var connectTimeout: Duration = .seconds(10)

        /// What the proxy listens at and serves.
        public init(host: String, port: Int, pages: String, spicePages: String? = nil) {
            (self.host, self.port, self.pages, self.spicePages) = (host, port, pages, spicePages)
        }
    }

    /// Tells where the console is that a token opens; nil when the token opens none.
    public typealias Resolver = @Sendable (Secret<String>) async throws -> ConsoleTarget?

    let options: Options
    let pages: PageFolder
    let spicePages: PageFolder?
    let logger = Logger(label: "console-proxy")
    private let count = Mutex(0)
    private let listener = Mutex<Listener?>(nil)
    private let resolver = Mutex<Resolver?>(nil)

    /// A proxy.
    public init(options: Options) {
        self.options = options
        pages = PageFolder(root: options.pages, package: "novnc")
        spicePages = options.spicePages.map { PageFolder(root: $0, package: "spice-html5") }
    }

    /// What a connection turned out to be.
    enum Negotiated: Sendable {
        /// With the console; nil when the token opens none. Such a connection is closed without a word, as websockify does.
        case console(NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, ConsoleTarget?)
        case page(NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>)
    }

    typealias Listener = NIOAsyncChannel<EventLoopFuture<Negotiated>, Never>

    /// Takes the port, or a free one when another program has it.
    /// - Returns: the port.
    /// - Throws: when the proxy cannot listen at its address at all.
    public func listen() async throws -> Int {
        let server: Listener
        do {
            server = try await bind(port: options.port)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            server = try await bind(port: 0)
            logger.notice(
                "another program has the consoles' port, a free one serves",
                metadata: ["port": "\(options.port)", "free": "\(server.channel.localAddress?.port ?? 0)"])
        }
        listener.withLock { $0 = server }
        return server.channel.localAddress?.port ?? options.port
    }

    private func bind(port: Int) async throws -> Listener {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: options.host, port: port) { channel in self.negotiate(channel) }
    }

    /// Serves what `listen` took until the task is cancelled.
    /// - Parameter resolve: tells where tokens lead.
    public func run(resolve: @escaping Resolver) async throws {
        resolver.withLock { $0 = resolve }
        guard let server = listener.withLock({ $0 }) else { return }
        try await server.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask { await self.serve(connection) }
                }
            }
        }
    }

    /// How long a browser may keep a connection for pages.
    private static let pageSession = Duration.seconds(60)

    /// Runs something for at most so long.
    private func limited(to limit: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await body() }
            group.addTask { try await Task.sleep(for: limit) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func negotiate(_ channel: any Channel) -> EventLoopFuture<EventLoopFuture<Negotiated>> {
        let admission = Admission()
        let patience = channel.eventLoop.scheduleTask(in: TimeAmount(options.patience)) { channel.close(promise: nil) }
        return channel.eventLoop.makeCompletedFuture {
            let upgrader = NIOTypedWebSocketServerUpgrader<Negotiated>(
                maxFrameSize: 1 << 20,
                shouldUpgrade: { channel, head in
                    channel.eventLoop.makeFutureWithTask { await self.admit(head, admission) }
                },
                upgradePipelineHandler: { channel, _ in
                    patience.cancel()
                    return channel.eventLoop.makeCompletedFuture {
                        .console(try NIOAsyncChannel(wrappingChannelSynchronously: channel), admission.target)
                    }
                })
            let pages = NIOTypedHTTPServerUpgradeConfiguration(upgraders: [upgrader]) { channel in
                patience.cancel()
                return channel.eventLoop.makeCompletedFuture {
                    .page(try NIOAsyncChannel(wrappingChannelSynchronously: channel))
                }
            }
            return try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: pages))
        }
    }

    /// Looks where a WebSocket leads, before it is opened; gives the answer's further fields.
    private func admit(_ head: HTTPRequestHead, _ admission: Admission) async -> HTTPHeaders {
        do {
            if ConsoleRequest.comesFromItsOwnPage(head), let token = ConsoleRequest.token(of: head),
                let target = try await resolver.withLock({ $0 })?(token) {
                admission.grant(target)
            }
        } catch {
            logger.warning("a console's token cannot be checked", metadata: ["error": "\(error)"])
        }
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"]
        return offered.contains("binary") ? ["Sec-WebSocket-Protocol": "binary"] : [:]
    }

    private func serve(_ connection: EventLoopFuture<Negotiated>) async {
        let isAdmitted = count.withLock { count in
            guard count < options.maximumConnections else { return false }
            count += 1
            return true
        }
        defer { if isAdmitted { count.withLock { $0 -= 1 } } }
        do {
            switch try await connection.get() {
            // Writers have to hear of an end before they are let go of, or NIO ends the program: so it isn't the channel that is closed.
            case .console(let channel, _) where !isAdmitted: try await channel.executeThenClose { _, _ in }
            case .page(let channel) where !isAdmitted: try await channel.executeThenClose { _, _ in }
            case .console(let channel, nil): try await channel.executeThenClose { _, _ in }
            case .console(let channel, let target?): try await carry(channel, to: target)
            case .page(let channel): try await limited(to: Self.pageSession) { try await self.answer(channel) }
            }
        } catch {
            // Clients hang up as they like; what they were told is in what they got.
            logger.debug("a console's connection ended", metadata: ["error": "\(error)"])
        }
    }
}

/// What was found for a connection while its upgrade was decided.
private final class Admission: Sendable {
    private let found = Mutex<ConsoleTarget?>(nil)

    var target: ConsoleTarget? { found.withLock { $0 } }

    func grant(_ target: ConsoleTarget) { found.withLock { $0 = target } }
}
