import CloudBus
import CloudCore
import CloudTelemetry
import Testing

/// What every transport has to do. No test sleeps: each waits for what it needs to have happened.
@Suite(.timeLimit(.minutes(2))) struct BusRoutingConformanceTests {
    @Test(arguments: BusTransport.all) func `a call is answered`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            _ = try await bus.serve(.echo, at: address, concurrency: 4, queueLimit: 100)
            let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for number in 0..<50 {
                    group.addTask { (number, try await bus.call(Echo(text: "\(number)"), to: address, deadline: ample).text) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(answers == Dictionary(uniqueKeysWithValues: (0..<50).map { ($0, "\($0)") }))
        }
    }

    @Test(arguments: BusTransport.all) func `a host's address reaches that host alone`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let topic = freshTopic()
            for host in ["a", "b"] {
                let service = BusService(Echo.self) { request, _ in Echo.Reply(text: request.text + "@" + host) }
                _ = try await bus.serve(service, at: BusAddress(topic: topic, host: host), concurrency: 1, queueLimit: 10)
            }
            for host in ["a", "b", "b", "a"] {
                let answer = try await bus.call(Echo(text: "x"), to: BusAddress(topic: topic, host: host), deadline: ample)
                #expect(answer.text == "x@" + host)
            }
            let anyone = try await bus.call(Echo(text: "x"), to: BusAddress(topic: topic), deadline: ample)
            #expect(["x@a", "x@b"].contains(anyone.text))
        }
    }

    @Test(arguments: BusTransport.all) func `several listeners share a topic's work`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (arrivals, release) = (Log<String>(), Gate())
            for name in ["one", "two", "three"] {
                let service = BusService(Ring.self) { _, _ in
                    arrivals.append(name)
                    try await release.wait()
                    return BusNothing()
                }
                _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            }
            // Each listener is busy after its first message, so three at once need all three.
            for number in 0..<3 { try await bus.cast(Ring(number: number), to: address) }
            try await arrivals.reaches(3)
            #expect(Set(arrivals.entries) == ["one", "two", "three"])
            release.open()
        }
    }

    @Test(arguments: BusTransport.all) func `a cast does not wait for the work`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic(), host: "h")
            let (numbers, release) = (Log<Int>(), Gate())
            let service = BusService(Ring.self) { request, _ in
                try await release.wait()
                numbers.append(request.number)
                return BusNothing()
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            for number in 0..<5 { try await bus.cast(Ring(number: number), to: address) }
            #expect(numbers.entries.isEmpty)
            release.open()
            try await numbers.reaches(5)
            #expect(numbers.entries == [0, 1, 2, 3, 4])
        }
    }

    @Test(arguments: BusTransport.all) func `a fan-out reaches every listener of the topic`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let topic = freshTopic()
            let heard = Log<String>()
            for host in ["a", "b", nil] as [String?] {
                let service = BusService(Ring.self) { _, _ in
                    heard.append(host ?? "-")
                    return BusNothing()
                }
                _ = try await bus.serve(service, at: BusAddress(topic: topic, host: host), concurrency: 1, queueLimit: 10)
            }
            try await bus.fanOut(Ring(number: 1), topic: topic)
            try await heard.reaches(3)
            #expect(heard.entries.sorted() == ["-", "a", "b"])
        }
    }

    @Test(arguments: BusTransport.all) func `nobody there is unroutable, but no matter to a fan-out`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let topic = freshTopic()
            _ = try await bus.serve(.echo, at: BusAddress(topic: topic, host: "a"), concurrency: 1, queueLimit: 10)
            for address in [BusAddress(topic: topic, host: "b"), BusAddress(topic: freshTopic()), BusAddress(topic: freshTopic(), host: "a")] {
                #expect(await busError { try await bus.call(Echo(text: ""), to: address, deadline: ample) } == .unroutable(address))
                #expect(await busError { try await bus.cast(Echo(text: ""), to: address) } == .unroutable(address))
            }
            try await bus.fanOut(Ring(number: 1), topic: freshTopic())
        }
    }

    @Test(arguments: BusTransport.all) func `the request's id, key and deadline arrive with it`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let seen = Log<(BusContext, String?)>()
            let service = BusService(Ring.self) { _, context in
                seen.append((context, RequestContext.requestID))
                return BusNothing()
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            let before = Timestamp.now
            try await RequestContext.$requestID.withValue("req-1") {
                _ = try await bus.call(Ring(number: 1), to: address, deadline: ample, key: "k")
            }
            _ = try await bus.call(Ring(number: 1), to: address, deadline: ample)
            let (first, second) = (seen.entries[0], seen.entries[1])
            #expect(first.0.requestID == "req-1" && first.1 == "req-1" && first.0.key == "k")
            #expect(first.0.deadline >= before + ample && first.0.deadline <= .now + ample)
            #expect(second.0.requestID == nil && second.1 == nil && second.0.key == nil)
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct BusFailureConformanceTests {
    @Test(arguments: BusTransport.all) func `a failure reaches the caller with its code`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let service = BusService(Echo.self) { _, _ in throw BusFailure(code: "guest_not_found", message: "There is no guest.") }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            let error = await busError { try await bus.call(Echo(text: ""), to: address, deadline: ample) }
            #expect(error == .remote(code: "guest_not_found", message: "There is no guest."))
        }
    }

    @Test(arguments: BusTransport.all) func `an unexpected error is not shown to the caller`(transport: BusTransport) async throws {
        struct Surprise: Error { let password = "hunter2" }
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            _ = try await bus.serve(BusService(Echo.self) { _, _ in throw Surprise() }, at: address, concurrency: 1, queueLimit: 10)
            let error = await busError { try await bus.call(Echo(text: ""), to: address, deadline: ample) }
            guard case .remote("internal", let message) = error else { return fail("\(String(describing: error))") }
            #expect(!message.contains("hunter2") && !message.contains("Surprise"))
        }
    }

    @Test(arguments: BusTransport.all) func `a handler's own trouble with the bus is not the caller's`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            _ = try await bus.serve(BusService(Echo.self) { _, _ in throw BusError.closed }, at: address, concurrency: 1, queueLimit: 10)
            let error = await busError { try await bus.call(Echo(text: ""), to: address, deadline: ample) }
            guard case .remote("unreachable", _) = error else { return fail("\(String(describing: error))") }
        }
    }

    @Test(arguments: BusTransport.all) func `what cannot be read is malformed`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            _ = try await bus.serve(.echo, at: address, concurrency: 1, queueLimit: 10)
            let payloads: [(String, String, String)] = [
                (Echo.method, "", "the message is not readable"), (Echo.method, "{", "is not readable"),
                (Echo.method, "{}", "lacks text"), (Echo.method, "{\"text\": 5}", "text has the wrong type"),
                (Echo.method, "{\"text\": null}", "text is null"), ("test.unknown", "{}", "test.unknown is not known here"),
            ]
            for (method, payload, reason) in payloads {
                let envelope = BusEnvelope(method: method, payload: Array(payload.utf8), deadline: .now + ample)
                guard case .malformed(let message) = await busError({ try await bus.call(envelope, to: address) }) else {
                    Issue.record("\(payload) was understood")
                    continue
                }
                #expect(message.contains(reason), "\(message)")
            }
        }
    }

    @Test(arguments: BusTransport.all) func `an answer that cannot be read is malformed`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            _ = try await bus.listen(at: address, concurrency: 1, queueLimit: 1) { _ in Array("[]".utf8) }
            guard case .malformed(let message) = await busError({ try await bus.call(Echo(text: ""), to: address, deadline: ample) })
            else { return fail("the answer was understood") }
            #expect(message.contains("the answer to test.echo"))
        }
    }

    @Test(arguments: BusTransport.all) func `a payload too large is refused`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            _ = try await bus.listen(at: address, concurrency: 1, queueLimit: 1) { _ in [] }
            let payload = [UInt8](repeating: 0, count: BusEnvelope.maximumPayload + 1)
            let envelope = BusEnvelope(method: "m", payload: payload, deadline: .now + ample)
            for error in [
                await busError { try await bus.call(envelope, to: address) },
                await busError { try await bus.cast(envelope, to: address) },
                await busError { try await bus.fanOut(envelope, topic: address.topic) },
            ] {
                guard case .malformed = error else { return fail("\(String(describing: error))") }
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct BusTimeConformanceTests {
    @Test(arguments: BusTransport.all) func `a deadline ends the wait and the work`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let cancelled = Gate()
            let service = BusService(Echo.self) { _, _ in
                do {
                    try await Gate().wait()
                } catch {
                    cancelled.open()
                    throw error
                }
                return Echo.Reply(text: "")
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 0)
            let error = await busError { try await bus.call(Echo(text: ""), to: address, deadline: .milliseconds(50)) }
            #expect(error == .deadlineExceeded)
            try await cancelled.wait()
        }
    }

    @Test(arguments: BusTransport.all) func `a deadline in the past sends nothing`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let seen = Log<Int>()
            let service = BusService(Ring.self) { request, _ in
                seen.append(request.number)
                return BusNothing()
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            #expect(await busError { try await bus.call(Ring(number: 1), to: address, deadline: .seconds(-1)) } == .deadlineExceeded)
            _ = try await bus.call(Ring(number: 2), to: address, deadline: ample)
            #expect(seen.entries == [2])
        }
    }

    @Test(arguments: BusTransport.all) func `work that waited beyond its deadline is not begun`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (seen, release) = (Log<Int>(), Gate())
            let service = BusService(Ring.self) { request, _ in
                seen.append(request.number)
                try await release.wait()
                return BusNothing()
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 10)
            try await bus.cast(Ring(number: 1), to: address)
            try await seen.reaches(1)
            #expect(await busError { try await bus.call(Ring(number: 2), to: address, deadline: .milliseconds(20)) } == .deadlineExceeded)
            try await bus.cast(Ring(number: 3), to: address)
            release.open()
            try await seen.reaches(2)
            #expect(seen.entries == [1, 3])
        }
    }

    @Test(arguments: BusTransport.all) func `a caller that is cancelled stops waiting, the work goes on`(transport: BusTransport) async throws {
        try await transport.run { bus in
            let address = BusAddress(topic: freshTopic())
            let (started, release, finished) = (Gate(), Gate(), Gate())
            let service = BusService(Echo.self) { request, _ in
                started.open()
                try await release.wait()
                finished.open()
                return Echo.Reply(text: request.text)
            }
            _ = try await bus.serve(service, at: address, concurrency: 1, queueLimit: 0)
            let caller = Task { try await bus.call(Echo(text: ""), to: address, deadline: ample) }
            try await started.wait()
            caller.cancel()
            await #expect(throws: CancellationError.self) { try await caller.value }
            release.open()
            try await finished.wait()
        }
    }
}
