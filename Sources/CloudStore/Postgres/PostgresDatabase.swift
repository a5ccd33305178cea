import CLibPQ
import CloudCore

/// A PostgreSQL server, version 13 or later, for clouds of several controllers. Transactions are serialisable;
/// one that meets a concurrent one is run again. Reads see a snapshot.
public final class PostgresDatabase: Database {
    /// Limits and sizes.
    public struct Options: Sendable {
        /// Connections, and so transactions at the same time.
        public var connections = 8
        /// Transactions and reads that may wait before further ones fail as `overloaded`.
        public var queueLimit = 4_096
        /// How long one may wait for a connection before it fails as `overloaded`.
        public var waitLimit = Duration.seconds(30)
        /// How long one is run again after conflicts or lost connections before it fails as `overloaded`.
        public var retryLimit = Duration.seconds(15)
        /// How long the server may take over one statement, or wait for the next of a transaction.
        public var statementTimeout = Duration.seconds(60)
        /// Called before each commit, on its connection.
        var willCommit: (@Sendable (PostgresConnection) throws -> Void)?

        /// The usual limits.
        public init() {}
    }

    private let pool: WorkerPool<PostgresWorker>

    /// A database by its libpq connection string or URI, which may name several hosts. It connects when first used.
    /// - Throws: `StoreError.unavailable` when the string is malformed.
    public init(connection: Secret<String>, options: Options = .init()) throws {
        // libpq's own reason would quote the part it does not understand, and so perhaps the password.
        guard let parsed = PQconninfoParse(connection.reveal(), nil) else {
            throw StoreError.unavailable("PostgreSQL: the connection string is malformed")
        }
        PQconninfoFree(parsed)
        pool = WorkerPool(
            name: "store-postgres", size: options.connections, queueLimit: options.queueLimit, waitLimit: options.waitLimit
        ) { PostgresWorker(connection, options) }
    }

    /// Runs queries on a snapshot, read-only; again when the connection is lost.
    public func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Reader) throws -> Result
    ) async throws -> Result {
        try await pool.run { try $0.read(body) }
    }

    /// Runs a serialisable transaction; again after a conflict or a lost connection. When the connection is lost in
    /// the commit, the server is asked what became of it.
    @discardableResult
    public func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await pool.run { try $0.write(body) }
    }

    /// Applies the migrations that are missing, and makes the type BLOB, under a lock that other programs respect.
    public func migrate(_ set: MigrationSet) async throws {
        let migrator = try Migrator(set)
        while try await pool.run({ worker in try worker.migrate { try migrator.advance($0) } }) {}
    }

    /// Finishes what was accepted, then disconnects. Later calls fail as `unavailable`.
    public func close() async { await pool.close() }

    /// How many transactions and reads wait.
    var waiting: Int { pool.waiting }
}
