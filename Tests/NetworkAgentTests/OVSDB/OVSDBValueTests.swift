import CloudCore
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct OVSDBValueTests {
    @Test(arguments: [
        (OVSDBValue.string("a"), #""a""#),
        (.integer(-3), "-3"),
        (.boolean(true), "true"),
        (.none, #"["set",[]]"#),
        (.strings(["b", "a"]), #"["set",["a","b"]]"#),
        (.uuid("u"), #"["uuid","u"]"#),
        (.set([.namedUUID("n"), .uuid("u")]), #"["set",[["uuid","u"],["named-uuid","n"]]]"#),
        (.strings([String: String]()), #"["map",[]]"#),
        (.strings(["k": "v", "a": "b"]), #"["map",[["a","b"],["k","v"]]]"#),
    ])
    func valuesAreWrittenAsTheRFCSays(value: OVSDBValue, text: String) throws {
        #expect(value.json.text == text)
        #expect(OVSDBValue(json: try JSON(parsing: text)) == value)
    }

    @Test func aSetOfOneIsItsAtom() throws {
        #expect(OVSDBValue(json: try JSON(parsing: #"["set",["a"]]"#)) == .string("a"))
    }

    @Test(arguments: [#"["uuid",1]"#, #"["set",[["x","y"]]]"#, #"["map",[["a"]]]"#, #"{"a":1}"#, "null", #"["set",3]"#])
    func nonsenseIsRefused(text: String) throws {
        #expect(OVSDBValue(json: try JSON(parsing: text)) == nil)
    }

    @Test(arguments: [
        (
            OVSDBOperation.insert(table: "T", row: ["b": .integer(1), "a": .string("x")], name: "row0"),
            #"{"op":"insert","table":"T","row":{"a":"x","b":1},"uuid-name":"row0"}"#
        ),
        (.insert(table: "T", row: [:], name: nil), #"{"op":"insert","table":"T","row":{}}"#),
        (
            .update(table: "T", where: [.uuid("u")], row: ["a": .none]),
            #"{"op":"update","table":"T","where":[["_uuid","==",["uuid","u"]]],"row":{"a":["set",[]]}}"#
        ),
        (
            .mutate(table: "T", where: [.equal("name", .string("n"))], mutations: [.insert("s", .uuid("u")), .delete("s", .uuid("w"))]),
            #"{"op":"mutate","table":"T","where":[["name","==","n"]],"mutations":[["s","insert",["uuid","u"]],["s","delete",["uuid","w"]]]}"#
        ),
        (.mutate(table: "T", where: [], mutations: [.increment("n")]), #"{"op":"mutate","table":"T","where":[],"mutations":[["n","+=",1]]}"#),
        (.delete(table: "T", where: []), #"{"op":"delete","table":"T","where":[]}"#),
        (
            .wait(table: "T", where: [], columns: ["a"], equal: true, rows: [["a": .integer(2)]]),
            #"{"op":"wait","timeout":0,"table":"T","where":[],"columns":["a"],"until":"==","rows":[{"a":2}]}"#
        ),
        (.comment("why"), #"{"op":"comment","comment":"why"}"#),
    ])
    func operationsAreWrittenAsTheRFCSays(operation: OVSDBOperation, text: String) {
        #expect(operation.json.text == text)
    }

    @Test func aTransactionFailsByItsFirstError() throws {
        let good = try JSON(parsing: #"[{"uuid":["uuid","u"]},{"count":2},{}]"#)
        #expect(try OVSDBError.results(of: good) == [OVSDBResult(uuid: "u"), OVSDBResult(count: 2), OVSDBResult()])
        let bad = try JSON(parsing: #"[{"count":1},null,{"error":"constraint violation","details":"twice"}]"#)
        #expect(throws: OVSDBError.refused(error: "constraint violation", details: "twice")) {
            try OVSDBError.results(of: bad)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct JSONStreamSplitterTests {
    @Test func messagesAreCutWhereverTheBytesBreak() throws {
        let text = #"{"a":"}{\"","b":[{}]} {"c":"\\"}"# + "\n" + #"{}"#
        for size in 1...text.utf8.count {
            var splitter = JSONStreamSplitter(limit: 100)
            var found: [String] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                found += try splitter.feed(rest.prefix(size)).map { String(decoding: $0, as: UTF8.self) }
                rest = rest.dropFirst(size)
            }
            #expect(found == [#"{"a":"}{\"","b":[{}]}"#, #"{"c":"\\"}"#, "{}"])
        }
    }

    @Test func textBetweenMessagesAndEndlessMessagesAreRefused() {
        var splitter = JSONStreamSplitter(limit: 8)
        #expect(throws: OVSDBError.self) { try splitter.feed(Array("x".utf8)) }
        var other = JSONStreamSplitter(limit: 8)
        #expect(throws: OVSDBError.self) { try other.feed(Array(#"{"a":"bcdefghijk"#.utf8)) }
    }
}
