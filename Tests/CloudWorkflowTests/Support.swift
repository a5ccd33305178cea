import CloudCore
import CloudStore
import Foundation
import Logging
import Synchronization
import Testing

@testable import CloudWorkflow

/// What happened, in order, from whatever thread.
final class Journal: Sendable {
    private let entries = Mutex<[String]>([])
    func note(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
    func count(_ entry: String) -> Int { all.count { $0 == entry } }
}

/// A gate that tasks wait at until it is opened, or until they are cancelled.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var count = 0
    }
    private let state = Mutex(State())

    var isOpen: Bool { state.withLock { $0.isOpen } }

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits; with `stubborn`, even a cancelled task does.
    func pass(stubborn: Bool = false) async throws {
        let ticket = state.withLock { state in
            state.count += 1
            return state.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let passes = state.withLock { state in
                    if state.isOpen || (!stubborn && Task.isCancelled) { return true }
                    state.waiters[ticket] = continuation
                    return false
                }
                if passes { continuation.resume() }
            }
        } onCancel: {
            if !stubborn { state.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume() }
        }
        if !stubborn { try Task.checkCancellation() }
    }
}

/// A clock that stands still until it is told.
final class ManualClock: WorkflowClock {
    private struct State {
        var now = Timestamp(seconds: 1_800_000_000)
        var sleepers: [Int: (moment: Timestamp, continuation: CheckedContinuation<Void, Never>)] = [:]
        var count = 0
    }
    private let state = Mutex(State())

    var now: Timestamp { state.withLock { $0.now } }

    func advance(by distance: Duration) {
        let awake = state.withLock { state in
            state.now = state.now + distance
            let due = state.sleepers.filter { $0.value.moment <= state.now }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.map(\.continuation)
        }
        for sleeper in awake { sleeper.resume() }
    }

    /// Advances step by step until something has happened, at a pace that lets others keep up.
    func advance(by step: Duration, until isDone: () async throws -> Bool) async throws {
        while try await !isDone() {
            advance(by: step)
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    func sleep(until moment: Timestamp) async throws {
        let ticket = state.withLock { state in
            state.count += 1
            return state.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if state.now >= moment || Task.isCancelled { return true }
                    state.sleepers[ticket] = (moment, continuation)
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: ticket) }?.continuation.resume()
        }
        try Task.checkCancellation()
    }
}

/// Counts the transactions of a database, and fails them to order.
final class WatchedDatabase: Database {
    private let base: any Database
    private let state = Mutex<(writes: Int, failure: StoreError?)>((0, nil))

    init(_ base: any Database) { self.base = base }

    var writes: Int { state.withLock { $0.writes } }
    /// What every transaction fails with; nil to let them work.
    var failure: StoreError? {
        get { state.withLock { $0.failure } }
        set { state.withLock { $0.failure = newValue } }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Reader) throws -> Result) async throws -> Result {
        try await base.read(body)
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Result) async throws -> Result {
        if let failure { throw failure }
        state.withLock { $0.writes += 1 }
        return try await base.write(body)
    }

    func migrate(_ set: MigrationSet) async throws { try await base.migrate(set) }
    func close() async { await base.close() }
}

struct Unlucky: Error, Equatable {}

/// The moments at which workflows leave a runner.
final class Departures: Sendable {
    private struct State {
        var endings: [(id: String, ending: WorkflowEnding)] = []
        var taken = 0
        var waiter: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    func note(_ id: String, _ ending: WorkflowEnding) {
        let waiter = state.withLock { state in
            state.endings.append((id, ending))
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// The next departure nobody has asked for.
    func next() async throws -> (id: String, ending: WorkflowEnding) {
        while true {
            try Task.checkCancellation()
            let found = state.withLock { state -> (String, WorkflowEnding)? in
                guard state.taken < state.endings.count else { return nil }
                state.taken += 1
                return state.endings[state.taken - 1]
            }
            if let found { return found }
            await waitForOne()
        }
    }

    private func waitForOne() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    if state.taken < state.endings.count || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}

/// A database in a directory of its own, with one table for the steps to write into.
struct Site: Sendable {
    let directory: URL
    let database: WatchedDatabase
    private static let things = MigrationSet(module: "things", [
        Migration(1, "things", ["CREATE TABLE things (name TEXT PRIMARY KEY)", "CREATE TABLE faults (text TEXT)"])
    ])

    init(at directory: URL) async throws {
        self.directory = directory
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        database = WatchedDatabase(try SQLiteDatabase(path: directory.appending(path: "cloud.db").path))
        try await database.migrate(WorkflowSchema.migrations)
        try await database.migrate(Self.things)
    }

    static func with<Result>(_ body: (Site) async throws -> Result) async throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "workflow-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let site = try await Site(at: directory)
        do {
            let result = try await body(site)
            await site.database.close()
            return result
        } catch {
            await site.database.close()
            throw error
        }
    }

    /// The names the steps have written.
    func things() async throws -> [String] {
        try await database.read { try $0.all("SELECT name FROM things ORDER BY name") { try $0[0] } }
    }

    /// The faults the workflows' ends have written.
    func faults() async throws -> [String] {
        try await database.read { try $0.all("SELECT text FROM faults ORDER BY text") { try $0[0] } }
    }

    func show(_ id: String) async throws -> WorkflowDetail {
        try #require(try await WorkflowInspector(database: database).show(id))
    }
}

/// A runner at work, with what its tests look at.
struct Station: Sendable {
    let runner: WorkflowRunner
    let departures: Departures
    let site: Site
    private let running: Task<Void, Never>

    /// Options under which nothing waits long.
    static var quick: WorkflowOptions {
        var options = WorkflowOptions()
        options.retry = Backoff(initial: .milliseconds(1), maximum: .milliseconds(4))
        options.undoRetry = options.retry
        options.lease = .seconds(3_600)
        options.interruptionGrace = .milliseconds(50)
        options.random = { 0 }
        return options
    }

    init(
        _ site: Site, owner: String = "here", options: WorkflowOptions = Station.quick,
        clock: any WorkflowClock = SystemClock(), _ definitions: [WorkflowDefinition]
    ) {
        let departures = Departures()
        var options = options
        options.didLeave = { departures.note($0, $1) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        runner = WorkflowRunner(database: site.database, owner: owner, options: options, clock: clock, logger: logger)
        runner.register(definitions)
        (self.departures, self.site) = (departures, site)
        running = Task { [runner] in await runner.run() }
    }

    /// Begins a workflow in a transaction of its own.
    func start<State>(_ workflow: Workflow<State>, _ state: State, subject: String = "thing/1") async throws -> String {
        try await site.database.write { [runner] transaction in
            try runner.start(workflow, state, subject: subject, requestID: "req-1", in: transaction)
        }
    }

    @discardableResult
    func cancel(subject: String = "thing/1") async throws -> Bool {
        try await site.database.write { [runner] in try runner.cancel(subject: subject, in: $0) }
    }

    /// Waits until the workflow leaves the runner.
    func ending(of id: String) async throws -> WorkflowEnding {
        while true {
            let departure = try await departures.next()
            if departure.id == id { return departure.ending }
        }
    }

    /// Waits until the runner has taken up its work, so that what starts goes straight to it.
    func ready() async throws {
        while !runner.isRunning { try await Task.sleep(for: .milliseconds(1)) }
    }

    func stop() async {
        running.cancel()
        await running.value
    }
}
