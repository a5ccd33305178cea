import CloudBus
import CloudCore
import Testing

@Suite(.timeLimit(.minutes(2))) struct FaultyBusTests {
    private let address = BusAddress(topic: "t", host: "h")

    /// A bus with faults and a listener that logs what arrives.
    private func bus(_ faults: BusFault...) async throws -> (bus: FaultyBus, seen: Log<Int>) {
        let (bus, seen) = (FaultyBus(InProcessBus(), faults: faults), Log<Int>())
        var service = BusService()
        service.on(Ring.self) { request, _ in
            seen.append(request.number)
            return BusNothing()
        }
        service.on(Echo.self) { request, _ in Echo.Reply(text: request.text) }
        _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 100)
        return (bus, seen)
    }

    @Test func `the nth message is lost`() async throws {
        let fault = BusFault(.lose, .nth(2), of: Ring.method)
        let (bus, seen) = try await bus(fault)
        _ = try await bus.call(Echo(text: ""), to: address, deadline: ample)
        try await bus.cast(Ring(number: 1), to: address)
        try await bus.cast(Ring(number: 2), to: address)
        try await bus.cast(Ring(number: 3), to: address)
        try await seen.reaches(2)
        #expect(seen.entries == [1, 3] && bus.strikes == [fault: 1])
    }

    @Test func `a lost call ends at its deadline`() async throws {
        let (bus, seen) = try await bus(BusFault(.lose, .nth(1)))
        #expect(await busError { try await bus.call(Ring(number: 1), to: address, deadline: .milliseconds(20)) } == .deadlineExceeded)
        _ = try await bus.call(Ring(number: 2), to: address, deadline: ample)
        #expect(seen.entries == [2])
    }

    @Test func `a message is repeated`() async throws {
        let (bus, seen) = try await bus(BusFault(.duplicate, .every(2)))
        for number in 1...4 { try await bus.cast(Ring(number: number), to: address) }
        try await seen.reaches(6)
        #expect(seen.entries == [1, 2, 2, 3, 4, 4])
        try await bus.fanOut(Ring(number: 5), topic: address.topic)
        try await bus.fanOut(Ring(number: 6), topic: address.topic)
        try await seen.reaches(9)
        _ = try await bus.call(Ring(number: 7), to: address, deadline: ample)
        _ = try await bus.call(Ring(number: 8), to: address, deadline: ample)
        try await seen.reaches(12)
        #expect(seen.entries.suffix(6).sorted() == [5, 6, 6, 7, 8, 8])
    }

    @Test func `a repeat under a key is recognised`() async throws {
        let (bus, seen) = try await bus(BusFault(.duplicate, .nth(1)))
        _ = try await bus.call(Ring(number: 1), to: address, deadline: ample, key: "k")
        await bus.close(deadline: ample)
        #expect(seen.entries == [1])
    }

    @Test func `a message is delayed by method`() async throws {
        let (bus, seen) = try await bus(BusFault(.delay(.milliseconds(30)), .every(1), of: Ring.method))
        let before = ContinuousClock.now
        _ = try await bus.call(Ring(number: 1), to: address, deadline: ample)
        #expect(ContinuousClock.now - before >= .milliseconds(30) && seen.entries == [1])
        #expect(await busError { try await bus.call(Ring(number: 2), to: address, deadline: .milliseconds(5)) } == .deadlineExceeded)
    }

    @Test func `faults can be injected and healed`() async throws {
        let (bus, seen) = try await bus()
        bus.inject(BusFault(.lose, .every(1)))
        try await bus.cast(Ring(number: 1), to: address)
        bus.heal()
        _ = try await bus.call(Ring(number: 2), to: address, deadline: ample)
        #expect(seen.entries == [2])
    }
}
