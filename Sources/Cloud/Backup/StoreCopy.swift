import CLibPQ
import CSQLite
import CloudCore
import Foundation
import HostCommands

/// Copies of the embedded database, consistent while it is written to.
enum StoreCopy {
    /// Copies a database by SQLite's online backup: all of it as it is at one moment.
    /// - Throws: `ProgramError` with SQLite's reason.
    static func copy(from source: String, to target: String) throws {
        let from = try open(source, SQLITE_OPEN_READWRITE), to = try open(target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
        defer {
            sqlite3_close_v2(from)
            sqlite3_close_v2(to)
        }
        chmod(target, 0o600)
        guard let backup = sqlite3_backup_init(to, "main", from, "main") else {
            throw ProgramError("cannot copy \(source): \(String(cString: sqlite3_errmsg(to)))")
        }
        var code: Int32
        repeat {
            code = sqlite3_backup_step(backup, -1)
            if code == SQLITE_BUSY || code == SQLITE_LOCKED { sqlite3_sleep(20) }
        } while code == SQLITE_BUSY || code == SQLITE_LOCKED
        guard sqlite3_backup_finish(backup) == SQLITE_OK, code == SQLITE_DONE else {
            throw ProgramError("cannot copy \(source): \(String(cString: sqlite3_errstr(code)))")
        }
    }

    /// Looks whether a database is whole.
    /// - Throws: `ProgramError` with what is wrong with it.
    static func check(_ path: String) throws {
        let handle = try open(path, SQLITE_OPEN_READWRITE)
        defer { sqlite3_close_v2(handle) }
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, "PRAGMA quick_check(1)", -1, &statement, nil) == SQLITE_OK else {
            throw ProgramError("\(path) is no database: \(String(cString: sqlite3_errmsg(handle)))")
        }
        defer { sqlite3_finalize(statement) }
        guard sqlite3_step(statement) == SQLITE_ROW, let text = sqlite3_column_text(statement, 0), String(cString: text) == "ok" else {
            throw ProgramError("the database \(path) is damaged: \(String(cString: sqlite3_errmsg(handle)))")
        }
    }

    private static func open(_ path: String, _ flags: Int32) throws -> OpaquePointer? {
        var handle: OpaquePointer?
        guard sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK else {
            let reason = String(cString: sqlite3_errmsg(handle))
            sqlite3_close_v2(handle)
            throw ProgramError("cannot open \(path): \(reason)")
        }
        sqlite3_busy_timeout(handle, 30_000)
        return handle
    }
}

/// PostgreSQL's own tools, on the database that the settings name. The connection's password stands in a file for their
/// eyes alone, since arguments are for everybody's.
struct PostgresTools {
    let connection: Secret<String>
    /// Where that file may be.
    let folder: String

    /// Writes a dump, consistent while the database is written to.
    func dump(to path: String) async throws {
        try await run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", "--file=\(path)"])
    }

    /// Fills an empty database from a dump: all of it, or nothing.
    func restore(from path: String) async throws {
        try await run(
            "pg_restore", ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "--dbname=service=altostack", path],
            namesService: false)
    }

    private func run(_ tool: String, _ arguments: [String], namesService: Bool = true) async throws {
        let file = folder + "/pg_service.conf"
        try PrivateFile.write(try service(), to: file)
        defer { unlink(file) }
        let all = ["PGSERVICEFILE=\(file)", tool] + (namesService ? ["--dbname=service=altostack"] : []) + arguments
        do {
            try await Command(program: "env", arguments: all, deadline: .seconds(24 * 3600)).runSuccessfully()
        } catch let error as CommandError {
            throw ProgramError(Self.reason(tool, error.summary))
        }
    }

    /// The tool's words, and what to do where that is known.
    static func reason(_ tool: String, _ words: String) -> String {
        if words.contains("already exists") {
            return "the database that store.database names is not empty: a backup is restored into an empty one (\(words))"
        }
        if words.contains("No such file") || words.contains("server version mismatch") {
            return "\(tool): \(words)\n→ install PostgreSQL's client of the server's version: apt-get install postgresql-client"
        }
        return "\(tool): \(words)"
    }

    /// The connection as a service file's section.
    private func service() throws -> String {
        var reason: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(connection.reveal(), &reason) else {
            defer { PQfreemem(reason) }
            throw ProgramError("store.database: \(reason.map { String(cString: $0) } ?? "is no connection string")")
        }
        defer { PQconninfoFree(options) }
        var (lines, option) = (["[altostack]"], options)
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { lines.append("\(String(cString: keyword))=\(String(cString: value))") }
            option += 1
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
