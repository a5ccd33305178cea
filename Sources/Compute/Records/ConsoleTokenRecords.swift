import CloudCore
import CloudCrypto
import CloudStore

/// Where a console token leads.
struct ConsoleConnection: Sendable, Hashable {
    /// The server whose console it is.
    var serverID: String
    /// The kind of console, such as `novnc`, `spice-html5`, `serial` or `spice-direct`.
    var kind: String
    /// The host that the hypervisor serves the console on.
    var host: String
    /// The port it serves it on.
    var port: Int
    /// The port with TLS, of direct SPICE consoles.
    var tlsPort: Int?
    /// What some hypervisors want to be told first.
    var internalAccessPath: String?
}

/// Tokens that open a console for some time. Only digests of them are kept.
enum ConsoleTokenRecords {
    /// Makes a token good for a connection until a moment.
    /// - Parameter token: the text that the client gets, which must be random.
    static func authorize(
        _ token: String, for connection: ConsoleConnection, until expiry: Timestamp, in transaction: any Transaction
    ) throws {
        try transaction.execute(
            """
            INSERT INTO compute_console_tokens
                (digest, server_id, kind, host, port, tls_port, internal_access_path, expires_at)
            VALUES (\(digest(token)), \(connection.serverID), \(connection.kind), \(connection.host), \(connection.port),
                \(connection.tlsPort), \(connection.internalAccessPath), \(expiry))
            """)
    }

    /// Where a token leads; nil for one that is unknown or has expired.
    static func connection(for token: String, at moment: Timestamp, in reader: any Reader) throws -> ConsoleConnection? {
        try reader.first(
            """
            SELECT server_id, kind, host, port, tls_port, internal_access_path FROM compute_console_tokens
            WHERE digest = \(digest(token)) AND expires_at > \(moment)
            """
        ) { row in
            ConsoleConnection(
                serverID: try row[0], kind: try row[1], host: try row[2], port: try row[3], tlsPort: try row[4],
                internalAccessPath: try row[5])
        }
    }

    /// Removes what has expired.
    static func purge(expiredBy moment: Timestamp, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_console_tokens WHERE expires_at <= \(moment)")
    }

    private static func digest(_ token: String) -> String { Digest.of(token, .sha256).hexadecimal }
}
