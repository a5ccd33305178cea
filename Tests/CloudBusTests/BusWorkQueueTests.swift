import CloudCore
import Synchronization
import Testing

@testable import CloudBus

/// The decisions of a listener without any task or clock.
@Suite struct BusWorkQueueTests {
    private let start = Timestamp(seconds: 1_000)
    private let address = BusAddress(topic: "t", host: "h")

    private func queue(concurrency: Int = 1, queueLimit: Int = 2) -> BusWorkQueue {
        BusWorkQueue(address: address, concurrency: concurrency, queueLimit: queueLimit)
    }

    private func envelope(_ method: String = "m", key: String? = nil, seconds: Int = 10) -> BusEnvelope {
        BusEnvelope(method: method, payload: [], key: key, deadline: start + .seconds(seconds))
    }

    /// Collects the answers given to one waiter.
    private func waiter(_ log: Log<BusWorkQueue.Answer>) -> BusWorkQueue.Waiter { { log.append($0) } }

    /// Carries out the answers and yields the runs to start.
    @discardableResult
    private func perform(_ actions: [BusWorkQueue.Action]) -> [(run: BusWorkQueue.RunID, envelope: BusEnvelope)] {
        actions.compactMap { action in
            switch action {
            case .answer(let waiters, let answer): for waiter in waiters { waiter(answer) }
            case .start(let run, let envelope): return (run, envelope)
            case .stop(let stop): stop()
            case .idle: break
            }
            return nil
        }
    }

    @Test func `what waits is started in order`() throws {
        var queue = queue()
        let first = try #require(perform(try queue.offer(envelope("a"), now: start)).first)
        #expect(perform(try queue.offer(envelope("b"), now: start)).isEmpty)
        #expect(perform(try queue.offer(envelope("c"), now: start)).isEmpty)
        #expect(throws: BusError.overloaded(address)) { try queue.offer(envelope("d"), now: start) }
        #expect(queue.load == 3 && !queue.isFree)
        let second = try #require(perform(queue.finish(first.run, .success([]), now: start)).first)
        let third = try #require(perform(queue.finish(second.run, .success([]), now: start)).first)
        #expect([second.envelope.method, third.envelope.method] == ["b", "c"])
        perform(queue.finish(third.run, .success([]), now: start))
        #expect(queue.isIdle && queue.isFree)
    }

    @Test func `expired work makes room`() throws {
        var queue = queue()
        perform(try queue.offer(envelope(), now: start))
        let log = Log<BusWorkQueue.Answer>()
        perform(try queue.offer(envelope(seconds: 1), waiter: waiter(log), now: start))
        perform(try queue.offer(envelope(seconds: 9), now: start))
        perform(try queue.offer(envelope(), now: start + .seconds(2)))
        #expect(log.entries == [.failure(.deadlineExceeded)])
        #expect(queue.load == 3)
    }

    @Test func `a repeat joins what runs and what waits`() throws {
        var queue = queue()
        let log = Log<BusWorkQueue.Answer>()
        let first = try #require(perform(try queue.offer(envelope(key: "k"), waiter: waiter(log), now: start)).first)
        #expect(perform(try queue.offer(envelope(key: "k"), waiter: waiter(log), now: start)).isEmpty)
        perform(try queue.offer(envelope(key: "l"), waiter: waiter(log), now: start))
        perform(try queue.offer(envelope(key: "l", seconds: 60), waiter: waiter(log), now: start))
        #expect(queue.load == 2)
        let second = try #require(perform(queue.finish(first.run, .success([1]), now: start)).first)
        #expect(second.envelope.deadline == start + .seconds(60))
        perform(queue.finish(second.run, .success([2]), now: start))
        #expect(log.entries == [.success([1]), .success([1]), .success([2]), .success([2])])
        perform(try queue.offer(envelope(key: "k"), waiter: waiter(log), now: start))
        #expect(log.entries.last == .success([1]) && queue.isIdle)
    }

    @Test func `so many may wait for the same work and no more`() throws {
        var queue = queue()
        for _ in 0..<BusWorkQueue.maximumWaiters { perform(try queue.offer(envelope(key: "k"), waiter: { _ in }, now: start)) }
        #expect(throws: BusError.overloaded(address)) { try queue.offer(envelope(key: "k"), waiter: { _ in }, now: start) }
        #expect(queue.load == 1)
    }

    @Test func `a repeat prolongs the work`() throws {
        var queue = queue()
        let run = try #require(perform(try queue.offer(envelope(key: "k"), now: start)).first).run
        perform(try queue.offer(envelope(key: "k", seconds: 30), now: start))
        #expect(queue.expire(run, now: start + .seconds(10)) == .wait(until: start + .seconds(30)))
        #expect(queue.expire(run, now: start + .seconds(30)) == .cancel)
        perform(queue.finish(run, .success([]), now: start))
        #expect(queue.expire(run, now: start + .seconds(40)) == .over)
    }

    @Test func `a repeat that meets cancelled work gets a run of its own`() throws {
        var queue = queue()
        let (early, late) = (Log<BusWorkQueue.Answer>(), Log<BusWorkQueue.Answer>())
        let run = try #require(perform(try queue.offer(envelope(key: "k"), waiter: waiter(early), now: start)).first).run
        let now = start + .seconds(10)
        #expect(queue.expire(run, now: now) == .cancel)
        perform(try queue.offer(envelope(key: "k", seconds: 60), waiter: waiter(late), now: now))
        let again = try #require(perform(queue.finish(run, .failure(.remote(code: "cancelled", message: "")), now: now)).first)
        #expect(again.run != run && again.envelope.deadline == start + .seconds(60) && late.entries.isEmpty)
        perform(queue.finish(again.run, .success([7]), now: now))
        #expect(late.entries == [.success([7])])
    }

    @Test func `cancelled work failed by its deadline`() throws {
        var queue = queue()
        let log = Log<BusWorkQueue.Answer>()
        let run = try #require(perform(try queue.offer(envelope(key: "k"), waiter: waiter(log), now: start)).first).run
        #expect(queue.expire(run, now: start + .seconds(10)) == .cancel)
        perform(queue.finish(run, .failure(.remote(code: "cancelled", message: "")), now: start + .seconds(10)))
        #expect(log.entries == [.failure(.deadlineExceeded)])
    }

    @Test func `an aborted listener tells everyone and starts nothing`() throws {
        var queue = queue()
        let (log, stopped) = (Log<BusWorkQueue.Answer>(), Log<Int>())
        let run = try #require(perform(try queue.offer(envelope("a"), waiter: waiter(log), now: start)).first).run
        #expect(queue.attach(run) { stopped.append(1) })
        perform(try queue.offer(envelope("b"), waiter: waiter(log), now: start))
        perform(queue.abort())
        #expect(log.entries == [.failure(.closed), .failure(.closed)] && stopped.entries == [1])
        #expect(!queue.attach(run) {})
        #expect(throws: BusError.closed) { try queue.offer(envelope(), now: start) }
        #expect(perform(queue.finish(run, .success([]), now: start)).isEmpty)
        #expect(queue.isIdle)
    }

    @Test func `memory is bounded in time, number and bytes`() throws {
        let limits = AnswerMemory.Limits(count: 3, bytes: 10, lifetime: .seconds(60))
        var memory = AnswerMemory(limits: limits)
        func key(_ name: String) throws -> BusWorkKey { try #require(BusWorkKey(envelope(key: name))) }
        for name in ["a", "b", "c", "d"] { memory.remember([1], for: try key(name), now: start) }
        #expect(memory.count == 3)
        #expect(memory.answer(try key("a"), now: start) == nil)
        #expect(memory.answer(try key("b"), now: start) == [1])
        #expect(memory.answer(try key("b"), now: start + .seconds(60)) == nil)
        memory.remember([UInt8](repeating: 0, count: 9), for: try key("e"), now: start)
        #expect(memory.count == 2)
        #expect(memory.answer(try key("d"), now: start) != nil)
        memory.remember([UInt8](repeating: 0, count: 11), for: try key("f"), now: start)
        #expect(memory.answer(try key("f"), now: start) == nil)
        #expect(memory.count == 2)
        memory.remember([], for: try key("g"), now: start + .seconds(100))
        #expect(memory.count == 1)
    }
}
