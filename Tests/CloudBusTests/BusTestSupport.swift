import CloudBus
import CloudCore
import Synchronization
import Testing

/// A transport under test; RabbitMQ's becomes a further element of `BusTransport.all`.
struct BusTransport: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable () async throws -> any Bus

    static let all = [
        BusTransport(testDescription: "in-process") { InProcessBus() },
        BusTransport(testDescription: "a faulty bus without faults") { FaultyBus(InProcessBus()) },
    ]

    /// Runs a test on a fresh bus, and closes it.
    func run(_ body: (any Bus) async throws -> Void) async throws {
        let bus = try await make()
        do {
            try await body(bus)
        } catch {
            await bus.close(deadline: .zero)
            throw error
        }
        await bus.close(deadline: .zero)
    }
}

/// A topic no other test uses.
func freshTopic() -> String { "test-" + Identifier.hex() }

/// Longer than anything here takes; a test that reaches it fails.
let ample = Duration.seconds(30)

/// Something that happens once, and those who wait for it. Waiting ends with the task's cancellation.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async throws {
        let ticket = state.withLock { state in
            state.last += 1
            return state.last
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.isOpen { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiting[ticket] = continuation
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume(throwing: CancellationError())
        }
    }
}

/// What handlers have seen, in order, and those who wait until there is so much of it.
final class Log<Entry: Sendable>: Sendable {
    private struct State {
        var entries: [Entry] = []
        var waiting: [(count: Int, gate: Gate)] = []
    }

    private let state = Mutex(State())

    var entries: [Entry] { state.withLock { $0.entries } }

    func append(_ entry: Entry) {
        let reached = state.withLock { state in
            state.entries.append(entry)
            let count = state.entries.count
            defer { state.waiting.removeAll { $0.count <= count } }
            return state.waiting.filter { $0.count <= count }
        }
        for waiter in reached { waiter.gate.open() }
    }

    func reaches(_ count: Int) async throws {
        let gate = Gate()
        state.withLock { state in
            if state.entries.count >= count { gate.open() } else { state.waiting.append((count, gate)) }
        }
        try await gate.wait()
    }
}

struct Echo: BusRequest {
    struct Reply: Codable, Sendable, Equatable {
        var text: String
    }
    static let method = "test.echo"
    var text: String
}

/// The same shape as `Echo` under another name.
struct Shout: BusRequest {
    typealias Reply = Echo.Reply
    static let method = "test.shout"
    var text: String
}

struct Ring: BusRequest {
    typealias Reply = BusNothing
    static let method = "test.ring"
    var number: Int
}

extension BusService {
    /// A service with one handler.
    init<R: BusRequest>(_ request: R.Type, _ handler: @escaping @Sendable (R, BusContext) async throws -> R.Reply) {
        self.init()
        on(request, handler: handler)
    }

    static var echo: BusService { BusService(Echo.self) { request, _ in Echo.Reply(text: request.text) } }
}

/// The bus's error that the body throws; nil when it throws none or another.
func busError<T>(_ body: () async throws -> T) async -> BusError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? BusError
    }
}

/// Records a failure where a value is not of the expected kind.
func fail(_ message: String, at location: SourceLocation = #_sourceLocation) {
    Issue.record("\(message)", sourceLocation: location)
}
