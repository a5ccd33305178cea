import CloudCore
import Testing

@testable import NetworkAgent

/// The conversation with a server, message by message.
@Suite(.timeLimit(.minutes(1))) struct OVSDBSessionTests {
    static let schema = #"""
        {"name":"DB","version":"1.0.0","tables":{"T":{"columns":{
          "name":{"type":"string"},
          "number":{"type":"integer"},
          "tag":{"type":{"key":"string","min":0,"max":1}},
          "flag":{"type":{"key":"boolean"}},
          "refs":{"type":{"key":{"type":"uuid","refTable":"T"},"min":0,"max":"unlimited"}},
          "external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}}}}
        """#
    static let monitor = OVSDBMonitor(
        database: "DB",
        tables: ["T": .init(columns: ["name", "refs"], conditions: [.equal("name", .string("n"))])])
    static let wide = OVSDBMonitor(
        database: "DB", tables: ["T": .init(columns: ["name", "number", "tag", "flag", "refs", "external_ids"])],
        indexKey: "owner")

    private func ready(_ monitor: OVSDBMonitor, rows: String = "{}") throws -> OVSDBSession {
        var session = OVSDBSession(monitor: monitor)
        _ = session.start()
        _ = try session.receive(JSON(parsing: #"{"id":1,"error":null,"result":\#(Self.schema)}"#))
        #expect(try session.receive(JSON(parsing: #"{"id":2,"error":null,"result":\#(rows)}"#)) == [.ready])
        return session
    }

    private func update(_ session: inout OVSDBSession, _ changes: String) throws {
        let message = #"{"id":null,"method":"update2","params":["replica",{"T":\#(changes)}]}"#
        #expect(try session.receive(JSON(parsing: message)) == [.changed])
    }

    @Test func schemaThenMonitorThenReady() throws {
        var session = OVSDBSession(monitor: Self.monitor)
        #expect(session.start() == [.send(["id": 1, "method": "get_schema", "params": ["DB"]])])
        #expect(!session.isReady)
        let actions = try session.receive(JSON(parsing: #"{"id":1,"error":null,"result":\#(Self.schema)}"#))
        guard case .send(let message)? = actions.first else { throw OVSDBError.malformed("no message") }
        let expected = #"{"id":2,"method":"monitor_cond","params":["DB","replica",{"T":[{"columns":["name","refs"],"where":[["name","==","n"]]}]}]}"#
        #expect(message.text == expected)
        let initial = #"{"id":2,"error":null,"result":{"T":{"u1":{"initial":{"name":"n"}}}}}"#
        #expect(try session.receive(JSON(parsing: initial)) == [.ready])
        #expect(session.isReady)
        #expect(session.replica?["T"] == ["u1": ["name": .string("n"), "refs": .none]])
    }

    @Test func aMissingColumnEndsTheSession() throws {
        var session = OVSDBSession(monitor: OVSDBMonitor(database: "DB", tables: ["T": .init(columns: ["nope"])]))
        _ = session.start()
        _ = try session.receive(JSON(parsing: #"{"id":1,"error":null,"result":\#(Self.schema)}"#))
        #expect(throws: OVSDBError.unknownColumn(table: "T", column: "nope")) {
            try session.receive(["id": 2, "error": .null, "result": [:]])
        }
    }

    @Test func echoesAreAnswered() throws {
        var session = OVSDBSession(monitor: Self.monitor)
        let actions = try session.receive(["id": "echo", "method": "echo", "params": ["x"]])
        #expect(actions == [.send(["id": "echo", "result": ["x"], "error": .null])])
    }

    @Test func answersFindTheirCalls() throws {
        var session = try ready(Self.monitor)
        let (id, message) = session.request("transact", ["DB"])
        #expect(message == ["id": .int(id), "method": "transact", "params": ["DB"]])
        let actions = try session.receive(["id": .int(id), "error": .null, "result": [[:]]])
        #expect(actions == [.answer(id, .success([[:]]))])
        let refused = try session.receive(["id": 9, "error": ["error": "unknown database", "details": "DB"], "result": .null])
        #expect(refused == [.answer(9, .failure(.refused(error: "unknown database", details: "DB")))])
    }

    @Test func newRowsHaveTheSchemasDefaults() throws {
        var session = try ready(Self.wide)
        try update(&session, #"{"u":{"insert":{"name":"a"}}}"#)
        #expect(session.replica?["T"]["u"] == [
            "name": .string("a"), "number": .integer(0), "tag": .none, "flag": .boolean(false), "refs": .none,
            "external_ids": .map([:]),
        ])
    }

    @Test func changesToggleSetsMergeMapsAndReplaceSingles() throws {
        let rows = #"""
            {"T":{"u":{"initial":{"name":"a","tag":"t","refs":["set",[["uuid","1"],["uuid","2"]]],
              "external_ids":["map",[["keep","1"],["change","1"],["drop","1"]]]}}}}
            """#
        var session = try ready(Self.wide, rows: rows)
        try update(&session, #"""
            {"u":{"modify":{"name":"b","tag":["set",[]],"refs":["set",[["uuid","2"],["uuid","3"]]],
              "external_ids":["map",[["change","2"],["drop","1"],["new","1"]]]}}}
            """#)
        let row = session.replica?["T"]["u"]
        #expect(row?["name"] == .string("b"))
        #expect(row?["tag"] == OVSDBValue.none)
        #expect(row?["refs"]?.uuids == ["1", "3"])
        #expect(row?["external_ids"]?.stringMap == ["keep": "1", "change": "2", "new": "1"])
    }

    @Test func theIndexFollowsItsRows() throws {
        var session = try ready(Self.wide)
        try update(&session, #"{"u":{"insert":{"external_ids":["map",[["owner","x"]]]}},"w":{"insert":{}}}"#)
        let u = OVSDBRowAddress(table: "T", uuid: "u")
        #expect(session.replica?.rows(indexed: "x") == [u])
        try update(&session, #"{"u":{"modify":{"external_ids":["map",[["owner","y"]]]}}}"#)
        #expect(session.replica?.rows(indexed: "x") == [])
        #expect(session.replica?.rows(indexed: "y") == [u])
        try update(&session, #"{"u":{"delete":null}}"#)
        #expect(session.replica?.indexedValues.isEmpty == true)
        #expect(session.replica?["T"].count == 1)
    }

    @Test(arguments: [
        #"{"id":null,"method":"update2","params":["replica",{"Other":{"u":{"delete":null}}}]}"#,
        #"{"id":null,"method":"update2","params":["replica",{"T":{"u":{"modify":{}}}}]}"#,
        #"{"id":null,"method":"update2","params":["replica",{"T":{"u":{"insert":{"name":["what"]}}}}]}"#,
        #"{"id":null,"method":"monitor_canceled","params":["replica"]}"#,
        #"{"result":1}"#,
    ])
    func whatMakesNoSenseEndsTheSession(message: String) throws {
        var session = try ready(Self.wide)
        #expect(throws: OVSDBError.self) { try session.receive(JSON(parsing: message)) }
    }
}
