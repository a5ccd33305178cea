import CloudCore
import Testing

@testable import CloudStore

extension StoreTests {
    /// Tables come up to date once, in order, and never by a program that is too old for them.
    @Suite struct MigrationTests {
        static let first = Migration(1, "items", ["CREATE TABLE items (id TEXT PRIMARY KEY)", "INSERT INTO items VALUES ('a')"])
        static let second = Migration(
            2, "sizes", ["ALTER TABLE items ADD COLUMN size BIGINT NOT NULL DEFAULT 3", "CREATE INDEX items_size ON items (size)"])

        @Test(arguments: Driver.allCases) func freshAgainAndUpgrade(_ driver: Driver) async throws {
            try await driver.withDatabase { database in
                let old = MigrationSet(module: "test", [Self.first])
                try await database.migrate(old)
                try await database.migrate(old)
                try await database.migrate(MigrationSet(module: "test", [Self.first, Self.second]))
                try await database.migrate(MigrationSet(module: "other", [Migration(1, "others", ["CREATE TABLE others (id TEXT)"])]))
                #expect(try await database.read { try $0.scalar("SELECT size FROM items WHERE id = 'a'") } == 3)
                let applied = try await database.read {
                    try $0.all("SELECT module, number, name FROM schema_migrations ORDER BY module, number") {
                        "\(try $0[0] as String) \(try $0[1] as Int) \(try $0[2] as String)"
                    }
                }
                #expect(applied == ["other 1 others", "test 1 items", "test 2 sizes"])
            }
        }

        @Test(arguments: Driver.allCases) func newerOnDiskIsRefused(_ driver: Driver) async throws {
            try await driver.withDatabase { database in
                try await database.migrate(MigrationSet(module: "test", [Self.first, Self.second]))
                await #expect(
                    throws: StoreError.migration(
                        "test: the database is at migration 2 (sizes), this program knows them up to 1; "
                            + "start a newer program or restore an older backup")
                ) {
                    try await database.migrate(MigrationSet(module: "test", [Self.first]))
                }
            }
        }

        @Test(arguments: Driver.allCases) func anotherHistoryIsRefused(_ driver: Driver) async throws {
            try await driver.withDatabase { database in
                try await database.migrate(MigrationSet(module: "test", [Self.first, Self.second]))
                let renamed = MigrationSet(module: "test", [Migration(1, "things", []), Self.second])
                await #expect(throws: StoreError.migration("test: migration 1 is 'items' in the database and 'things' in this program")) {
                    try await database.migrate(renamed)
                }
                let inserted = MigrationSet(module: "test", [Migration(0, "before", []), Self.first, Self.second])
                await #expect(throws: StoreError.migration("test: the database has migration 1 (items) where this program has 0 (before)")) {
                    try await database.migrate(inserted)
                }
                let unordered = MigrationSet(module: "test", [Self.second, Self.first])
                await #expect(throws: StoreError.migration("test: the numbers [2, 1] do not rise")) {
                    try await database.migrate(unordered)
                }
            }
        }

        /// What a new database gets at once is what an old one got step by step.
        @Test func foldedTablesAreTheSame() async throws {
            let steps = [
                Migration(1, "things", [
                    """
                    CREATE TABLE things (
                        id TEXT NOT NULL, kind TEXT NOT NULL DEFAULT ',)', mark TEXT UNIQUE, price DOUBLE PRECISION CHECK (price > 0),
                        gone TEXT, PRIMARY KEY (id, kind), UNIQUE (kind, mark))
                    """,
                    "CREATE TABLE plain (id TEXT)", "INSERT INTO plain VALUES ('early')",
                    "INSERT INTO things (id, kind, mark) VALUES ('early', 'one', 'm')",
                    "CREATE TABLE links (id TEXT)",
                ]),
                Migration(2, "more", [
                    "ALTER TABLE links ADD COLUMN owner TEXT REFERENCES owners (id)",
                    "CREATE TABLE owners (id TEXT PRIMARY KEY)",
                    "ALTER TABLE owners ADD COLUMN name TEXT NOT NULL DEFAULT 'nobody'",
                    "ALTER TABLE things DROP COLUMN gone",
                    "ALTER TABLE things ADD COLUMN number BIGINT NOT NULL DEFAULT 7",
                    "UPDATE things SET number = number + 1",
                    "ALTER TABLE plain ADD COLUMN size BIGINT",
                    "ALTER TABLE plain RENAME COLUMN size TO height",
                    "ALTER TABLE plain ADD COLUMN size BIGINT",
                    "ALTER TABLE things ADD COLUMN owner TEXT REFERENCES owners (id)",
                    "ALTER TABLE things ADD COLUMN last BIGINT",
                ]),
            ]
            #expect(SchemaFolding.folded(steps).count == 13)
            func seen(stepwise: Bool) async throws -> [String] {
                try await withTemporaryDirectory { directory in
                    let database = try SQLiteDatabase(path: directory + "/store.db")
                    if stepwise { try await database.migrate(MigrationSet(module: "test", [steps[0]])) }
                    try await database.migrate(MigrationSet(module: "test", steps))
                    let found = try await database.read { reader in
                        let columns = try ["things", "owners", "plain", "links"].flatMap { table in
                            try reader.all("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(\(table))") { row in
                                let (name, type, standard): (String, String, String?) = (try row[0], try row[1], try row[3])
                                return "\(table) \(name) \(type) \(try row[2] as Int) \(standard ?? "-") \(try row[4] as Int)"
                            }
                        }
                        let rows = try reader.all("SELECT id, number FROM things") { "\(try $0[0] as String) \(try $0[1] as Int)" }
                        let keys = try reader.all("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name") {
                            try $0[0] as String
                        }
                        return columns + rows + keys
                    }
                    await database.close()
                    return found
                }
            }
            let (folded, stepwise) = (try await seen(stepwise: false), try await seen(stepwise: true))
            #expect(folded == stepwise)
            #expect(folded.contains("early 8"))
        }

        @Test(arguments: Driver.allCases) func failedMigrationLeavesNothingOfItself(_ driver: Driver) async throws {
            try await driver.withDatabase { database in
                let broken = Migration(2, "broken", ["CREATE TABLE half (id TEXT)", "CREATE TABLE items (id TEXT)"])
                let failure = await #expect(throws: StoreError.self) {
                    try await database.migrate(MigrationSet(module: "test", [Self.first, broken]))
                }
                guard case .migration(let text) = failure else {
                    Issue.record("\(String(describing: failure)) is no migration error")
                    return
                }
                #expect(text.hasPrefix("test: migration 2 (broken) failed: "))
                try await database.migrate(MigrationSet(module: "test", [Self.first, Self.second]))
                await #expect(throws: StoreError.self) { try await database.read { try $0.scalar("SELECT COUNT(*) FROM half", as: Int.self) } }
            }
        }

        @Test(arguments: Driver.allCases) func twoProgramsAtOnce(_ driver: Driver) async throws {
            try await driver.withStore { store in
                let databases = [try store.open(), try store.open(), try store.open()]
                let counter = Migration(2, "counter", ["CREATE TABLE counts (id TEXT)", "INSERT INTO counts VALUES ('once')"])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for database in databases {
                        group.addTask { try await database.migrate(MigrationSet(module: "test", [Self.first, counter])) }
                    }
                    try await group.waitForAll()
                }
                #expect(try await databases[0].read { try $0.scalar("SELECT COUNT(*) FROM counts") } == 1)
                for database in databases { await database.close() }
            }
        }
    }
}
