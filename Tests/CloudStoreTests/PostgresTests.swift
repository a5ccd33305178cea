import CloudCore
import Foundation
import Testing

@testable import CloudStore

extension StoreTests {
    /// What can happen only with a server.
    @Suite struct PostgresTests {
        static let tables: [SQL] = ["CREATE TABLE items (id TEXT PRIMARY KEY)"]

        @Test func lostConnectionIsReplaced() async throws {
            try await Driver.postgres.withDatabase(Self.tables, limits: .init(connections: 1)) { database in
                let attempts = Journal<Int>()
                try await database.write { transaction in
                    attempts.add(1)
                    try transaction.execute("INSERT INTO items VALUES ('a')")
                    guard attempts.entries.count == 1 else { return }
                    // The server ends this very connection.
                    try transaction.forEach("SELECT pg_terminate_backend(pg_backend_pid())") { _ in }
                }
                #expect(attempts.entries.count == 2)
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 1)
            }
        }

        @Test func commitWhoseAnswerIsLostIsLookedUp() async throws {
            try await Driver.postgres.withStore { store in
                guard case .server(let connection) = store.place else { return }
                let (attempts, actions) = (Journal<Int>(), Journal<Int>())
                var options = PostgresDatabase.Options()
                options.connections = 1
                options.willCommit = { connection in
                    guard attempts.entries.count == 1 else { return }
                    // The commit happens, and then the connection is gone before anybody is told.
                    try connection.commit()
                    _ = try connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                }
                let database = try PostgresDatabase(connection: connection, options: options)
                try await database.migrate(MigrationSet(module: "test", [Migration(1, "tables", Self.tables)]))
                try await database.write { transaction in
                    attempts.add(1)
                    transaction.onCommit { actions.add(1) }
                    try transaction.execute("INSERT INTO items VALUES ('a')")
                }
                #expect(attempts.entries.count == 1)
                #expect(actions.entries.count == 1)
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 1)
                await database.close()
            }
        }

        @Test func commitThatDidNotHappenIsRunAgain() async throws {
            try await Driver.postgres.withStore { store in
                guard case .server(let connection) = store.place else { return }
                let attempts = Journal<Int>()
                var options = PostgresDatabase.Options()
                options.connections = 1
                options.willCommit = { connection in
                    guard attempts.entries.count == 1 else { return }
                    _ = try connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                }
                let database = try PostgresDatabase(connection: connection, options: options)
                try await database.migrate(MigrationSet(module: "test", [Migration(1, "tables", Self.tables)]))
                try await database.write { transaction in
                    attempts.add(1)
                    try transaction.execute("INSERT INTO items VALUES ('a')")
                }
                #expect(attempts.entries.count == 2)
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 1)
                await database.close()
            }
        }

        @Test func tableChangedByANewerProgram() async throws {
            try await Driver.postgres.withStore { store in
                let (old, new) = (try store.open(.init(connections: 1)), try store.open())
                try await old.migrate(MigrationSet(module: "test", [Migration(1, "tables", Self.tables)]))
                let everything: SQL = "SELECT * FROM items"
                #expect(try await old.read { try $0.all(everything) { try $0[0] as String } } == [])
                try await new.write { try $0.execute("ALTER TABLE items ADD COLUMN size BIGINT") }
                #expect(try await old.read { try $0.all(everything) { try $0[0] as String } } == [])
                await old.close()
                await new.close()
            }
        }

        @Test func serverThatIsNotThere() async throws {
            try await withTemporaryDirectory { directory in
                let database = try PostgresDatabase(connection: Secret("host='\(directory)' password=hunter2"))
                let failure = await #expect(throws: StoreError.self) { try await database.read { _ in } }
                guard case .unavailable(let reason) = failure else {
                    Issue.record("\(String(describing: failure)) is not unavailable")
                    return
                }
                #expect(!reason.contains("hunter2"))
                await database.close()
            }
        }
    }
}

/// What needs no server.
@Suite struct PostgresTextTests {
    @Test func malformedConnectionStringIsNotQuoted() {
        #expect(throws: StoreError.unavailable("PostgreSQL: the connection string is malformed")) {
            try PostgresDatabase(connection: Secret("host=a password hunter2"))
        }
    }

    @Test(arguments: [
        ("SELECT 1", "SELECT 1"),
        ("a = ? AND b IN (?, ?)", "a = $1 AND b IN ($2, $3)"),
        ("'?' = ?", "'?' = $1"),
        ("'it''s ?' = ? -- ?", "'it''s ?' = $1 -- ?"),
        ("\"a?\" = ? /* ' ? */ AND ?", "\"a?\" = $1 /* ' ? */ AND $2"),
        ("? - ? / ? -- ?\n?", "$1 - $2 / $3 -- ?\n$4"),
        ("'open ?", "'open ?"),
        ("'ü?' || ?", "'ü?' || $1"),
    ])
    func marksAreNumbered(_ text: String, _ expected: String) { #expect(PostgresText.numbered(text).text == expected) }
}
