import CloudCore
import Foundation
import Testing

@testable import CloudStore

extension StoreTests {
    /// What goes in comes out, from both databases alike.
    @Suite struct ValueTests {
        static let table: SQL = """
            CREATE TABLE items (id TEXT PRIMARY KEY, number BIGINT, fraction DOUBLE PRECISION, label TEXT, content BLOB)
            """

        @Test(arguments: Driver.allCases) func roundTrip(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                let rows: [(Int?, Double?, String?, [UInt8]?)] = [
                    (nil, nil, nil, nil),
                    (0, 0, "", []),
                    (.max, .greatestFiniteMagnitude, "Grüße, 世界 👩‍👩‍👧 \u{1} ' \" \\ ?", [0, 255, 0, 92, 39]),
                    (.min, -0.1, String(repeating: "x", count: 100_000), [UInt8](repeating: 7, count: 100_000)),
                    (-1, Double.leastNonzeroMagnitude, "\n", Array(0...255)),
                ]
                for (position, row) in rows.enumerated() {
                    let id = "\(position)"
                    try await database.write {
                        try $0.execute("INSERT INTO items VALUES (\(id), \(row.0), \(row.1), \(row.2), \(row.3))")
                    }
                    let found = try await database.read {
                        try $0.first("SELECT number, fraction, label, content FROM items WHERE id = \(id)") {
                            (try $0[0] as Int?, try $0[1] as Double?, try $0[2] as String?, try $0[3] as [UInt8]?)
                        }
                    }
                    #expect(try #require(found) == row)
                }
            }
        }

        @Test(arguments: Driver.allCases) func richTypes(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                let moment = Timestamp(microseconds: 1_790_000_000_123_456)
                let document: JSON = ["list": [1, 2.5, "three", nil, true]]
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO items (id, number, label) VALUES ('a', \(moment), \(document))")
                    try transaction.execute("INSERT INTO items (id, number) VALUES ('b', \(true))")
                }
                try await database.read { reader throws in
                    #expect(try reader.scalar("SELECT number FROM items WHERE id = 'a'") == moment)
                    #expect(try reader.scalar("SELECT label FROM items WHERE id = 'a'") == document)
                    #expect(try reader.scalar("SELECT number FROM items WHERE id = 'b'", as: Bool.self) == true)
                    #expect(try reader.scalar("SELECT label FROM items WHERE id = 'b'", as: String?.self) == .some(nil))
                    #expect(try reader.scalar("SELECT label FROM items WHERE id = 'c'", as: String?.self) == nil)
                }
            }
        }

        @Test(arguments: Driver.allCases) func otherTypesAreRefused(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.write { try $0.execute("INSERT INTO items (id) VALUES ('a')") }
                await #expect(throws: StoreError.unexpectedValue(column: 1, wanted: "Int")) {
                    try await database.read { try $0.all("SELECT id, number FROM items") { try $0[1] as Int } }
                }
                await #expect(throws: StoreError.unexpectedValue(column: 0, wanted: "Int")) {
                    try await database.read { try $0.scalar("SELECT id FROM items", as: Int.self) }
                }
            }
        }

        @Test(arguments: Driver.allCases) func expressions(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.write { transaction in
                    for number in 1...4 { try transaction.execute("INSERT INTO items (id, number) VALUES (\("n\(number)"), \(number))") }
                }
                try await database.read { reader throws in
                    #expect(try reader.scalar("SELECT COUNT(*) FROM items") == 4)
                    #expect(try reader.scalar("SELECT SUM(number) FROM items") == 10)
                    #expect(try reader.scalar("SELECT AVG(number) FROM items") == 2.5)
                    #expect(try reader.scalar("SELECT SUM(number) FROM items WHERE id = \("none")", as: Int?.self) == .some(nil))
                    #expect(try reader.scalar("SELECT number > \(2) FROM items WHERE id = 'n3'") == true)
                    #expect(try reader.scalar("SELECT \("a") || \("b")") == "ab")
                    #expect(try reader.scalar("SELECT COALESCE(\(nil as Int?), \(3))") == 3)
                    #expect(try reader.scalar("SELECT MAX(number) FROM items WHERE number < \(4) LIMIT \(1)") == 3)
                }
            }
        }

        @Test(arguments: Driver.allCases) func listsInIN(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.write { transaction in
                    for number in 0..<600 { try transaction.execute("INSERT INTO items (id, number) VALUES (\("\(number)"), \(number))") }
                }
                // More lengths than statements are kept.
                for length in stride(from: 0, to: 600, by: 2) {
                    let wanted = Array(0..<length)
                    let found = try await database.read {
                        try $0.all("SELECT number FROM items WHERE number IN \(in: wanted) ORDER BY number") { try $0[0] as Int }
                    }
                    #expect(found == wanted)
                }
            }
        }

        @Test(arguments: Driver.allCases) func marksInQuotesAreNoMarks(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.read { reader in
                    let found = try reader.first("SELECT 'why?', \(1) AS \"how?\" /* ? */ -- where?\n, '?''?', \(2)") {
                        (try $0[0] as String, try $0[1] as Int, try $0[2] as String, try $0[3] as Int)
                    }
                    #expect(try #require(found) == ("why?", 1, "?'?", 2))
                }
            }
        }

        @Test(arguments: Driver.allCases) func likeTellsCase(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.read { reader throws in
                    #expect(try reader.scalar("SELECT 'Name' LIKE \("name")") == false)
                    #expect(try reader.scalar("SELECT 'Name' LIKE \("N%")") == true)
                    #expect(try reader.scalar("SELECT '5%' LIKE \("5!%") ESCAPE '!'") == true)
                }
            }
        }

        @Test(arguments: Driver.allCases) func changedRowsAndReturning(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.write { transaction in
                    #expect(try transaction.execute("INSERT INTO items (id) VALUES ('a'), ('b'), ('c')") == 3)
                    #expect(try transaction.execute("CREATE TABLE others (id TEXT)") == 0)
                    #expect(try transaction.execute("SELECT id FROM items") == 0)
                    #expect(try transaction.execute("UPDATE items SET number = 1 WHERE id > 'a'") == 2)
                    #expect(try transaction.execute("INSERT INTO items (id) VALUES ('a') ON CONFLICT DO NOTHING") == 0)
                    let gone = try transaction.all("DELETE FROM items WHERE number = 1 RETURNING id") { try $0[0] as String }
                    #expect(Set(gone) == ["b", "c"])
                    #expect(try transaction.scalar("SELECT COUNT(*) FROM items") == 1)
                }
            }
        }

        @Test(arguments: Driver.allCases) func nestedUseOfOneStatement(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                try await database.write { try $0.execute("INSERT INTO items (id) VALUES ('a'), ('b')") }
                let pairs = try await database.read { reader in
                    try reader.all("SELECT id FROM items ORDER BY id") { outer in
                        let first: String = try outer[0]
                        return try reader.all("SELECT id FROM items ORDER BY id") { first + (try $0[0] as String) }
                    }
                }
                #expect(pairs == [["aa", "ab"], ["ba", "bb"]])
            }
        }

        @Test(arguments: Driver.allCases) func badStatementsAreToldApart(_ driver: Driver) async throws {
            try await driver.withDatabase([Self.table]) { database in
                func failure(_ sql: SQL) async -> StoreError? {
                    await #expect(throws: StoreError.self) {
                        try await database.read { try $0.forEach(sql) { _ in } }
                    }
                }
                let bad: [SQL] = ["SELEC 1", "SELECT nothing FROM items", "SELECT \"nothing\" FROM items", "SELECT 1; SELECT 2", "SELECT ?"]
                for sql in bad {
                    guard case .statement = await failure(sql) else {
                        Issue.record("\(sql.text) is no statement error")
                        continue
                    }
                }
                #expect(await failure("SELECT \("a\0b")") == .constraint(.check, detail: "a text with a NUL character"))
            }
        }
    }
}
