import CloudStore
import Testing

extension StoreTests {
    /// Pages that go on behind the last row of the page before.
    @Suite struct KeysetOrderTests {
        private static let tables: [SQL] = [
            "CREATE TABLE things (id TEXT PRIMARY KEY, size BIGINT NOT NULL, name TEXT)",
            "INSERT INTO things VALUES ('a', 2, 'x'), ('b', 1, NULL), ('c', 2, 'w'), ('d', 1, 'x'), ('e', 2, 'x'), ('f', 0, 'v')",
        ]

        private struct Thing {
            let id: String
            let values: [SQLValue]
        }

        /// Every row, gathered page by page.
        private func walk(_ order: KeysetOrder, by count: Int, in reader: any Reader) throws -> [String] {
            var (found, marker): ([String], Thing?) = ([], nil)
            while true {
                let filter: SQL = marker.map { " WHERE \(order.behind($0.values))" } ?? ""
                let page = try reader.all(
                    "SELECT id, size, COALESCE(name, '') FROM things\(filter) ORDER BY \(order.terms) LIMIT \(count)"
                ) { row in
                    let (id, size, name): (String, Int, String) = (try row[0], try row[1], try row[2])
                    return Thing(id: id, values: [size.sqlValue, name.sqlValue, id.sqlValue])
                }
                found += page.map(\.id)
                guard let last = page.last else { return found }
                marker = last
            }
        }

        @Test(arguments: Driver.allCases) func pagesComeInOrderWithoutGapsOrRepeats(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database async throws in
                let expected = [
                    (KeysetOrder([
                        .init("size", isAscending: false), .init("COALESCE(name, '')", isAscending: true), .init("id", isAscending: false),
                    ]), ["c", "e", "a", "b", "d", "f"]),
                    (KeysetOrder([
                        .init("size", isAscending: true), .init("COALESCE(name, '')", isAscending: false), .init("id", isAscending: true),
                    ]), ["f", "d", "b", "a", "e", "c"]),
                ]
                for (order, ids) in expected {
                    for count in 1...7 {
                        let found = try await database.read { try walk(order, by: count, in: $0) }
                        #expect(found == ids, "\(count)")
                    }
                }
            }
        }

        @Test func aRowIsBehindByItsFirstColumnThatDiffers() {
            let order = KeysetOrder([.init("a", isAscending: true), .init("b", isAscending: false)])
            #expect(order.terms.text == "a ASC, b DESC")
            #expect(order.behind([.integer(1), .text("x")]).text == "((a > ?) OR (a = ? AND b < ?))")
            #expect(order.behind([.integer(1), .text("x")]).values == [.integer(1), .integer(1), .text("x")])
        }
    }
}
