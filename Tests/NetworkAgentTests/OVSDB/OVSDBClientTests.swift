import CloudCore
import Logging
import Testing

@testable import NetworkAgent

/// The client against a server that says only what the test tells it to.
@Suite(.timeLimit(.minutes(1))) struct OVSDBClientTests {
    private let schema = OVSDBSessionTests.schema.filter { $0 != "\n" }

    private func withClient(
        pendingLimit: Int = 16, _ body: (OVSDBClient, FakeOVSDBServer) async throws -> Void
    ) async throws {
        let server = try await FakeOVSDBServer()
        var options = OVSDBClient.Options()
        (options.pendingLimit, options.firstBackoff, options.lastBackoff) = (pendingLimit, .milliseconds(1), .milliseconds(2))
        let client = OVSDBClient(
            path: server.path, monitor: OVSDBSessionTests.wide, options: options, logger: Logger(label: "test"))
        let running = Task { await client.run() }
        let result: Result<Void, any Error>
        do {
            try await body(client, server)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await client.close()
        await running.joined
        try await server.stop()
        try result.get()
    }

    private var soon: ContinuousClock.Instant { .now + .seconds(20) }

    @Test func aTransactionGoesOutAsTheRFCSays() async throws {
        try await withClient { client, server in
            let committed = Task {
                try await client.transact(
                    [.insert(table: "T", row: ["name": .string("a")], name: "row0"), .comment("why")], deadline: .now + .seconds(20))
            }
            let connection = try #require(await server.next())
            let greeting = try await connection.becomeReady(schema: schema)
            #expect(greeting[0] == #"{"id":1,"method":"get_schema","params":["DB"]}"#)
            #expect(greeting[1] == #"{"id":2,"method":"monitor_cond","params":["DB","replica",{"T":[{"columns":["name","number","tag","flag","refs","external_ids"]}]}]}"#)
            #expect(await connection.next() == #"{"id":3,"method":"transact","params":["DB",{"op":"insert","table":"T","row":{"name":"a"},"uuid-name":"row0"},{"op":"comment","comment":"why"}]}"#)
            try await connection.send(#"{"id":null,"method":"update2","params":["replica",{"T":{"u":{"insert":{"name":"a"}}}}]}"#)
            try await connection.send(#"{"id":3,"error":null,"result":[{"uuid":["uuid","u"]},{}]}"#)
            #expect(try await committed.joined == [OVSDBResult(uuid: "u"), OVSDBResult()])
            #expect(try await client.read(deadline: soon) { $0["T"]["u"]?["name"] } == .string("a"))
        }
    }

    @Test func echoesAreAnswered() async throws {
        try await withClient { _, server in
            let connection = try #require(await server.next())
            _ = try await connection.becomeReady(schema: schema)
            try await connection.send(#"{"id":"echo","method":"echo","params":["x"]}"#)
            #expect(await connection.next() == #"{"id":"echo","result":["x"],"error":null}"#)
        }
    }

    @Test func aLostConnectionFailsCallsAndIsBuiltAnew() async throws {
        try await withClient { client, server in
            let first = try #require(await server.next())
            _ = try await first.becomeReady(schema: schema, rows: #"{"T":{"old":{"initial":{}}}}"#)
            let lost = Task { try await client.transact([.comment("x")], deadline: .now + .seconds(20)) }
            #expect(await first.next() != nil)
            try await first.close()
            await #expect(throws: OVSDBError.disconnected) { try await lost.joined }
            let second = try #require(await server.next())
            _ = try await second.becomeReady(schema: schema, rows: #"{"T":{"new":{"initial":{}}}}"#)
            try await client.wait(until: soon) { $0["T"].keys.contains("new") }
            #expect(try await client.read(deadline: soon) { Array($0["T"].keys) } == ["new"])
        }
    }

    @Test func aSilentServerCostsNoMoreThanTheDeadline() async throws {
        try await withClient { client, server in
            let connection = try #require(await server.next())
            _ = try await connection.becomeReady(schema: schema)
            try await client.wait(until: soon) { _ in true }
            await #expect(throws: OVSDBError.deadlineExceeded) {
                try await client.transact([.comment("x")], deadline: .now + .milliseconds(20))
            }
            // The late answer disturbs nobody.
            #expect(await connection.next() != nil)
            try await connection.send(#"{"id":3,"error":null,"result":[{}]}"#)
            let next = Task { try await client.transact([.comment("y")], deadline: .now + .seconds(20)) }
            #expect(await connection.next()?.hasPrefix(#"{"id":4,"#) == true)
            try await connection.send(#"{"id":4,"error":null,"result":[{}]}"#)
            #expect(try await next.joined == [OVSDBResult()])
        }
    }

    @Test func anAbsentServerIsToldFromASlowOne() async throws {
        let client = OVSDBClient(path: "/tmp/alto-nobody.sock", monitor: OVSDBSessionTests.wide, logger: Logger(label: "test"))
        await #expect(throws: OVSDBError.disconnected) {
            try await client.transact([.comment("x")], deadline: .now + .milliseconds(20))
        }
    }

    @Test func refusalsAndNonsenseAreTold() async throws {
        try await withClient { client, server in
            let connection = try #require(await server.next())
            _ = try await connection.becomeReady(schema: schema)
            let refused = Task { try await client.transact([.comment("x")], deadline: .now + .seconds(20)) }
            _ = await connection.next()
            try await connection.send(#"{"id":3,"error":null,"result":[{"error":"constraint violation","details":"twice"}]}"#)
            await #expect(throws: OVSDBError.refused(error: "constraint violation", details: "twice")) { try await refused.joined }
            try await connection.send("nonsense")
            #expect(await connection.next() == nil, "the connection is given up")
            #expect(await server.next() != nil, "and made anew")
        }
    }

    @Test func noMoreThanTheLimitWaits() async throws {
        try await withClient(pendingLimit: 1) { client, server in
            let connection = try #require(await server.next())
            _ = try await connection.becomeReady(schema: schema)
            try await client.wait(until: soon) { _ in true }
            let first = Task { try await client.transact([.comment("x")], deadline: .now + .seconds(20)) }
            #expect(await connection.next() != nil)
            await #expect(throws: OVSDBError.overloaded) {
                try await client.transact([.comment("y")], deadline: .now + .seconds(20))
            }
            try await connection.send(#"{"id":3,"error":null,"result":[{}]}"#)
            _ = try await first.joined
        }
    }

    @Test func waitingEndsWithTheChangeTheDeadlineOrTheTask() async throws {
        try await withClient { client, server in
            let connection = try #require(await server.next())
            _ = try await connection.becomeReady(schema: schema)
            try await client.wait(until: soon) { _ in true }
            let change = Task { try await client.wait(until: .now + .seconds(20)) { !$0["T"].isEmpty } }
            await #expect(throws: OVSDBError.deadlineExceeded) {
                try await client.wait(until: .now + .milliseconds(10)) { !$0["T"].isEmpty }
            }
            let cancelled = Task { try await client.wait(until: .now + .seconds(20)) { _ in false } }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.joined }
            try await connection.send(#"{"id":null,"method":"update2","params":["replica",{"T":{"u":{"insert":{}}}}]}"#)
            try await change.joined
            let closed = Task { try await client.wait(until: .now + .seconds(20)) { _ in false } }
            var changes = await client.changes().makeAsyncIterator()
            #expect(await changes.next() != nil)
            await client.close()
            await #expect(throws: OVSDBError.closed) { try await closed.joined }
            #expect(await changes.next() == nil)
        }
    }

    /// Wherever it stands: before the connection, in the middle of it, and after.
    @Test func itEndsAtAnyMoment() async throws {
        let server = try await FakeOVSDBServer()
        for moment in 0..<40 {
            let client = OVSDBClient(path: server.path, monitor: OVSDBSessionTests.wide, logger: Logger(label: "test"))
            let running = Task { await client.run() }
            for _ in 0..<moment * 5 { await Task.yield() }
            if moment.isMultiple(of: 2) { running.cancel() } else { await client.close() }
            await running.joined
            await #expect(throws: OVSDBError.closed) { try await client.wait(until: soon) { _ in true } }
            var changes = await client.changes().makeAsyncIterator()
            #expect(await changes.next() == nil, "nobody waits for changes that cannot come")
        }
        try await server.stop()
    }
}

/// The daemons' command sockets.
@Suite(.timeLimit(.minutes(1))) struct UnixControlTests {
    private func call(limit: Duration = .seconds(20), answering body: @escaping @Sendable (FakeOVSDBServer.Connection) async throws -> Void)
        async throws -> String
    {
        let server = try await FakeOVSDBServer()
        let answering = Task {
            guard let connection = await server.next() else { return }
            try await body(connection)
        }
        defer { answering.cancel() }
        let result: Result<String, any Error>
        do {
            result = .success(try await UnixControl.call(server.path, "exit", ["--cleanup"], limit: limit))
        } catch {
            result = .failure(error)
        }
        try await server.stop()
        return try result.get()
    }

    @Test func anAnswerComesBack() async throws {
        let answer = try await call { connection in
            let expected = #"{"id":0,"method":"exit","params":["--cleanup"]}"#
            guard await connection.next() == expected else { return try await connection.close() }
            try await connection.send(#"{"id":0,"error":null,"re"#)
            try await connection.send(#"sult":"done"}"#)
        }
        #expect(answer == "done")
    }

    @Test func refusalsAndLostConnectionsAreTold() async throws {
        await #expect(throws: OVSDBError.refused(error: "exit", details: "no such command")) {
            try await call { try await $0.send(#"{"id":0,"error":"no such command","result":null}"#) }
        }
        await #expect(throws: OVSDBError.disconnected) {
            try await call { connection in
                // To close with the request unread would be a reset.
                _ = await connection.next()
                try await connection.close()
            }
        }
    }

    @Test func aSilentDaemonCostsNoMoreThanTheLimit() async throws {
        await #expect(throws: OVSDBError.deadlineExceeded) { try await call(limit: .milliseconds(20)) { _ in } }
    }

    @Test func cancellingEndsTheCall() async throws {
        let server = try await FakeOVSDBServer()
        for moment in 0..<40 {
            let calling = Task { try await UnixControl.call(server.path, "exit", limit: .seconds(50)) }
            for _ in 0..<moment * 5 { await Task.yield() }
            calling.cancel()
            await #expect(throws: (any Error).self) { try await calling.joined }
        }
        try await server.stop()
    }
}
