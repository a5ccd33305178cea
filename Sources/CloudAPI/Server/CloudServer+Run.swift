import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// Where a server listens.
public struct ServerAddress: Sendable, Hashable {
    /// The host as configured.
    public let host: String
    /// The port, as the system chose it when port 0 was asked for.
    public let port: Int
}

/// Why a server did not come up.
public struct ServerStartError: Error, Sendable, CustomStringConvertible {
    /// The message with the address.
    public let description: String
}

extension CloudServer {
    /// Listens and serves until `stop` is called or the task is cancelled; both let requests in flight end within the
    /// drain deadline, after which their tasks are cancelled and their connections cut. A server runs once.
    /// - Parameter onReady: called once the socket has answered a first request of the server's own.
    /// - Throws: `ServerStartError` when the address cannot be had.
    public func run(onReady: @escaping @Sendable (ServerAddress) async -> Void = { _ in }) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let bound = OneShotValue<SocketAddress?>()
        let server = Server(
            childChannelSetup: ExchangeChannel(server: self), configuration: serverConfiguration(),
            onServerRunning: { channel in bound.set(channel.localAddress) }, eventLoopGroup: group,
            logger: Logger(label: "http"))
        let ended = OneShotValue<Result<Void, any Error>>()
        // Not a child task: a cancelled caller must still see its requests in flight drained.
        let serving = Task {
            do {
                ended.set(.success(try await server.run()))
            } catch {
                ended.set(.failure(error))
            }
        }
        let announcing = Task { await announce(bound, group, onReady) }
        let draining = Task { await drain(server, serving, ended) }
        let outcome = await withTaskCancellationHandler {
            await ended.value()
        } onCancel: {
            stop()
        }
        stop()
        bound.set(nil)
        announcing.cancel()
        draining.cancel()
        if case .failure(let error) = outcome {
            throw ServerStartError(description: "cannot listen on \(options.host):\(options.port): \(error)")
        }
    }

    private func serverConfiguration() -> ServerConfiguration {
        ServerConfiguration(
            address: .hostname(options.host, port: options.port), backlog: 1024,
            availableConnectionsDelegate: MaximumAvailableConnections(options.maximumConnections))
    }

    /// Once told to stop: lets requests in flight end, cancels them at the deadline, and gives up on those that do not
    /// heed that a second later.
    private func drain(
        _ server: Server<ExchangeChannel>, _ serving: Task<Void, Never>, _ ended: OneShotValue<Result<Void, any Error>>
    ) async {
        await stopping.wait()
        guard !Task.isCancelled else { return }
        let logger = Logger(label: "http")
        let cut = Task {
            try await Task.sleep(for: options.drainDeadline)
            logger.warning("Cutting the requests that outlast the drain deadline")
            serving.cancel()
            try await Task.sleep(for: .seconds(1))
            ended.set(.success(()))
        }
        do {
            try await server.shutdownGracefully()
        } catch {
            logger.warning("The listener did not close cleanly", metadata: ["cause": "\(error)"])
        }
        await serving.value
        cut.cancel()
    }

    private func announce(
        _ bound: OneShotValue<SocketAddress?>, _ group: any EventLoopGroup,
        _ onReady: @Sendable (ServerAddress) async -> Void
    ) async {
        guard let address = await bound.value(), let port = address.port else { return }
        do {
            try await ReadinessProbe.wait(for: address, group: group)
        } catch {
            Logger(label: "http").warning("The server does not answer itself", metadata: ["cause": "\(error)"])
        }
        guard !Task.isCancelled else { return }
        await onReady(ServerAddress(host: options.host, port: port))
    }
}
