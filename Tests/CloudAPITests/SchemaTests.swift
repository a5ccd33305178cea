import CloudAPI
import CloudCore
import Testing

@Suite struct SchemaTests {
    private func admits(_ schema: Schema, _ value: JSON) -> Bool {
        do {
            try schema.validate(value)
            return true
        } catch {
            return false
        }
    }

    @Test func numbersAndBooleans() {
        #expect(admits(.integer(1...5), 5))
        #expect(!admits(.integer(1...5), 6))
        #expect(!admits(.integer(1...5), 0))
        #expect(!admits(.integer(), 1.5))
        #expect(!admits(.integer(), "1"))
        #expect(admits(.integer(1...5, lenient: true), "3"))
        #expect(!admits(.integer(1...5, lenient: true), "6"))
        #expect(!admits(.integer(lenient: true), "0x3"))
        #expect(admits(.number(0...1), 0.5))
        #expect(admits(.number(), 1))
        #expect(!admits(.number(0...1), 1.5))
        #expect(admits(.boolean(), true))
        #expect(!admits(.boolean(), "true"))
        #expect(!admits(.boolean(), 1))
        for text: JSON in ["1", "t", "TRUE", "on", "y", "yes", "0", "F", "false", "off", "n", "no", 0, 1] {
            #expect(admits(.boolean(lenient: true), text), "\(text)")
        }
        #expect(!admits(.boolean(lenient: true), "maybe"))
        #expect(!admits(.boolean(lenient: true), 2))
    }

    @Test func strings() {
        #expect(admits(.string(length: 2...3), "äöü"))
        #expect(!admits(.string(length: 2...3), "ä"))
        #expect(!admits(.string(length: 2...3), "äöüß"))
        #expect(!admits(.string(), 3))
        #expect(admits(.string(pattern: "[a-z]+|[0-9]+"), "123"))
        #expect(!admits(.string(pattern: "[a-z]+|[0-9]+"), "abc1"))
        #expect(!admits(.string(pattern: "[a-z]+"), "abc\n"))
        #expect(admits(.string(pattern: "a|ab"), "ab"))
    }

    @Test(arguments: [
        (Schema.Format.uuid, "a1b2c3d4-0000-4000-8000-000000000001", "a1b2c3d4-0000"),
        (.uuid, "A1B2C3D4000040008000000000000001", "g1b2c3d4000040008000000000000001"),
        (.uri, "http://example.org/a?b=c", "not a uri"), (.email, "a@example.org", "a.example.org"),
        (.ipv4, "192.0.2.1", "192.0.2.256"), (.ipv4, "10.0.0.1", "::1"), (.ipv6, "2001:db8::1", "192.0.2.1"),
        (.ip, "2001:db8::1", "2001:db8:::1"), (.cidr, "192.0.2.0/24", "192.0.2.0/33"),
        (.cidr, "2001:db8::/64", "2001:db8::"), (.base64, "YWx0bw==", "a*b"),
        (.dateTime, "2026-01-31T12:00:00Z", "31.1.2026"), (.mac, "02:00:0a:0B:00:01", "02:00:00:00:00"),
    ])
    func formats(format: Schema.Format, good: String, bad: String) {
        #expect(admits(.string(format: format), .string(good)))
        #expect(!admits(.string(format: format), .string(bad)))
    }

    @Test func arrays() {
        let schema = Schema.array(.integer(0...9), count: 1...2, unique: true)
        #expect(admits(schema, [1, 2]))
        #expect(!admits(schema, []))
        #expect(!admits(schema, [1, 2, 3]))
        #expect(!admits(schema, [1, 1]))
        #expect(!admits(schema, [1, "2"]))
    }

    @Test func objects() {
        let schema = Schema.object([("name", .name), ("size", .nullable(.integer()))], required: ["name"])
        #expect(admits(schema, ["name": "x"]))
        #expect(admits(schema, ["name": "x", "size": nil]))
        #expect(!admits(schema, ["size": 3]))
        #expect(!admits(schema, ["name": "x", "more": 1]))
        #expect(!admits(schema, ["name": nil]))
        let open = Schema.object([("name", .name)], additional: .string())
        #expect(admits(open, ["more": "x"]))
        #expect(!admits(open, ["more": 1]))
        let map = Schema.map(names: "[a-z]{1,3}", values: .integer())
        #expect(admits(map, ["abc": 1]))
        #expect(!admits(map, ["abcd": 1]))
        #expect(!admits(map, ["abc": "1"]))
    }

    @Test func aViolationNamesItsPlace() {
        let schema = Schema.object([
            ("servers", .array(.object([("name", .string(length: 1...3)), ("net", .nullable(.object([("id", .uuid)])))])))
        ])
        func place(_ value: JSON) -> [String]? {
            do {
                try schema.validate(value)
                return nil
            } catch {
                return error.path
            }
        }
        #expect(place(["servers": [["name": "abc"]]]) == nil)
        #expect(place(["servers": [["name": "abc"], ["name": "abcd"]]]) == ["servers", "1", "name"])
        #expect(place(["servers": [["net": ["id": "x"]]]]) == ["servers", "0", "net", "id"])
        #expect(place(["servers": [["net": 3]]]) == ["servers", "0", "net"])
        #expect(place(["server": []]) == [])
    }

    @Test func alternatives() {
        let schema = Schema.anyOf([.integer(), .oneOf(["auto", "none"])])
        #expect(admits(schema, 3))
        #expect(admits(schema, "auto"))
        #expect(!admits(schema, "some"))
    }

    @Test func samplesMeetTheirSchema() throws {
        let schemas: [Schema] = [
            Fixture.creation, .string(length: 3...5), .string(pattern: "[0-9]+"), .string(format: .cidr),
            .array(.uuid, count: 2...4), .nullable(.name), .integer(5...9), .number(0...0.5), .map(names: "x", values: .any),
        ]
        for schema in schemas { try schema.validate(schema.sample) }
    }

    @Test func theRenderingIsJSONSchema() throws {
        let schema = Schema.object(
            [("name", .name), ("count", .integer(1...Int.max)), ("when", .nullable(.string(format: .dateTime)))],
            required: ["name"])
        var writer = JSONWriter()
        writer.write(schema)
        #expect(
            try JSON(parsing: writer.bytes) == [
                "type": "object",
                "properties": [
                    "name": ["type": "string", "minLength": 1, "maxLength": 255],
                    "count": ["type": "integer", "minimum": 1],
                    "when": ["anyOf": [["type": "string", "format": "date-time"], ["type": "null"]]],
                ],
                "required": ["name"], "additionalProperties": false,
            ])
    }
}
