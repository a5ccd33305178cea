import CLinux
import CloudBus
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NetworkMessages
import Synchronization

/// Answers the guests of one network on port 80 of its namespace. The socket stays in the namespace in which it was made,
/// so the network and the peer's address name the guest, whatever it writes into its request.
actor MetadataServer {
    /// How many connections are served at once; further ones are closed.
    static let connectionLimit = 64

    private let responder: MetadataResponder
    private let connections = ConnectionSet(limit: connectionLimit)
    private var channel: (any Channel)?

    init(networkID: String, source: any MetadataSource, logger: Logger) {
        responder = MetadataResponder(networkID: networkID, source: source, logger: logger)
    }

    /// Opens the socket and answers, once in a server's life.
    /// - Throws: `HostError`, and NIO's errors.
    func start(in namespace: NetworkNamespace, port: UInt16 = 80) async throws {
        let socket = try await namespace.run { try Self.listeningSocket(port: port) }
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { [responder, connections] channel in
                channel.eventLoop.makeCompletedFuture {
                    // A connection that is not admitted is closed by the error.
                    try connections.admit(channel)
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(MetadataConnection(responder: responder))
                }
            }
            .withBoundSocket(socket).get()
    }

    /// Closes the socket and ends what is under way.
    func stop() async {
        if let channel { await Self.end(channel) }
        channel = nil
        for connection in connections.close() { await Self.end(connection) }
    }

    private static func end(_ channel: any Channel) async {
        channel.close(promise: nil)
        // It ends with the channel, and never fails.
        try? await channel.closeFuture.get()
    }

    /// The port on which it listens.
    var port: Int? { channel?.localAddress?.port }

    /// A socket for IPv6 that takes IPv4 too.
    private static func listeningSocket(port: UInt16) throws -> NIOBSDSocket.Handle {
        let socket = Glibc.socket(AF_INET6, Int32(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
        guard socket >= 0 else { throw HostError.last("socket") }
        var (yes, no): (Int32, Int32) = (1, 0)
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &no, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
        guard result == 0, listen(socket, 128) == 0 else {
            defer { close(socket) }
            throw HostError.last("listen on port \(port)")
        }
        return socket
    }
}

/// The connections of a server.
final class ConnectionSet: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    /// Why a connection is not admitted.
    struct Refusal: Error {}

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Keeps a connection until it is closed.
    /// - Throws: `Refusal` if there are too many or the set is closed.
    func admit(_ channel: any Channel) throws(Refusal) {
        let id = ObjectIdentifier(channel)
        let isAdmitted = state.withLock { state in
            guard !state.isClosed, state.channels.count < limit else { return false }
            state.channels[id] = channel
            return true
        }
        guard isAdmitted else { throw Refusal() }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { _ = $0.channels.removeValue(forKey: id) }
        }
    }

    /// Admits nobody any more, and returns those that are there.
    func close() -> [any Channel] {
        state.withLock { state in
            state.isClosed = true
            return Array(state.channels.values)
        }
    }
}
