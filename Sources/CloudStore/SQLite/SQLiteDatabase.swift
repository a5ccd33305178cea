import CloudCore
import Foundation

/// The embedded database: one SQLite file in WAL mode. Every acknowledged transaction survives a crash of the
/// program and of the machine. Reads run on their own connections and never wait for the one writer.
public final class SQLiteDatabase: Database {
    /// Limits and sizes.
    public struct Options: Sendable {
        /// Connections that read at the same time for requests, and as many others for background work.
        public var readers = 4
        /// Transactions, and reads, that may wait before further ones fail as `overloaded`.
        public var queueLimit = 4_096
        /// How long one may wait before it fails as `overloaded`.
        public var waitLimit = Duration.seconds(30)
        /// Transactions that share one commit at most.
        public var batchLimit = 128
        /// How long a commit is put off at most by transactions that arrive while others run.
        public var batchTime = Duration.milliseconds(10)
        /// How long a commit for which a request waits is put off at most by background work.
        public var requestTime = Duration.milliseconds(2)
        /// How long to wait for a lock another process holds on the file.
        public var busyTimeout = Duration.seconds(5)
        /// Called before each commit with the number of transactions in it; what it throws fails the commit.
        var willCommit: (@Sendable (Int) throws -> Void)?

        /// The usual limits.
        public init() {}
    }

    private let path: String
    private let writer: SQLiteWriter
    private let readers: WorkerPool<SQLiteConnection>
    /// Those of background work, which may read for long: no request waits for them.
    private let backgroundReaders: WorkerPool<SQLiteConnection>

    /// Opens the file, making it, readable by its owner alone, if there is none. Its directory must exist.
    /// - Throws: `StoreError.unavailable` when it cannot be opened, is no database or cannot be made durable.
    public init(path: String, options: Options = .init()) throws {
        try PrivateFile.create(path)
        self.path = path
        writer = try SQLiteWriter(path: path, options: options)
        func pool(_ name: String, niceness: Int32) -> WorkerPool<SQLiteConnection> {
            WorkerPool(
                name: name, size: options.readers, queueLimit: options.queueLimit, waitLimit: options.waitLimit, niceness: niceness
            ) { try SQLiteConnection(path: path, role: .reader, busyTimeout: options.busyTimeout) }
        }
        readers = pool("store-reader", niceness: 0)
        backgroundReaders = pool("store-back", niceness: Background.niceness)
    }

    /// Runs queries on a reader's connection and its snapshot; a write in them fails.
    public func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Reader) throws -> Result
    ) async throws -> Result {
        try await (Background.isCurrent ? backgroundReaders : readers).run { try $0.read(body) }
    }

    /// Runs a transaction on the writer's thread. It shares its commit with those that wait at the same time, and
    /// returns after that commit.
    @discardableResult
    public func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await writer.write(body)
    }

    /// Applies the migrations that are missing. A second program that does the same waits for the file's lock.
    public func migrate(_ set: MigrationSet) async throws {
        let migrator = try Migrator(set)
        // Each step is a transaction that begins by taking the file's write lock, which keeps other processes out.
        while try await write({ try migrator.advance($0, foldsFirst: true) }) {}
    }

    /// Finishes what was accepted, then closes the file. Later calls fail as `unavailable`.
    public func close() async {
        await writer.close()
        await readers.close()
        await backgroundReaders.close()
    }

    /// Writes a consistent copy of the database to a new file while others read and write. The file appears under
    /// its name only when it is whole and on disk, and is readable by its owner alone.
    /// - Throws: `StoreError.unavailable` when the file exists or cannot be written.
    public func backup(to copy: String) async throws {
        guard access(copy, F_OK) != 0 else { throw StoreError.unavailable("\(copy) exists already") }
        let thread = WorkerPool(name: "store-backup", size: 1, queueLimit: 1, waitLimit: .seconds(30)) { [path] in
            try SQLiteConnection(path: path, role: .writer, busyTimeout: .seconds(5))
        }
        do { try await thread.run { try Self.copy($0, to: copy) } } catch {
            await thread.close()
            throw error
        }
        await thread.close()
    }

    private static func copy(_ connection: SQLiteConnection, to path: String) throws {
        let partial = path + ".partial"
        unlink(partial)
        try PrivateFile.create(partial)
        do {
            _ = try connection.execute("VACUUM INTO \(partial)")
            try PrivateFile.synchronise(partial)
            try PrivateFile.rename(partial, to: path)
        } catch {
            unlink(partial)
            throw error
        }
    }

    /// How many transactions wait.
    var waiting: Int { writer.waiting }

    /// How much was written since the file was opened.
    var statistics: WriteStatistics.Counts { writer.statistics.counts }
}
