import CloudCore
import Testing

@testable import CloudStore

extension StoreTests {
    /// All or nothing, one after the other, and never said too early.
    @Suite struct TransactionTests {
        static let tables: [SQL] = [
            "CREATE TABLE accounts (id TEXT PRIMARY KEY, balance BIGINT NOT NULL)",
            "INSERT INTO accounts VALUES ('a', 0), ('b', 0)",
        ]

        @Test(arguments: Driver.allCases) func failedBodyChangesNothing(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database async throws in
                let journal = Journal<Int>()
                await #expect(throws: BodyError.self) {
                    try await database.write { transaction in
                        transaction.onCommit { journal.add(1) }
                        try transaction.execute("UPDATE accounts SET balance = 7")
                        throw BodyError()
                    }
                }
                #expect(try await database.read { try $0.scalar("SELECT SUM(balance) FROM accounts") } == 0)
                #expect(journal.entries.isEmpty)
            }
        }

        @Test(arguments: Driver.allCases) func actionsRunInOrderBeforeTheCallerGoesOn(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                let journal = Journal<Int>()
                let result = try await database.write { transaction in
                    transaction.onCommit { journal.add(1) }
                    try transaction.execute("UPDATE accounts SET balance = 7")
                    transaction.onCommit { journal.add(2) }
                    #expect(journal.entries.isEmpty)
                    return "done"
                }
                #expect(result == "done")
                #expect(journal.entries == [1, 2])
            }
        }

        @Test(arguments: Driver.allCases) func transactionSeesItsOwnChanges(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                try await database.write { transaction in
                    try transaction.execute("UPDATE accounts SET balance = 5 WHERE id = 'a'")
                    #expect(try transaction.scalar("SELECT balance FROM accounts WHERE id = 'a'") == 5)
                }
            }
        }

        @Test(arguments: Driver.allCases) func readersCannotWrite(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database async throws in
                await #expect(throws: StoreError.self) {
                    try await database.read { try $0.all("UPDATE accounts SET balance = 1 RETURNING id") { try $0[0] as String } }
                }
                #expect(try await database.read { try $0.scalar("SELECT SUM(balance) FROM accounts") } == 0)
            }
        }

        @Test(arguments: Driver.allCases) func concurrentIncrementsLoseNothing(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<64 {
                        group.addTask {
                            try await database.write { transaction in
                                let balance = try transaction.scalar("SELECT balance FROM accounts WHERE id = 'a'", as: Int.self) ?? 0
                                try transaction.execute("UPDATE accounts SET balance = \(balance + 1) WHERE id = 'a'")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await database.read { try $0.scalar("SELECT balance FROM accounts WHERE id = 'a'") } == 64)
            }
        }

        /// A quota counted from rows in the same transaction must hold, though no two transactions write the same row.
        @Test(arguments: Driver.allCases) func countedLimitHolds(_ driver: Driver) async throws {
            try await driver.withDatabase(["CREATE TABLE items (id TEXT PRIMARY KEY, project TEXT NOT NULL)"]) { database async throws in
                let accepted = await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<40 {
                        group.addTask {
                            let done: Void? = try? await database.write { transaction in
                                let used = try transaction.scalar("SELECT COUNT(*) FROM items WHERE project = \("p")", as: Int.self) ?? 0
                                guard used < 10 else { throw BodyError() }
                                try transaction.execute("INSERT INTO items VALUES (\("\(number)"), \("p"))")
                            }
                            return done != nil
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(accepted == 10)
                #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 10)
            }
        }

        @Test(arguments: Driver.allCases) func readsSeeOneSnapshot(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for amount in 1...50 {
                        group.addTask {
                            try await database.write { transaction in
                                try transaction.execute("UPDATE accounts SET balance = balance - \(amount) WHERE id = 'a'")
                                try transaction.execute("UPDATE accounts SET balance = balance + \(amount) WHERE id = 'b'")
                            }
                        }
                        group.addTask {
                            let sum = try await database.read { reader in
                                let first = try reader.scalar("SELECT balance FROM accounts WHERE id = 'a'", as: Int.self) ?? 1
                                return first + (try reader.scalar("SELECT balance FROM accounts WHERE id = 'b'", as: Int.self) ?? 1)
                            }
                            #expect(sum == 0)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }

        @Test(arguments: Driver.allCases) func snapshotStaysWhileOthersWrite(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables) { database in
                let gate = Gate()
                async let seen = database.read { reader in
                    let before = try reader.scalar("SELECT balance FROM accounts WHERE id = 'a'", as: Int.self)
                    gate.pass()
                    return [before, try reader.scalar("SELECT balance FROM accounts WHERE id = 'a'", as: Int.self)]
                }
                await gate.untilReached()
                try await database.write { try $0.execute("UPDATE accounts SET balance = 9") }
                gate.open()
                #expect(try await seen == [0, 0])
                #expect(try await database.read { try $0.scalar("SELECT balance FROM accounts WHERE id = 'a'") } == 9)
            }
        }

        @Test(arguments: Driver.allCases) func fullQueueRefuses(_ driver: Driver) async throws {
            try await driver.withDatabase(Self.tables, limits: .init(queueLimit: 5, connections: 1)) { database in
                let gate = Gate()
                let first = Task { try await database.write { _ in gate.pass() } }
                await gate.untilReached()
                let results = await withTaskGroup(of: StoreError?.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            do {
                                try await database.write { try $0.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 'a'") }
                                return nil
                            } catch { return error as? StoreError }
                        }
                    }
                    // Those refused are told at once; then the rest may go on.
                    var results: [StoreError?] = []
                    for await result in group {
                        results.append(result)
                        if results.count == 3 { gate.open() }
                    }
                    return results
                }
                try await first.value
                #expect(results == [.overloaded, .overloaded, .overloaded, nil, nil, nil, nil, nil])
                #expect(try await database.read { try $0.scalar("SELECT balance FROM accounts WHERE id = 'a'") } == 5)
            }
        }

        @Test(arguments: Driver.allCases) func closingFinishesWhatWasAccepted(_ driver: Driver) async throws {
            try await driver.withStore { store in
                let database = try store.open(.init(connections: 1))
                try await database.migrate(MigrationSet(module: "test", [Migration(1, "tables", Self.tables)]))
                let gate = Gate()
                let first = Task { try await database.write { _ in gate.pass() } }
                await gate.untilReached()
                let others = (0..<10).map { _ in
                    Task { try await database.write { try $0.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 'a'") } }
                }
                try await database.untilWaiting(10)
                async let closed: Void = database.close()
                gate.open()
                for task in [first] { try await task.value }
                for task in others { #expect(try await task.value == 1) }
                await closed
                await database.close()
                await #expect(throws: StoreError.unavailable("the database is closed")) { try await database.write { _ in } }
                await #expect(throws: StoreError.unavailable("the database is closed")) { try await database.read { _ in } }

                let reopened = try store.open()
                #expect(try await reopened.read { try $0.scalar("SELECT balance FROM accounts WHERE id = 'a'") } == 10)
                await reopened.close()
            }
        }
    }
}
