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
        await running.value
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
            #expect(try await committed.value == [OVSDBResult(uuid: "u"), OVSDBResult()])
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
            await #expect(throws: OVSDBError.disconnected) { try await lost.value }
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
            await #expect(throws: OVSDBError.deadlineExceeded) {
                try await client.transact([.comment("x")], deadline: .now + .milliseconds(20))
            }
            // The late answer disturbs nobody.
            #expect(await connection.next() != nil)
            try await connection.send(#"{"id":3,"error":null,"result":[{}]}"#)
            let next = Task { try await client.transact([.comment("y")], deadline: .now + .seconds(20)) }
            #expect(await connection.next()?.hasPrefix(#"{"id":4,"#) == true)
            try await connection.send(#"{"id":4,"error":null,"result":[{}]}"#)
            #expect(try await next.value == [OVSDBResult()])
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
            await #expect(throws: OVSDBError.refused(error: "constraint violation", details: "twice")) { try await refused.value }
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
            _ = try await first.value
        }
    }

    @Test func waitingEndsWithTheChangeTheDeadlineOrTheTask() async throws {
        try await withClient { client, server in
            let connection = try #require(await server.next())
            _ = try await connection.becomeReady(schema: schema)
            let change = Task { try await client.wait(until: .now + .seconds(20)) { !$0["T"].isEmpty } }
            await #expect(throws: OVSDBError.deadlineExceeded) {
                try await client.wait(until: .now + .milliseconds(10)) { !$0["T"].isEmpty }
            }
            let cancelled = Task { try await client.wait(until: .now + .seconds(20)) { _ in false } }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            try await connection.send(#"{"id":null,"method":"update2","params":["replica",{"T":{"u":{"insert":{}}}}]}"#)
            try await change.value
            let closed = Task { try await client.wait(until: .now + .seconds(20)) { _ in false } }
            var changes = await client.changes().makeAsyncIterator()
            #expect(await changes.next() != nil)
            await client.close()
            await #expect(throws: OVSDBError.closed) { try await closed.value }
            #expect(await changes.next() == nil)
        }
    }
}
