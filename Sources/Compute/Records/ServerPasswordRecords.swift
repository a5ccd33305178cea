import CloudStore

/// The administrators' passwords that guests leave with the metadata service, encrypted by them with the server's key.
enum ServerPasswordRecords {
    /// How many characters a guest may leave.
    static let maximumLength = 1020

    /// What the guest has left; nil when it has left nothing.
    static func password(server id: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT password FROM compute_server_passwords WHERE server_id = \(id)")
    }

    /// Keeps what a guest leaves, if it has not left anything yet.
    /// - Returns: whether it was kept.
    static func leave(_ password: String, server id: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO compute_server_passwords (server_id, password) VALUES (\(id), \(password))
            ON CONFLICT (server_id) DO NOTHING
            """) > 0
    }

    /// Forgets what the guest has left. The password in the guest stays as it is.
    static func clear(server id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM compute_server_passwords WHERE server_id = \(id)")
    }
}
