import CloudCore

/// Brings one module's tables up to date, one migration at a time. The driver holds the lock and the transaction.
struct Migrator: Sendable {
    private let set: MigrationSet

    /// - Throws: `migration` when the numbers do not rise.
    init(_ set: MigrationSet) throws {
        let numbers = set.migrations.map(\.number)
        guard zip(numbers, numbers.dropFirst()).allSatisfy(<) else {
            throw StoreError.migration("\(set.module): the numbers \(numbers) do not rise")
        }
        self.set = set
    }

    /// Checks what is on disk and applies the first migration that is missing; or all of them at once, folded, where there is none
    /// yet and the driver wants that.
    /// - Returns: whether there may be more.
    /// - Throws: `migration` when the disk is newer than the program or tells another story, or a statement fails.
    func advance(_ transaction: any Transaction, foldsFirst: Bool = false) throws -> Bool {
        try transaction.execute(Self.table)
        let module = set.module
        let applied: [(number: Int, name: String)] = try transaction.all(
            "SELECT number, name FROM schema_migrations WHERE module = \(module) ORDER BY number"
        ) { (try $0[0], try $0[1]) }
        try check(applied)
        guard applied.count < set.migrations.count else { return false }
        if foldsFirst, applied.isEmpty {
            for (migration, sql) in SchemaFolding.folded(set.migrations) { try naming(migration) { _ = try transaction.execute(sql) } }
            for migration in set.migrations { try naming(migration) { try note(migration, transaction) } }
            return false
        }
        let next = set.migrations[applied.count]
        try naming(next) {
            for statement in next.statements { try transaction.execute(statement) }
            try note(next, transaction)
        }
        return true
    }

    /// What is on disk must be the beginning of what the program knows.
    private func check(_ applied: [(number: Int, name: String)]) throws {
        for (position, row) in applied.enumerated() {
            guard let newest = set.migrations.last?.number, row.number <= newest else {
                throw StoreError.migration(
                    "\(set.module): the database is at migration \(row.number) (\(row.name)), this program knows them up to "
                        + "\(set.migrations.last?.number ?? 0); start a newer program or restore an older backup")
            }
            let known = set.migrations[position]
            guard known.number == row.number else {
                throw StoreError.migration(
                    "\(set.module): the database has migration \(row.number) (\(row.name)) where this program has "
                        + "\(known.number) (\(known.name))")
            }
            guard known.name == row.name else {
                throw StoreError.migration(
                    "\(set.module): migration \(row.number) is '\(row.name)' in the database and '\(known.name)' in this program")
            }
        }
    }

    /// Writes down that a migration is done.
    private func note(_ migration: Migration, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO schema_migrations (module, number, name, applied_at)
            VALUES (\(set.module), \(migration.number), \(migration.name), \(Timestamp.now))
            """)
    }

    private func naming(_ migration: Migration, _ body: () throws -> Void) throws {
        do { try body() } catch {
            throw StoreError.migration("\(set.module): migration \(migration.number) (\(migration.name)) failed: \(error)")
        }
    }

    private static let table: SQL = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            module TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL, applied_at BIGINT NOT NULL,
            PRIMARY KEY (module, number))
        """
}
