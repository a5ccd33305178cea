import CloudCore
import Foundation
import Testing

@testable import CloudStore

/// Everything that needs a database; one PostgreSQL server serves it all.
@Suite(.postgresCluster, .timeLimit(.minutes(3))) struct StoreTests {}

/// The two drivers, which must not be told apart by the conformance tests.
enum Driver: String, CaseIterable, CustomTestStringConvertible {
    case sqlite, postgres

    var testDescription: String { rawValue }

    /// The limits that both drivers know.
    struct Limits: Sendable {
        var queueLimit = 4_096
        var connections = 8
    }

    /// Runs `body` on an empty database with the tables of `tables`. Where PostgreSQL is not installed its case is
    /// reported as skipped, except in CI, where it fails.
    func withDatabase(
        _ tables: [SQL] = [], limits: Limits = Limits(), _ body: (any Database & Waiting) async throws -> Void
    ) async throws {
        try await withStore { store in
            let database = try store.open(limits)
            if !tables.isEmpty { try await database.migrate(MigrationSet(module: "test", [Migration(1, "tables", tables)])) }
            do { try await body(database) } catch {
                await database.close()
                throw error
            }
            await database.close()
        }
    }

    /// Runs `body` on a place that can be opened several times.
    func withStore(_ body: (Store) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            try await withTemporaryDirectory { try await body(Store(place: .file($0 + "/store.db"))) }
        case .postgres:
            guard let cluster = PostgresCluster.current else {
                try #require(ProcessInfo.processInfo.environment["CI"] == nil, "PostgreSQL's server is not installed")
                try Test.cancel("PostgreSQL's server is not installed (apt-get install postgresql)")
            }
            try await body(Store(place: .server(try await cluster.makeSchema())))
        }
    }
}

/// A place where a database is.
struct Store: Sendable {
    enum Place: Sendable {
        case file(String)
        case server(Secret<String>)
    }

    let place: Place

    func open(_ limits: Driver.Limits = .init()) throws -> any Database & Waiting {
        switch place {
        case .file(let path):
            var options = SQLiteDatabase.Options()
            (options.queueLimit, options.readers) = (limits.queueLimit, limits.connections)
            return try SQLiteDatabase(path: path, options: options)
        case .server(let connection):
            var options = PostgresDatabase.Options()
            (options.queueLimit, options.connections) = (limits.queueLimit, limits.connections)
            return try PostgresDatabase(connection: connection, options: options)
        }
    }
}

/// A database that tells how many transactions wait, so that tests need not sleep.
protocol Waiting {
    var waiting: Int { get }
}

extension SQLiteDatabase: Waiting {}
extension PostgresDatabase: Waiting {}

extension Waiting {
    /// Returns when so many transactions wait; the suite's time limit ends it otherwise.
    func untilWaiting(_ count: Int) async throws {
        while waiting < count {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}

/// Runs `body` with a new directory, which is removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: "altostack-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(directory.path)
}
