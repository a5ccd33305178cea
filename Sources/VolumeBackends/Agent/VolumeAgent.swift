import CloudBus
import CloudCore
import Logging
import Synchronization
import VolumeMessages

/// The volume service's hand on one host. It holds no truth: controllers tell it by messages what volumes shall be, it makes that
/// so through its back ends, and reports what room there is. Ending it touches no volume and no export.
///
///     let agent = VolumeAgent(host: "node-1", backends: [backend], bus: bus, options: .init(scratch: folder))
///     try await agent.start()   // from here on it answers
///     try await agent.run()     // until cancelled
public final class VolumeAgent: Sendable {
    /// Operations on one of these run one at a time.
    enum Turn: Hashable, Sendable, Comparable {
        case volume(backend: String, name: String)
        case backup(String)
        case transfer
    }

    private struct State {
        var subscription: BusSubscription?
        /// Back ends that could not be started, and why.
        var failures: [String: String] = [:]
    }

    let host: String
    let backends: [String: any VolumeBackend]
    let backups: [String: any BackupStore]
    let bus: any Bus
    let source: (any VolumeImageSource)?
    let sink: (any VolumeImageSink)?
    let options: VolumeAgentOptions
    let turns = Turns<Turn>(limit: 1)
    let transfers: Turns<Turn>
    let logger: Logger
    private let state = Mutex(State())

    /// An agent.
    /// - Parameters:
    ///   - host: the host's name, under which controllers address it.
    ///   - backends: what keeps volumes; their names differ.
    ///   - backups: what keeps backups, by the names that users see.
    ///   - bus: the way to the controllers.
    ///   - source: where images come from; nil where volumes are not made of any.
    ///   - sink: what takes images made of volumes; nil where none are made.
    ///   - options: how it behaves.
    public init(
        host: String, backends: [any VolumeBackend], backups: [String: any BackupStore] = [:], bus: any Bus,
        source: (any VolumeImageSource)? = nil, sink: (any VolumeImageSink)? = nil, options: VolumeAgentOptions
    ) {
        (self.host, self.bus, self.source, self.sink, self.options) = (host, bus, source, sink, options)
        self.backends = Dictionary(backends.map { ($0.name, $0) }) { first, _ in first }
        self.backups = backups
        transfers = Turns(limit: options.concurrentTransfers)
        var logger = Logger(label: "altostack.volume-agent")
        logger[metadataKey: "host"] = "\(host)"
        self.logger = logger
    }

    /// Makes the back ends ready, listens, and tells the controllers for the first time. A back end that doesn't work is
    /// reported, and tried again before each report.
    /// - Throws: `BusError` when the bus is closed; `VolumeFailure` when there is no place for images on their way.
    public func start() async throws {
        guard state.withLock({ $0.subscription == nil }) else { return }
        if let driver = options.backupDriver, backups[driver] == nil {
            logger.error("no backups are made: the settings of the place they shall go to are missing", metadata: ["driver": "\(driver)"])
        }
        try await clearScratch()
        for name in backends.keys.sorted() { await startBackend(name) }
        let subscription = try await bus.serve(
            service(), at: BusAddress(topic: VolumeTopic.agent, host: host), concurrency: options.concurrentMessages,
            queueLimit: options.queueLimit)
        state.withLock { $0.subscription = subscription }
        _ = await report()
    }

    /// The places of backups, that of new ones first; none when that is not there, rather than backups in a place that nobody chose.
    private var backupDrivers: [String] {
        guard let first = options.backupDriver else { return backups.keys.sorted() }
        return backups[first] == nil ? [] : [first] + backups.keys.sorted().filter { $0 != first }
    }

    /// Reports until cancelled; then takes no further messages. Starts the agent first if it wasn't.
    /// - Throws: what `start` throws.
    public func run() async throws {
        try await start()
        var isTold = true
        while !Task.isCancelled {
            try? await Task.sleep(for: isTold ? options.reportInterval : min(.seconds(1), options.reportInterval))
            guard !Task.isCancelled else { break }
            for name in state.withLock({ $0.failures.keys.sorted() }) { await startBackend(name) }
            isTold = await report()
        }
        let subscription = state.withLock { $0.subscription.take() }
        await subscription?.cancel()
        for backend in backends.values { await backend.stop() }
    }

    private func startBackend(_ name: String) async {
        guard let backend = backends[name] else { return }
        do {
            try await backend.start()
            state.withLock { $0.failures[name] = nil }
        } catch {
            let reason = (error as? VolumeFailure)?.message ?? "\(error)"
            let isNew = state.withLock { $0.failures.updateValue(reason, forKey: name) != reason }
            if isNew { logger.error("a back end can't be used", metadata: ["backend": "\(name)", "error": "\(error)"]) }
        }
    }

    private func clearScratch() async throws {
        do {
            try await Blocking.run { [scratch = options.scratch] in
                try Files.makeDirectory(scratch)
                for name in try Files.names(in: scratch) { try Files.remove(scratch + "/" + name) }
            }
        } catch {
            throw VolumeFailure(.backendError, "The folder \(options.scratch) can't be used.", cause: error)
        }
    }

    /// The back end of a name.
    /// - Throws: `VolumeFailure` with `unknownBackend`, or `backendError` for one that doesn't work.
    func backend(_ name: String) throws -> any VolumeBackend {
        guard let backend = backends[name] else { throw VolumeFailure(.unknownBackend, "This host has no back end \(name).") }
        if let reason = state.withLock({ $0.failures[name] }) {
            throw VolumeFailure(.backendError, "The back end \(name) doesn't work: \(reason)")
        }
        return backend
    }

    // MARK: Reports

    /// Tells the controllers what is here.
    /// - Returns: whether they could be told.
    func report() async -> Bool {
        var failures = state.withLock { $0.failures }
        var pools: [VolumePool] = []
        for (name, backend) in backends.sorted(by: { $0.key < $1.key }) where failures[name] == nil {
            do {
                pools += try await self.pools(of: backend)
            } catch {
                failures[name] = (error as? VolumeFailure)?.message ?? "\(error)"
                logger.notice("a back end says nothing of its room", metadata: ["backend": "\(name)", "error": "\(error)"])
            }
        }
        do {
            let report = VolumeHostReport(
                host: host, pools: pools, failures: failures, backupDrivers: backupDrivers)
            try await bus.cast(report, to: BusAddress(topic: VolumeTopic.controller))
            return true
        } catch {
            logger.notice("the controllers could not be told about this host", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func pools(of backend: any VolumeBackend) async throws -> [VolumePool] {
        try await withThrowingTaskGroup(of: [VolumePool].self) { [host, limit = options.poolDeadline] group in
            group.addTask {
                try await backend.pools().map { pool in
                    var pool = pool
                    pool.host = host
                    return pool
                }
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw VolumeFailure(.backendError, "It gave no answer within \(limit).")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    /// Runs `body` when no other operation is on these; they are always taken in one order.
    func alone<Value: Sendable>(_ turns: [Turn], _ body: () async throws -> Value) async throws -> Value {
        switch turns.count {
        case 0: return try await body()
        case 1: return try await self.turns.run(turns[0], body)
        default:
            let sorted = Set(turns).sorted()
            return try await self.turns.run(sorted[0]) { try await alone(Array(sorted.dropFirst()), body) }
        }
    }

    /// Runs what moves many bytes, when there is room among its like.
    func transferring<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await transfers.run(.transfer, body)
    }
}
