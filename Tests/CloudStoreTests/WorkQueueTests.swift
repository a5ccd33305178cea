import CloudCore
import Dispatch
import Testing

@testable import CloudStore

@Suite(.timeLimit(.minutes(1))) struct WorkQueueTests {
    private func queue(background: Int, urgent: Int, limit: Int = 100) throws -> WorkQueue<String> {
        let queue = WorkQueue<String>(limit: limit)
        try Background.$isCurrent.withValue(true) {
            for number in 0..<background { try queue.push("background \(number)") }
        }
        for number in 0..<urgent { try queue.push("request \(number)") }
        return queue
    }

    private func all(of queue: WorkQueue<String>) -> [String] {
        queue.close()
        let bell = DispatchSemaphore(value: 0)
        return Array(sequence(state: ()) { _ in queue.pop(sleepingOn: bell) })
    }

    @Test func requestsGoBeforeTheBackground() throws {
        let queue = try queue(background: 2, urgent: 3)
        #expect(queue.count == 5)
        #expect(all(of: queue) == ["request 0", "request 1", "request 2", "background 0", "background 1"])
    }

    @Test func theBackgroundGetsItsShareHoweverManyRequestsThereAre() throws {
        let order = all(of: try queue(background: 4, urgent: 30))
        #expect(order.indices.filter { order[$0].hasPrefix("background") } == [8, 17, 26, 33])
    }

    @Test func requestsThatFoundNoBackgroundOweItNothing() throws {
        let queue = WorkQueue<String>(limit: 100)
        for number in 0..<20 { try queue.push("request \(number)") }
        for _ in 0..<15 { _ = queue.popWaiting() }
        try Background.$isCurrent.withValue(true) { try queue.push("background 0") }
        #expect(queue.popWaiting() == "request 15")
    }

    @Test func whoWantsOnlyUrgentJobsLeavesTheBackground() throws {
        let queue = try queue(background: 2, urgent: 2)
        #expect(queue.popWaiting(onlyUrgent: true) == "request 0")
        #expect(queue.popWaiting(onlyUrgent: true) == "request 1")
        #expect(queue.popWaiting(onlyUrgent: true) == nil)
        #expect(queue.popWaiting() == "background 0")
    }

    @Test func theBoundCountsBoth() throws {
        let queue = try queue(background: 2, urgent: 1, limit: 3)
        #expect(throws: StoreError.overloaded) { try queue.push("one too many") }
    }
}
