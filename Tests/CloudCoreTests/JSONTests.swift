import CloudCore
import Testing

@Suite struct JSONParserTests {
    static let valid: [(String, JSON)] = [
        ("null", .null), ("true", true), ("false", false), (" \t\r\n1 \n", 1),
        ("0", 0), ("-0", 0), ("-12", -12), ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
        ("9223372036854775808", .double(9223372036854775808)), ("1.5", 1.5), ("-1.5e3", -1500.0), ("1E2", 100.0), ("1e-2", 0.01),
        ("\"\"", ""), ("\"a\"", "a"), ("\"ä€😀\"", "ä€😀"),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e4\u20AC""#, "Aä€"), (#""x\ud83d\ude00y""#, "x😀y"),
        (#""\u0000""#, "\0"),
        (#""\ud83d""#, "\u{FFFD}"), (#""\ude00x""#, "\u{FFFD}x"), (#""\ud83dA""#, "\u{FFFD}A"),
        (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        ("[]", []), ("[ ]", []), ("[1,2 , 3]", [1, 2, 3]), ("[[],[[]]]", [[], [[]]]),
        ("{}", [:]), ("{ }", [:]), (#"{"a":1,"b":{"c":[null]}}"#, ["a": 1, "b": ["c": [nil]]]), (#"{"":1}"#, ["": 1]),
        (#"{"a":1,"b":2,"a":3}"#, ["a": 3, "b": 2]),
    ]

    @Test(arguments: valid) func `valid text is read`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: value.text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "tru", "1 2", "01", "-", "-01", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "1e400",
        "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\\u12\"", "\"\n\"", "\"\u{1}\"", "'a'",
        "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "[1}", "[01]",
        "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1]",
        "// c\n1", "\u{FEFF}1",
    ])
    func `invalid text is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test(arguments: [[0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0xFF]] as [[UInt8]])
    func `invalid UTF-8 is refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON(parsing: bytes) }
    }

    @Test func `an error says where`() {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: "{\"a\": [1, x]}") }
        #expect(error?.offset == 10 && error?.description == "Invalid JSON at byte 10: a value expected")
    }

    @Test func `nesting has a limit`() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(throws: Never.self) { try JSON(parsing: nested(JSON.maximumDepth)) }
        #expect(throws: JSONError.self) { try JSON(parsing: nested(JSON.maximumDepth + 1)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test func `a slice is parsed by its own bytes`() throws {
        let bytes = Array("xx[1]xx".utf8)
        #expect(try JSON(parsing: bytes[2..<5]) == [1])
    }
}

@Suite struct JSONObjectTests {
    @Test func `members keep their order and their last value`() throws {
        var object: JSONObject = ["b": 1, "a": 2]
        object["c"] = 3
        object["b"] = 4
        #expect(object.names == ["b", "a", "c"] && object["b"] == 4 && object["d"] == nil)
        object["b"] = nil
        #expect(object.names == ["a", "c"] && object.count == 2)
        #expect(try JSON(parsing: #"{"b":1,"a":2,"b":3}"#).text == #"{"b":3,"a":2}"#)
    }

    @Test func `a large object finds, replaces and removes its members`() {
        var object = JSONObject()
        for number in 0..<100 { object["name\(number)"] = .int(number) }
        for number in stride(from: 0, to: 100, by: 2) { object["name\(number)"] = nil }
        object["name1"] = "replaced"
        object["name0"] = "again"
        #expect(object.count == 51 && object["name1"] == "replaced" && object["name2"] == nil && object["name0"] == "again")
        for number in stride(from: 3, to: 100, by: 2) { #expect(object["name\(number)"] == .int(number)) }
        for name in object.names.dropFirst(3) { object[name] = nil }
        #expect(object.names == ["name1", "name3", "name5"] && object["name5"] == 5)
    }

    @Test func `order does not matter to equality`() {
        let (left, right): (JSON, JSON) = (["a": 1, "b": [2]], ["b": [2], "a": 1])
        #expect(left == right && left.hashValue == right.hashValue)
        #expect(left != ["a": 1] && left != ["a": 1, "b": [3]] && left != ["a": 1, "c": [2]])
        #expect(JSON.int(1) != "1" && JSON.null != false)
    }

    @Test func `values are reached by name, position and kind`() {
        let value: JSON = ["text": "x", "number": 1, "half": 0.5, "yes": true, "list": ["a", 2], "none": nil]
        #expect(value["text"]?.string == "x" && value["number"]?.int == 1 && value["number"]?.double == 1)
        #expect(value["half"]?.double == 0.5 && value["half"]?.int == nil && value["yes"]?.bool == true)
        #expect(value["list"]?[1] == 2 && value["list"]?[2] == nil && value["list"]?[-1] == nil)
        #expect(value["none"]?.isNull == true && value["absent"] == nil && value["text"]?["x"] == nil && value["text"]?[0] == nil)
        #expect(value["list"]?.array?.count == 2 && value.object?.count == 6)
        #expect(value.stringDictionary == ["text": "x"])
        #expect(JSON(["b": "2", "a": "1"]).text == #"{"a":"1","b":"2"}"#)
    }
}

@Suite struct JSONWriterTests {
    private struct Server: JSONWritable {
        let id: String
        let host: String?
        let tags: [String]

        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("id", id)
                $0.member("host", host)
                $0.member("tags", array: tags)
                $0.member("flavor") { $0.object { $0.member("vcpus", 2) } }
                $0.member("links") { $0.array { $0.write(1); $0.string("two"); $0.object { _ in } } }
            }
        }
    }

    @Test func `a view writes itself`() {
        var writer = JSONWriter()
        writer.object { json in
            json.member("servers", array: [Server(id: "a", host: nil, tags: []), Server(id: "b", host: "h", tags: ["x", "y"])])
            json.member("empty") { $0.array { _ in } }
        }
        let server = #""flavor":{"vcpus":2},"links":[1,"two",{}]}"#
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"servers":[{"id":"a","host":null,"tags":[],"# + server + #",{"id":"b","host":"h","tags":["x","y"],"# + server
                + #"],"empty":[]}"#)
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("", #""""#), ("\"\\/", #""\"\\/""#), ("a\nb\rc\td", #""a\nb\rc\td""#),
        ("\0\u{1F}\u{8}", #""\u0000\u001f\u0008""#), ("ä€😀\u{7F}\u{2028}", "\"ä€😀\u{7F}\u{2028}\""), ("\"", #""\"""#),
    ])
    func `text is escaped as JSON asks and no further`(text: String, json: String) throws {
        #expect(JSON.string(text).text == json)
        #expect(try JSON(parsing: json) == .string(text))
    }

    @Test(arguments: ["\"", "\\", "\n", "\u{1F}"]) func `an escape is found wherever it stands`(special: String) throws {
        for length in 0..<20 {
            for position in 0...length {
                // Neighbours one above what is escaped, and beyond ASCII, must not mislead the search.
                let text = String(repeating: "!", count: position) + special + String(repeating: "ä#]", count: length - position)
                #expect(try JSON(parsing: JSON.string(text).text) == .string(text))
                #expect(JSON.string(text).text.utf8.count > text.utf8.count + 2)
            }
        }
    }

    @Test(arguments: [0, 7, 10, 1234567890, -1, Int.max, Int.min]) func `whole numbers are written digit by digit`(number: Int) {
        #expect(JSON.int(number).text == String(number))
    }

    @Test(arguments: [
        (0, "0.0"), (1, "1.0"), (-1.5, "-1.5"), (1e300, "1e+300"), (.leastNonzeroMagnitude, "5e-324"), (.infinity, "null"), (.nan, "null"),
        (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
    ] as [(Double, String)])
    func `numbers are written as JSON knows them`(number: Double, text: String) throws {
        #expect(JSON.double(number).text == text)
        if number.isFinite { #expect(try JSON(parsing: text).double == number) }
    }

    @Test func `dictionaries are written in the order of their names`() {
        var writer = JSONWriter()
        writer.write(["b": 1, "a": nil, "c": 3] as [String: Int?])
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":null,"b":1,"c":3}"#)
    }

    @Test func `a value prints as its text`() {
        #expect("\(["a": [1, nil, "x"]] as JSON)" == #"{"a":[1,null,"x"]}"#)
    }
}
