import CloudCore
import Logging
import NIOCore

/// A lasting connection to a database of an ovsdb-server (RFC 7047) over its Unix socket. It keeps a replica of the
/// wanted tables, reconnects by itself and then builds the replica anew. The server tells a transaction's changes
/// before its result, so that a caller whose transaction has returned finds it in the replica.
actor OVSDBClient {
    struct Options: Sendable {
        /// How many calls may be under way or wait for a connection.
        var pendingLimit = 1024
        /// The longest message of the server in bytes: the first answer of a monitor holds whole tables.
        var messageLimit = 256 << 20
        /// How long the server may take to be ready after the connection.
        var handshakeDeadline = Duration.seconds(30)
        /// The waits before a further attempt to connect grow from here by doubling …
        var firstBackoff = Duration.milliseconds(50)
        /// … to here.
        var lastBackoff = Duration.seconds(5)
    }

    private struct Waiter {
        var condition: @Sendable (OVSDBReplica) -> Bool
        var continuation: CheckedContinuation<Void, any Error>
        var timer: Task<Void, Never>
    }

    private struct Call {
        var continuation: CheckedContinuation<JSON, any Error>
        var timer: Task<Void, Never>
    }

    private let path: String
    private let monitor: OVSDBMonitor
    private let options: Options
    private let logger: Logger

    private var session: OVSDBSession
    private var connection: SocketConnection?
    private var isClosed = false
    private var calls: [Int: Call] = [:]
    private var waiters: [Int: Waiter] = [:]
    private var lastWaiter = 0
    private var observers: [Int: AsyncStream<Void>.Continuation] = [:]
    private var lastObserver = 0

    /// A client that connects once `run()` is called.
    init(path: String, monitor: OVSDBMonitor, options: Options = Options(), logger: Logger) {
        (self.path, self.monitor, self.options) = (path, monitor, options)
        session = OVSDBSession(monitor: monitor)
        var logger = logger
        logger[metadataKey: "database"] = .string(monitor.database)
        self.logger = logger
    }

    // MARK: - Use

    /// Whether the replica is complete and kept.
    var isReady: Bool { connection != nil && session.isReady }

    /// Commits operations in one transaction.
    /// - Throws: `OVSDBError`; `.deadlineExceeded` leaves open whether it was committed.
    @discardableResult
    func transact(_ operations: [OVSDBOperation], deadline: ContinuousClock.Instant) async throws -> [OVSDBResult] {
        try await wait(until: deadline) { _ in true }
        let parameters = JSON.array([.string(monitor.database)] + operations.map(\.json))
        return try OVSDBError.results(of: await call("transact", parameters, deadline: deadline))
    }

    /// Reads the replica at one moment, once it is complete.
    func read<Value: Sendable>(
        deadline: ContinuousClock.Instant, _ body: @Sendable (OVSDBReplica) throws -> Value
    ) async throws -> Value {
        while true {
            if isReady, let replica = session.replica { return try body(replica) }
            try await wait(until: deadline) { _ in true }
        }
    }

    /// Waits until the replica is complete and meets a condition.
    /// - Throws: `OVSDBError`: `.disconnected` if there is no connection at the deadline.
    func wait(until deadline: ContinuousClock.Instant, for condition: @escaping @Sendable (OVSDBReplica) -> Bool) async throws {
        guard !isClosed else { throw OVSDBError.closed }
        if isReady, let replica = session.replica, condition(replica) { return }
        guard waiters.count < options.pendingLimit else { throw OVSDBError.overloaded }
        lastWaiter += 1
        let id = lastWaiter
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let timer = expiring(deadline) { await $0.expireWait(id) }
                waiters[id] = Waiter(condition: condition, continuation: continuation, timer: timer)
                if Task.isCancelled { endWait(id, .failure(CancellationError())) }
            }
        } onCancel: {
            Task { await self.endWait(id, .failure(CancellationError())) }
        }
    }

    /// A signal whenever the replica became complete or changed; several changes may share one. The first comes at once.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        guard !isClosed else {
            continuation.finish()
            return stream
        }
        lastObserver += 1
        let id = lastObserver
        observers[id] = continuation
        continuation.onTermination = { _ in Task { await self.removeObserver(id) } }
        continuation.yield()
        return stream
    }

    private func removeObserver(_ id: Int) { observers[id] = nil }

    // MARK: - Life

    /// Connects, and again whenever the connection is lost, until the task is cancelled or `close()` is called.
    func run() async {
        var backoff = options.firstBackoff
        while !isClosed, !Task.isCancelled {
            do {
                try await converse()
            } catch {
                logger.debug("Connection failed", metadata: ["error": "\(error)"])
            }
            if session.isReady { backoff = options.firstBackoff }
            disconnect()
            guard !isClosed else { break }
            do { try await Task.sleep(for: backoff) } catch { break }
            backoff = min(backoff * 2, options.lastBackoff)
        }
        close()
    }

    /// Ends the connection and every call.
    func close() {
        isClosed = true
        disconnect()
        for id in waiters.keys { endWait(id, .failure(OVSDBError.closed)) }
        for observer in observers.values { observer.finish() }
        observers = [:]
    }

    private func disconnect() {
        connection?.close()
        connection = nil
        for id in calls.keys { endCall(id, .failure(OVSDBError.disconnected)) }
    }

    private func converse() async throws {
        let connection = try await SocketConnection.connect(toUnixSocket: path)
        defer { connection.close() }
        // While we were connecting, somebody may have closed us.
        guard !isClosed else { return }
        session = OVSDBSession(monitor: monitor)
        self.connection = connection
        let handshake = expiring(ContinuousClock.now + options.handshakeDeadline) { await $0.abandonUnlessReady(connection) }
        defer { handshake.cancel() }
        perform(session.start())
        var splitter = JSONStreamSplitter(limit: options.messageLimit)
        while let buffer = try await connection.next() {
            for text in try splitter.feed(buffer.readableBytesView) {
                perform(try session.receive(JSON(parsing: text)))
            }
        }
    }

    private func abandonUnlessReady(_ connection: SocketConnection) {
        guard !session.isReady else { return }
        logger.warning("The server does not answer")
        connection.close()
    }

    private func perform(_ actions: [OVSDBSession.Action]) {
        for action in actions {
            switch action {
            case .send(let message): send(message)
            case .answer(let id, let result): endCall(id, result.mapError { $0 })
            case .ready, .changed:
                settleWaiters()
                for observer in observers.values { observer.yield() }
            }
        }
    }

    private func send(_ message: JSON) {
        connection?.send(message.bytes)
    }

    // MARK: - Calls

    private func call(_ method: String, _ parameters: JSON, deadline: ContinuousClock.Instant) async throws -> JSON {
        guard isReady else { throw OVSDBError.disconnected }
        guard calls.count < options.pendingLimit else { throw OVSDBError.overloaded }
        let (id, message) = session.request(method, parameters)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let timer = expiring(deadline) { await $0.endCall(id, .failure(OVSDBError.deadlineExceeded)) }
                calls[id] = Call(continuation: continuation, timer: timer)
                send(message)
                if Task.isCancelled { endCall(id, .failure(CancellationError())) }
            }
        } onCancel: {
            Task { await self.endCall(id, .failure(CancellationError())) }
        }
    }

    private func endCall(_ id: Int, _ result: Result<JSON, any Error>) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.timer.cancel()
        call.continuation.resume(with: result)
    }

    private func endWait(_ id: Int, _ result: Result<Void, any Error>) {
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        waiter.timer.cancel()
        waiter.continuation.resume(with: result)
    }

    private func expireWait(_ id: Int) {
        endWait(id, .failure(isReady ? OVSDBError.deadlineExceeded : OVSDBError.disconnected))
    }

    private func settleWaiters() {
        guard isReady, let replica = session.replica else { return }
        for (id, waiter) in waiters where waiter.condition(replica) { endWait(id, .success(())) }
    }

    private func expiring(
        _ deadline: ContinuousClock.Instant, _ body: @escaping @Sendable (OVSDBClient) async -> Void
    ) -> Task<Void, Never> {
        Task { [weak self] in
            do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
            if let self { await body(self) }
        }
    }
}
