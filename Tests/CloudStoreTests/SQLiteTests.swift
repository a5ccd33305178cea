import CloudCore
import Foundation
import Testing

@testable import CloudStore

/// What only the embedded database promises.
@Suite(.timeLimit(.minutes(3))) struct SQLiteTests {
    static let set = MigrationSet(
        module: "test",
        [Migration(1, "items", [
            "CREATE TABLE items (id TEXT PRIMARY KEY)",
            "CREATE TABLE links (id TEXT PRIMARY KEY, item TEXT REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)",
        ])])

    @Test func waitingTransactionsShareOneCommit() async throws {
        try await withDatabase { database in
            let gate = Gate()
            let first = Task { try await database.write { _ in gate.pass() } }
            await gate.untilReached()
            let before = database.statistics
            let others = (0..<100).map { number in
                Task { try await database.write { try $0.execute("INSERT INTO items VALUES (\("\(number)"))") } }
            }
            try await database.untilWaiting(100)
            gate.open()
            try await first.value
            for task in others { _ = try await task.value }
            let after = database.statistics
            #expect(after.transactions - before.transactions == 101)
            // One batch takes what waits, unless its time is up first: on a machine that is fast enough, two commits.
            #expect(after.commits - before.commits < 20)
        }
    }

    @Test func nobodyIsToldBeforeTheSharedCommit() async throws {
        let (gate, told) = (Gate(), Journal<Int>())
        var options = SQLiteDatabase.Options()
        options.batchTime = .seconds(60)
        options.willCommit = { size in if size == 11 { gate.pass() } }
        try await withDatabase(options) { database in
            let hold = Gate()
            let first = Task { try await database.write { _ in hold.pass() } }
            await hold.untilReached()
            let others = (0..<10).map { number in
                Task {
                    try await database.write { transaction in
                        transaction.onCommit { told.add(number) }
                        try transaction.execute("INSERT INTO items VALUES (\("\(number)"))")
                    }
                    told.add(number)
                }
            }
            try await database.untilWaiting(10)
            hold.open()
            await gate.untilReached()
            #expect(told.entries.isEmpty)
            #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 0)
            gate.open()
            try await first.value
            for task in others { try await task.value }
            #expect(told.entries.count == 20)
        }
    }

    @Test func failedCommitFailsTheWholeBatch() async throws {
        let (isArmed, told) = (Journal<Int>(), Journal<Int>())
        var options = SQLiteDatabase.Options()
        options.batchTime = .seconds(60)
        options.willCommit = { _ in if isArmed.entries.count == 1 { throw BodyError() } }
        try await withDatabase(options) { database in
            let hold = Gate()
            let first = Task { try await database.write { _ in hold.pass() } }
            await hold.untilReached()
            isArmed.add(1)
            let others = (0..<10).map { number in
                Task {
                    try await database.write { transaction in
                        transaction.onCommit { told.add(number) }
                        try transaction.execute("INSERT INTO items VALUES (\("\(number)"))")
                    }
                }
            }
            try await database.untilWaiting(10)
            hold.open()
            await #expect(throws: BodyError.self) { try await first.value }
            for task in others { await #expect(throws: BodyError.self) { try await task.value } }
            isArmed.add(2)
            #expect(told.entries.isEmpty)
            try await database.write { try $0.execute("INSERT INTO items VALUES ('after')") }
            #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 1)
        }
    }

    @Test func oneFailureInABatchIsItsOwn() async throws {
        try await withDatabase { database in
            let hold = Gate()
            let first = Task { try await database.write { _ in hold.pass() } }
            await hold.untilReached()
            let statements: [SQL] = [
                "INSERT INTO items VALUES ('a')", "INSERT INTO links VALUES ('l', 'none')", "INSERT INTO nothing VALUES (1)",
                "INSERT INTO items VALUES ('b')",
            ]
            let tasks = statements.map { sql in Task { try await database.write { try $0.execute(sql) } } }
            try await database.untilWaiting(4)
            hold.open()
            try await first.value
            #expect(try await tasks[0].value == 1)
            await #expect(throws: StoreError.constraint(.foreignKey, detail: "")) { try await tasks[1].value }
            await #expect(throws: StoreError.self) { try await tasks[2].value }
            #expect(try await tasks[3].value == 1)
        }
    }

    @Test func longWaitIsGivenUp() async throws {
        var options = SQLiteDatabase.Options()
        options.waitLimit = .zero
        try await withTemporaryDirectory { directory in
            let database = try SQLiteDatabase(path: directory + "/store.db", options: options)
            await #expect(throws: StoreError.overloaded) { try await database.write { _ in } }
            await #expect(throws: StoreError.overloaded) { try await database.read { _ in } }
            await database.close()
        }
    }

    @Test func acknowledgedSurvivesKill() async throws {
        try await withTemporaryDirectory { directory in
            let (path, acknowledged) = (directory + "/store.db", directory + "/acknowledged")
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, acknowledged = acknowledged as String] in
                let database = try SQLiteDatabase(path: path)
                try await database.migrate(SQLiteTests.set)
                let file = open(acknowledged, O_WRONLY | O_CREAT | O_APPEND, 0o600)
                await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<32 {
                        group.addTask {
                            for number in 0... {
                                let id = "\(task)-\(number)"
                                try await database.write { try $0.execute("INSERT INTO items VALUES (\(id))") }
                                let line = Array((id + "\n").utf8)
                                guard write(file, line, line.count) == line.count else { return }
                                if task == 0, number == 100 { kill(getpid(), SIGKILL) }
                            }
                        }
                    }
                }
            }
            let lines = try String(contentsOfFile: acknowledged, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines.count > 100)
            let database = try SQLiteDatabase(path: path)
            let found = try await database.read { try $0.all("SELECT id FROM items") { try $0[0] as String } }
            await database.close()
            #expect(Set(lines).subtracting(found).isEmpty)
        }
    }

    @Test func backupIsWholeWhileOthersWrite() async throws {
        try await withTemporaryDirectory { directory in
            let database = try SQLiteDatabase(path: directory + "/store.db")
            try await database.migrate(Self.set)
            let copies = (0..<3).map { "\(directory)/copy-\($0).db" }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0..<300 {
                        try await database.write { transaction in
                            try transaction.execute("INSERT INTO items VALUES (\("\(number)"))")
                            try transaction.execute("INSERT INTO links VALUES (\("\(number)"), \("\(number)"))")
                        }
                    }
                }
                for copy in copies { group.addTask { try await database.backup(to: copy) } }
                try await group.waitForAll()
            }
            await #expect(throws: StoreError.unavailable("\(copies[0]) exists already")) { try await database.backup(to: copies[0]) }
            await database.close()
            for path in copies {
                #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
                let copy = try SQLiteDatabase(path: path)
                try await copy.read { reader throws in
                    #expect(try reader.scalar("PRAGMA integrity_check") == "ok")
                    let items = try reader.scalar("SELECT COUNT(*) FROM items", as: Int.self)
                    #expect(try reader.scalar("SELECT COUNT(*) FROM links", as: Int.self) == items)
                }
                await copy.close()
            }
            #expect(!FileManager.default.fileExists(atPath: copies[0] + ".partial"))
        }
    }

    @Test func logIsMovedIntoTheFile() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/store.db"
            let database = try SQLiteDatabase(path: path)
            try await database.migrate(MigrationSet(module: "test", [Migration(1, "blobs", ["CREATE TABLE blobs (content BLOB)"])]))
            for _ in 0..<60 {
                try await database.write { try $0.execute("INSERT INTO blobs VALUES (\([UInt8](repeating: 1, count: 1_000_000)))") }
            }
            // The last checkpoint runs behind the acknowledgement; one more transaction waits for it.
            try await database.write { _ in }
            let log = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
            // 8,000 pages, and what is written while they are moved.
            #expect(try #require(log) < 40_000_000)
            await database.close()
        }
    }

    @Test func fullDiskLosesNothingAcknowledged() async throws {
        try await withDatabase { database in
            let pages = try await database.read { try $0.scalar("PRAGMA page_count", as: Int.self) }
            let limit = try #require(pages) + 20
            try await database.write { try $0.forEach(SQL(stringLiteral: "PRAGMA max_page_count = \(limit)")) { _ in } }
            let acknowledged = Journal<String>()
            let failures = await withTaskGroup(of: StoreError?.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let id = "\(number) " + String(repeating: "x", count: 1_000)
                        do {
                            try await database.write { try $0.execute("INSERT INTO items VALUES (\(id))") }
                            acknowledged.add(id)
                            return nil
                        } catch { return error as? StoreError }
                    }
                }
                return await group.reduce(into: [StoreError]()) { if let failure = $1 { $0.append(failure) } }
            }
            #expect(failures.count + acknowledged.entries.count == 200)
            #expect(!acknowledged.entries.isEmpty)
            for failure in failures {
                guard case .unavailable = failure else {
                    Issue.record("\(failure) is not unavailable")
                    continue
                }
            }
            #expect(!failures.isEmpty)
            try await database.write { try $0.forEach("PRAGMA max_page_count = 1000000") { _ in } }
            try await database.write { try $0.execute("INSERT INTO items VALUES ('after')") }
            let found = try await database.read { try $0.all("SELECT id FROM items") { try $0[0] as String } }
            #expect(Set(found) == Set(acknowledged.entries + ["after"]))
        }
    }

    @Test func fileIsPrivateAndMustBeADatabase() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/store.db"
            let database = try SQLiteDatabase(path: path)
            try await database.migrate(Self.set)
            for suffix in ["", "-wal"] {
                #expect(try FileManager.default.attributesOfItem(atPath: path + suffix)[.posixPermissions] as? Int == 0o600)
            }
            await database.close()
            try String(repeating: "no database ", count: 1_000).write(toFile: directory + "/text", atomically: true, encoding: .utf8)
            #expect(throws: StoreError.self) { try SQLiteDatabase(path: directory + "/text") }
            #expect(throws: StoreError.self) { try SQLiteDatabase(path: directory + "/none/store.db") }
            #expect(throws: StoreError.self) { try SQLiteDatabase(path: directory) }
        }
    }

    @Test func aLongReadOfTheBackgroundHoldsNoRequest() async throws {
        var options = SQLiteDatabase.Options()
        options.readers = 1
        try await withDatabase(options) { database in
            let gate = Gate()
            let long = Task { try await Background.$isCurrent.withValue(true) { try await database.read { _ in gate.pass() } } }
            await gate.untilReached()
            #expect(try await database.read { try $0.scalar("SELECT COUNT(*) FROM items") } == 0)
            gate.open()
            try await long.value
        }
    }

    @Test func aCommitThatARequestWaitsForIsNotPutOffByTheBackground() async throws {
        let sizes = Journal<Int>()
        var options = SQLiteDatabase.Options()
        (options.batchTime, options.requestTime) = (.seconds(60), .zero)
        options.willCommit = { sizes.add($0) }
        try await withDatabase(options) { database in
            let before = sizes.entries.count
            let hold = Gate()
            let first = Task { try await Background.$isCurrent.withValue(true) { try await database.write { _ in hold.pass() } } }
            await hold.untilReached()
            let background = (0..<5).map { _ in
                Task { try await Background.$isCurrent.withValue(true) { try await database.write { _ in } } }
            }
            let request = Task { try await database.write { _ in } }
            try await database.untilWaiting(6)
            hold.open()
            try await first.value
            try await request.value
            for task in background { try await task.value }
            // The request goes first, and takes only what was there before it.
            #expect(Array(sizes.entries[before...]) == [2, 5])
        }
    }

    private func withDatabase(
        _ options: SQLiteDatabase.Options = .init(), _ body: (SQLiteDatabase) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let database = try SQLiteDatabase(path: directory + "/store.db", options: options)
            try await database.migrate(Self.set)
            try await body(database)
            await database.close()
        }
    }
}
