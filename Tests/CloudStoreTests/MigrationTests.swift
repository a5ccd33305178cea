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
