import CloudBus
import CloudCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct BusLoadConformanceTests {
    /// A service whose handler reports each message and then waits for the gate.
    private func blocking(_ seen: Log<Int>, _ release: Gate) -> BusService {
        BusService(Ring.self) { request, _ in
            seen.append(request.number)
            try await release.wait()
            return BusNothing()
        }
    }

    @Test(arguments: BusTransport.all) func `a full queue refuses`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (seen, release) = (Log<Int>(), Gate())
            _ = try await bus.serve(blocking(seen, release), at: address, concurrency: 1, queueLimit: 2)
            try await bus.cast(Ring(number: 1), to: address)
            try await seen.reaches(1)
            try await bus.cast(Ring(number: 2), to: address)
            try await bus.cast(Ring(number: 3), to: address)
            #expect(await busError { try await bus.cast(Ring(number: 4), to: address) } == .overloaded(address))
            #expect(await busError { try await bus.call(Ring(number: 5), to: address, deadline: ample) } == .overloaded(address))
            release.open()
            try await seen.reaches(3)
            _ = try await bus.call(Ring(number: 6), to: address, deadline: ample)
            #expect(seen.entries == [1, 2, 3, 6])
        }
    }

    @Test(arguments: BusTransport.all) func `no more run at once than asked for`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let running = Mutex((now: 0, most: 0))
            let service = BusService(Ring.self) { _, _ in
                running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                await Task.yield()
                running.withLock { $0.now -= 1 }
                return BusNothing()
            }
            _ = try await bus.serve(service, at: address, concurrency: 3, queueLimit: 100)
            try await withThrowingTaskGroup { group in
                for number in 0..<60 {
                    group.addTask { _ = try await bus.call(Ring(number: number), to: address, deadline: ample) }
                }
                try await group.waitForAll()
            }
            #expect(running.withLock { $0.most } <= 3)
        }
    }

    @Test(arguments: BusTransport.all) func `a slow listener holds up nobody else`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let topic = freshTopic()
            let (slow, quick) = (BusAddress(topic: topic, host: "slow"), BusAddress(topic: topic, host: "quick"))
            let (stuck, heard, release, open) = (Log<Int>(), Log<Int>(), Gate(), Gate())
            open.open()
            _ = try await bus.serve(blocking(stuck, release), at: slow, concurrency: 1, queueLimit: 1)
            _ = try await bus.serve(blocking(heard, open), at: quick, concurrency: 1, queueLimit: 100)
            for number in 0..<50 { try await bus.fanOut(Ring(number: number), topic: topic) }
            try await heard.reaches(50)
            _ = try await bus.call(Ring(number: 50), to: quick, deadline: ample)
            #expect(heard.entries == Array(0...50))
            #expect(stuck.entries.count <= 1)
            release.open()
        }
    }

    @Test(arguments: BusTransport.all) func `a cancelled subscription takes nothing further`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (seen, release) = (Log<Int>(), Gate())
            let subscription = try await bus.serve(blocking(seen, release), at: address, concurrency: 1, queueLimit: 10)
            async let answer = bus.call(Ring(number: 1), to: address, deadline: ample)
            try await seen.reaches(1)
            await subscription.cancel()
            await subscription.cancel()
            #expect(await busError { try await bus.cast(Ring(number: 2), to: address) } == .unroutable(address))
            release.open()
            _ = try await answer
            #expect(seen.entries == [1])
        }
    }

    @Test(arguments: BusTransport.all) func `the topic goes on without a cancelled listener`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let first = try await bus.serve(.echo, at: address, concurrency: 1, queueLimit: 10)
            _ = try await bus.serve(.echo, at: address, concurrency: 1, queueLimit: 10)
            await first.cancel()
            for _ in 0..<5 { #expect(try await bus.call(Echo(text: "x"), to: address, deadline: ample).text == "x") }
        }
    }

    @Test(arguments: BusTransport.all) func `closing lets what was accepted finish`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (seen, release) = (Log<Int>(), Gate())
            _ = try await bus.serve(blocking(seen, release), at: address, concurrency: 1, queueLimit: 10)
            async let answer = bus.call(Ring(number: 1), to: address, deadline: ample)
            try await seen.reaches(1)
            try await bus.cast(Ring(number: 2), to: address)
            async let closed: Void = bus.close(deadline: ample)
            while await busError({ try await bus.cast(Ring(number: 9), to: address) }) != .closed { await Task.yield() }
            release.open()
            _ = try await answer
            await closed
            #expect(seen.entries.prefix(2) == [1, 2])
            #expect(await busError { try await bus.call(Ring(number: 3), to: address, deadline: ample) } == .closed)
            #expect(await busError { try await bus.fanOut(Ring(number: 3), topic: address.topic) } == .closed)
            #expect(await busError { try await bus.serve(.echo, at: address, concurrency: 1, queueLimit: 1) } == .closed)
        }
    }

    @Test(arguments: BusTransport.all) func `closing cancels what has not finished in time`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (started, cancelled) = (Gate(), Gate())
            let service = BusService(Echo.self) { _, _ in
                started.open()
                do {
                    try await Gate().wait()
                } catch {
                    cancelled.open()
                    throw error
                }
                return Echo.Reply(text: "")
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            let running = Task { await busError { try await bus.call(Echo(text: ""), to: address, deadline: ample) } }
            try await started.wait()
            await bus.close(deadline: .zero)
            #expect(await running.value == .closed)
            try await cancelled.wait()
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct BusKeyConformanceTests {
    @Test(arguments: BusTransport.all) func `a repeat during the work joins it`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic(), host: "h")
            let (runs, release) = (Log<Int>(), Gate())
            let service = BusService(Echo.self) { request, _ in
                runs.append(1)
                try await release.wait()
                return Echo.Reply(text: request.text)
            }
            _ = try await bus.serve(service, at: address, concurrency: 4, queueLimit: 10)
            async let first = bus.call(Echo(text: "x"), to: address, deadline: ample, key: "k")
            try await runs.reaches(1)
            async let second = bus.call(Echo(text: "x"), to: address, deadline: ample, key: "k")
            async let other = bus.call(Echo(text: "y"), to: address, deadline: ample, key: "other")
            try await runs.reaches(2)
            release.open()
            #expect(try await [first.text, second.text, other.text] == ["x", "x", "y"])
            #expect(runs.entries.count == 2)
        }
    }

    @Test(arguments: BusTransport.all) func `a repeat after the work gets its answer`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic(), host: "h")
            let runs = Log<Int>()
            var service = BusService()
            service.on(Echo.self) { request, _ in
                runs.append(1)
                return Echo.Reply(text: request.text + "\(runs.entries.count)")
            }
            service.on(Shout.self) { request, _ in Echo.Reply(text: request.text.uppercased()) }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            func echo(_ key: String?) async throws -> String {
                try await bus.call(Echo(text: "x"), to: address, deadline: ample, key: key).text
            }
            #expect(try await [echo("k"), echo("k"), echo("l"), echo("k")] == ["x1", "x1", "x2", "x1"])
            #expect(try await [echo(nil), echo(nil)] == ["x3", "x4"])
            let shout = try await bus.call(Shout(text: "x"), to: address, deadline: ample, key: "k")
            #expect(shout.text == "X")
        }
    }

    @Test(arguments: BusTransport.all) func `a failure is not remembered`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic(), host: "h")
            let runs = Log<Int>()
            let service = BusService(Echo.self) { request, _ in
                runs.append(1)
                guard runs.entries.count > 1 else { throw BusFailure(code: "busy", message: "Not yet.") }
                return Echo.Reply(text: request.text)
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            let error = await busError { try await bus.call(Echo(text: "x"), to: address, deadline: ample, key: "k") }
            #expect(error == .remote(code: "busy", message: "Not yet."))
            #expect(try await bus.call(Echo(text: "x"), to: address, deadline: ample, key: "k").text == "x")
        }
    }

    @Test(arguments: BusTransport.all) func `a lost answer is had by asking again`(transport: BusTransport) async throws {
        try await transport.run { inner in
            let bus = FaultyBus(inner, faults: [BusFault(.loseAnswer, .nth(1), of: Echo.method)])
            let address = BusAddress(topic: freshTopic(), host: "h")
            let runs = Log<Int>()
            let service = BusService(Echo.self) { request, _ in
                runs.append(1)
                return Echo.Reply(text: request.text)
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            let error = await busError { try await bus.call(Echo(text: "x"), to: address, deadline: .milliseconds(200), key: "k") }
            #expect(error == .deadlineExceeded)
            #expect(try await bus.call(Echo(text: "x"), to: address, deadline: ample, key: "k").text == "x")
            #expect(runs.entries.count == 1)
        }
    }
}
