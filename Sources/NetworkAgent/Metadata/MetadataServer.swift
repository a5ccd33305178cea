import CLinux
import CloudBus
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NetworkMessages

/// Answers the guests of one network on port 80 of its namespace. The socket stays in the namespace in which it was made,
/// so the network and the peer's address name the guest, whatever it writes into its request.
actor MetadataServer {
    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// How many connections are served at once; further ones are closed.
    static let connectionLimit = 64
    /// How many bytes of request line and headers, and of a body, are taken.
    static let headerLimit = 8 << 10
    static let bodyLimit = 64 << 10
    /// How long a connection may last.
    static let patience = Duration.seconds(30)

    private let networkID: String
    private let source: any MetadataSource
    private let logger: Logger
    private var acceptor: Task<Void, Never>?
    private var channel: (any Channel)?
    private var connections = 0

    init(networkID: String, source: any MetadataSource, logger: Logger) {
        (self.networkID, self.source, self.logger) = (networkID, source, logger)
    }

    /// Opens the socket and answers.
    /// - Throws: `HostError`, and NIO's errors.
    func start(in namespace: NetworkNamespace, port: UInt16 = 80) async throws {
        let socket = try await namespace.run { try Self.listeningSocket(port: port) }
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(socket) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        channel = server.channel
        acceptor = Task {
            do {
                try await server.executeThenClose { inbound in
                    try await withThrowingDiscardingTaskGroup { group in
                        for try await connection in inbound { group.addTask { await self.serve(connection) } }
                    }
                }
            } catch {
                self.logger.debug("A metadata socket closed", metadata: ["network": "\(self.networkID)", "error": "\(error)"])
            }
        }
    }

    /// Closes the socket and ends what is under way.
    func stop() async {
        channel?.close(promise: nil)
        acceptor?.cancel()
        await acceptor?.value
        (acceptor, channel) = (nil, nil)
    }

    /// The port on which it listens.
    var port: Int? { channel?.localAddress?.port }

    private static func listeningSocket(port: UInt16) throws -> NIOBSDSocket.Handle {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
        guard socket >= 0 else { throw HostError.last("socket") }
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0, listen(socket, 128) == 0 else {
            defer { close(socket) }
            throw HostError.last("listen on port \(port)")
        }
        return socket
    }

    // MARK: - Connections

    private func serve(_ connection: Connection) async {
        let isOneTooMany = connections >= Self.connectionLimit
        connections += 1
        defer { connections -= 1 }
        let timer = Task {
            do { try await Task.sleep(for: Self.patience) } catch { return }
            connection.channel.close(promise: nil)
        }
        defer { timer.cancel() }
        do {
            try await connection.executeThenClose { inbound, outbound in
                guard !isOneTooMany else { return }
                let (request, answer) = try await self.exchange(inbound, peer: connection.channel.remoteAddress)
                try await Self.write(answer, isHead: request?.method == .HEAD, to: outbound)
            }
        } catch {
            logger.debug("A metadata connection broke", metadata: ["network": "\(networkID)", "error": "\(error)"])
        }
    }

    private func exchange(
        _ inbound: NIOAsyncChannelInboundStream<HTTPServerRequestPart>, peer: SocketAddress?
    ) async throws -> (HTTPRequestHead?, MetadataResponse) {
        var head: HTTPRequestHead?
        var size = 0
        parts: for try await part in inbound {
            switch part {
            case .head(let value):
                head = value
                let length = value.headers.reduce(value.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
                if length > Self.headerLimit { return (value, Self.refusal(431)) }
            case .body(let buffer):
                size += buffer.readableBytes
                if size > Self.bodyLimit { return (head, Self.refusal(413)) }
            case .end:
                break parts
            }
        }
        guard let head, let address = peer?.ipAddress else { return (nil, Self.refusal(400)) }
        return (head, await answer(head, from: address))
    }

    private func answer(_ head: HTTPRequestHead, from address: String) async -> MetadataResponse {
        guard head.method == .GET || head.method == .HEAD else { return Self.refusal(405) }
        guard head.uri.hasPrefix("/") else { return Self.refusal(400) }
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        do {
            return try await source.respond(to: MetadataRequest(networkID: networkID, address: address, path: String(path)))
        } catch {
            logger.info("No metadata for a guest now", metadata: [
                "network": "\(networkID)", "address": "\(address)", "error": "\(error)",
            ])
            return Self.refusal(503)
        }
    }

    private static func refusal(_ status: Int) -> MetadataResponse {
        let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
        return MetadataResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array("\(status) \(reason)\n".utf8))
    }

    private static func write(
        _ answer: MetadataResponse, isHead: Bool, to outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", String(answer.body.count)), ("Connection", "close"),
        ])
        if answer.status == 405 { headers.add(name: "Allow", value: "GET, HEAD") }
        if answer.status == 503 { headers.add(name: "Retry-After", value: "5") }
        let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        try await outbound.write(.head(head))
        if !isHead, !answer.body.isEmpty { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))) }
        try await outbound.write(.end(nil))
    }
}
