import CloudCore
import Foundation
import Logging

/// What one thread of the pool does: it keeps a connection, and runs transactions on it until each has either
/// happened or cannot happen.
final class PostgresWorker {
    private let info: Secret<String>
    private let options: PostgresDatabase.Options
    private var connection: PostgresConnection?
    private let metrics = StoreMetrics(driver: "postgres")
    private let logger = Logger(label: "altostack.store")

    init(_ info: Secret<String>, _ options: PostgresDatabase.Options) {
        (self.info, self.options) = (info, options)
    }

    /// Runs `body` on a snapshot.
    func read<Result>(_ body: (any Reader) throws -> Result) throws -> Result {
        try retrying { connection in
            try connection.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
            let result = try body(Snapshot(connection))
            connection.endReading()
            return result
        }
    }

    /// Runs a transaction and, once it is on disk, its actions.
    func write<Result>(_ body: (any Transaction) throws -> Result) throws -> Result {
        do {
            let (result, actions) = try retrying { try attempt($0, body) }
            for action in actions { action() }
            return result
        } catch {
            metrics.fail(1)
            throw error
        }
    }

    private func attempt<Result>(
        _ connection: PostgresConnection, _ body: (any Transaction) throws -> Result
    ) throws -> (Result, actions: [@Sendable () -> Void]) {
        let id = try connection.beginWriting()
        let session = Session(connection)
        let result = try body(session)
        try session.checkUsable()
        let started = ContinuousClock.now
        try commit(connection, id)
        metrics.commit(transactions: 1, failed: 0, took: .now - started)
        return (result, session.actions)
    }

    /// Runs a step of a migration, alone among all programs that use this database.
    func migrate<Result>(_ body: (any Transaction) throws -> Result) throws -> Result {
        try retrying { connection in
            // Each statement must see what the former holder of the lock has committed, so: no snapshot.
            try connection.begin("ISOLATION LEVEL READ COMMITTED")
            try connection.command("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5min'")
            try connection.command("SELECT pg_advisory_xact_lock(\(Self.migrationLock))")
            try connection.command(Self.blobDomain)
            let session = Session(connection)
            let result = try body(session)
            try session.checkUsable()
            try connection.commit()
            return result
        }
    }

    /// Runs an attempt again after a conflict with a concurrent transaction or a lost connection, until it either
    /// succeeds, fails for a reason of its own, or time is up.
    private func retrying<Result>(_ attempt: (PostgresConnection) throws -> Result) throws -> Result {
        let deadline = ContinuousClock.now + options.retryLimit
        var attempts = 0
        while true {
            let connection = try connected()
            do {
                return try attempt(connection)
            } catch {
                let isUsable = connection.rollBack()
                if !isUsable { self.connection = nil }
                guard !isUsable || connection.isConflict, !(error is CommitUnknown) else { throw Self.told(error) }
                attempts += 1
                metrics.retry()
                if !isUsable { logger.warning("The connection to PostgreSQL is lost", metadata: ["cause": "\(error)"]) }
                guard ContinuousClock.now < deadline else { throw StoreError.overloaded }
                pause(after: attempts)
            }
        }
    }

    private func connected() throws -> PostgresConnection {
        if let connection, !connection.isBroken { return connection }
        let opened = try PostgresConnection(info, statementTimeout: options.statementTimeout)
        connection = opened
        return opened
    }

    /// Waits a random time that grows with the attempts, so that those in each other's way spread out.
    private func pause(after attempts: Int) {
        let longest = min(50_000, 500 << min(attempts, 10))
        usleep(UInt32.random(in: 0...UInt32(longest)))
    }

    /// Commits. When the connection breaks just then, another one asks the server what became of it.
    private func commit(_ connection: PostgresConnection, _ id: String) throws {
        do {
            try options.willCommit?(connection)
            try connection.commit()
        } catch {
            guard connection.isBroken else { throw error }
            self.connection = nil
            guard try wasCommitted(id) else { throw error }
        }
    }

    /// Whether a transaction happened, asked until the server knows.
    /// - Throws: `CommitUnknown` when it cannot be found out in time.
    private func wasCommitted(_ id: String) throws -> Bool {
        let deadline = ContinuousClock.now + options.retryLimit
        while ContinuousClock.now < deadline {
            let status = try? connected().status(ofTransaction: id)
            switch status {
            case "committed": return true
            case .none, "in progress": pause(after: 10)
            default: return false
            }
        }
        throw CommitUnknown()
    }

    private struct CommitUnknown: Error {}

    private static func told(_ error: any Error) -> any Error {
        guard error is CommitUnknown else { return error }
        return StoreError.unavailable("the connection broke during a commit, and the server could not be asked what became of it")
    }

    /// Any number that others who use this database's advisory locks do not use: "altostac" in ASCII.
    private static let migrationLock = 0x616c_746f_7374_6163

    /// One SQL text for both databases says BLOB, which PostgreSQL calls bytea.
    private static let blobDomain = """
        DO $$ BEGIN
            IF to_regtype('blob') IS NULL THEN CREATE DOMAIN blob AS bytea; END IF;
        END $$
        """
}

extension PostgresConnection {
    /// `committed`, `aborted`, `in progress`, or `unknown` to a server that never saw it begin.
    func status(ofTransaction id: String) throws -> String {
        var status = "unknown"
        try query("SELECT pg_xact_status(CAST(\(id) AS xid8))") { status = try $0[0] ?? status }
        return status
    }
}
