import CloudCore
import Foundation
import Testing

@testable import CloudStore

/// A PostgreSQL server of the suite's own: its own directory, a Unix socket, no TCP. It ends with the suite, and
/// also when the suite's process dies, because that closes its standard input.
struct PostgresCluster: Sendable {
    /// The server of the running suite; nil where none is installed.
    @TaskLocal static var current: PostgresCluster?

    /// The directory of its socket.
    let directory: String

    /// Where the newest installed server's programs are.
    static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }.sorted()
        return versions.reversed().map { "\(root)/\($0)/bin" }
            .first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") && FileManager.default.isExecutableFile(atPath: $0 + "/postgres") }
    }()

    /// The connection string of a schema that only the caller uses.
    func makeSchema() async throws -> Secret<String> {
        let schema = "test_" + UUID().uuidString.lowercased().replacing("-", with: "")
        var options = PostgresDatabase.Options()
        options.connections = 1
        let database = try PostgresDatabase(connection: connection(), options: options)
        try await database.write { try $0.execute(SQL(stringLiteral: "CREATE SCHEMA " + schema)) }
        await database.close()
        return connection(" options='-c search_path=\(schema)'")
    }

    private func connection(_ more: String = "") -> Secret<String> {
        Secret("host='\(directory)' user=altostack dbname=postgres" + more)
    }

    /// Starts a server, runs `body` and stops the server.
    static func run(programs: String, _ body: (PostgresCluster) async throws -> Void) async throws {
        let process = Process()
        // PostgreSQL refuses to run as root.
        let command = ["/bin/sh", "-c", script, "sh", programs]
        let unprivileged = ["/usr/bin/setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        let arguments = getuid() == 0 ? unprivileged + command : command
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        // The caller's directory for temporary files may be closed to that user, or too long for a socket's name.
        process.environment = ProcessInfo.processInfo.environment.filter { $0.key != "TMPDIR" }
        try process.run()
        // The script's only line is the directory, written when the server answers; its end without one is a failure.
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let directory = line.trimmingCharacters(in: .whitespacesAndNewlines)
        defer {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
        try #require(!directory.isEmpty, "PostgreSQL did not start; its reason stands above")
        try await body(PostgresCluster(directory: directory))
    }

    private static let script = """
        set -e
        umask 077
        directory=$(mktemp -d)
        trap 'rm -rf "$directory"' EXIT
        "$1/initdb" -D "$directory/data" -U altostack -A trust -E UTF8 --locale=C --no-sync > "$directory/log" 2>&1 \\
            || { cat "$directory/log" >&2; exit 1; }
        "$1/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c fsync=off -c max_connections=200 \\
            > "$directory/log" 2>&1 < /dev/null &
        server=$!
        until "$1/pg_isready" -q -h "$directory"; do
            kill -0 "$server" 2> /dev/null || { cat "$directory/log" >&2; exit 1; }
            sleep 0.05
        done
        chmod 755 "$directory"
        echo "$directory"
        read -r line || true
        kill -INT "$server"
        wait "$server" || true
        """
}

/// Gives a suite, as a whole, a PostgreSQL server.
struct PostgresClusterTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard let programs = PostgresCluster.programs else { return try await function() }
        try await PostgresCluster.run(programs: programs) { cluster in
            try await PostgresCluster.$current.withValue(cluster) { try await function() }
        }
    }
}

extension Trait where Self == PostgresClusterTrait {
    /// A PostgreSQL server for the suite, where one is installed.
    static var postgresCluster: Self { PostgresClusterTrait() }
}
