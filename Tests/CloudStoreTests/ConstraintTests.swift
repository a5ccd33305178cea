import CloudCore
import Testing

@testable import CloudStore

extension StoreTests {
    /// Broken keys are told apart, and undo what they must and no more.
    @Suite struct ConstraintTests {
        static let tables: [SQL] = [
            "CREATE TABLE owners (id TEXT PRIMARY KEY)",
            """
            CREATE TABLE items (
                id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES owners (id), name TEXT NOT NULL,
                size BIGINT NOT NULL DEFAULT 1, CONSTRAINT positive_size CHECK (size > 0), UNIQUE (owner, name))
            """,
            """
            CREATE TABLE links (
                id TEXT PRIMARY KEY, item TEXT NOT NULL REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)
            """,
            "INSERT INTO owners VALUES ('o1'), ('o2')",
            "INSERT INTO items (id, owner, name) VALUES ('i1', 'o1', 'first')",
        ]

        @Test(arguments: Driver.allCases) func kinds(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database async throws in
                func failure(_ sql: SQL) async -> StoreError? {
                    await #expect(throws: StoreError.self) { try await database.write { try $0.execute(sql) } }
                }
                #expect(
                    await failure("INSERT INTO items (id, owner, name) VALUES ('i2', 'o1', 'first')")
                        == .constraint(.unique, detail: "items.owner, items.name"))
                #expect(
                    await failure("INSERT INTO items (id, owner, name) VALUES ('i1', 'o2', 'x')")
                        == .constraint(.unique, detail: "items.id"))
                #expect(
                    await failure("INSERT INTO items (id, owner) VALUES ('i2', 'o2')")
                        == .constraint(.notNull, detail: "items.name"))
                #expect(await failure("UPDATE items SET size = 0") == .constraint(.check, detail: "positive_size"))
                #expect(await failure("INSERT INTO items (id, owner, name) VALUES ('i2', 'o3', 'x')")?.isForeignKeyViolation == true)
                #expect(await failure("DELETE FROM owners WHERE id = 'o1'")?.isForeignKeyViolation == true)
                #expect(await failure("INSERT INTO links VALUES ('l1', 'none')")?.isForeignKeyViolation == true)
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 1)
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM links") } == 0)
            }
        }

        @Test(arguments: Driver.allCases) func deferredKeyMayBeMendedBeforeTheEnd(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO links VALUES ('l1', 'i2')")
                    try transaction.execute("INSERT INTO items (id, owner, name) VALUES ('i2', 'o1', 'second')")
                }
                #expect(try await database.read { try $0.scalar("SELECT item FROM links") } == "i2")
            }
        }

        @Test(arguments: Driver.allCases) func savepointFailsAlone(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                let journal = Journal<String>()
                try await database.write { transaction in
                    transaction.onCommit { journal.add("before") }
                    #expect(throws: StoreError.constraint(.unique, detail: "items.id")) {
                        try transaction.savepoint {
                            transaction.onCommit { journal.add("undone") }
                            try transaction.execute("INSERT INTO owners VALUES ('o3')")
                            try transaction.execute("INSERT INTO items (id, owner, name) VALUES ('i1', 'o3', 'x')")
                        }
                    }
                    try transaction.savepoint {
                        try transaction.execute("INSERT INTO owners VALUES ('o4')")
                        transaction.onCommit { journal.add("kept") }
                        #expect(throws: BodyError.self) {
                            try transaction.savepoint {
                                try transaction.execute("INSERT INTO owners VALUES ('o5')")
                                throw BodyError()
                            }
                        }
                    }
                }
                let owners = try await database.read { try $0.all("SELECT id FROM owners ORDER BY id") { try $0[0] as String } }
                #expect(owners == ["o1", "o2", "o4"])
                #expect(journal.entries == ["before", "kept"])
            }
        }

        @Test(arguments: Driver.allCases) func swallowedErrorSpoilsTheTransaction(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database async throws in
                let unique = StoreError.constraint(.unique, detail: "owners.id")
                await #expect(throws: unique) {
                    try await database.write { transaction in
                        try transaction.execute("INSERT INTO owners VALUES ('o3')")
                        _ = try? transaction.execute("INSERT INTO owners VALUES ('o1')")
                    }
                }
                await #expect(throws: unique) {
                    try await database.write { transaction in
                        _ = try? transaction.execute("INSERT INTO owners VALUES ('o1')")
                        try transaction.execute("INSERT INTO owners VALUES ('o3')")
                    }
                }
                await #expect(throws: unique) {
                    try await database.write { transaction in
                        try transaction.savepoint { _ = try? transaction.execute("INSERT INTO owners VALUES ('o1')") }
                    }
                }
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM owners") } == 2)
            }
        }

        @Test(arguments: Driver.allCases) func errorOfARowsReaderSpoilsNothing(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                try await database.write { transaction in
                    #expect(throws: BodyError.self) {
                        try transaction.forEach("SELECT id FROM owners") { _ in throw BodyError() }
                    }
                    try transaction.execute("INSERT INTO owners VALUES ('o3')")
                    #expect(try transaction.first("SELECT id FROM owners ORDER BY id") { try $0[0] as String } == "o1")
                }
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM owners") } == 3)
            }
        }
    }
}

/// An error of a body's own.
struct BodyError: Error, Equatable {}

extension StoreError {
    var isForeignKeyViolation: Bool {
        if case .constraint(.foreignKey, _) = self { true } else { false }
    }
}
