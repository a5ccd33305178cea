import CloudCore
import CloudStore

extension KeyPair.Kind: SQLConvertible {}

/// The key pairs' rows.
enum KeyPairRecords {
    private static let columns: SQL = "id, user_id, name, kind, public_key, fingerprint, created_at"

    private static func keyPair(_ row: borrowing Row) throws -> KeyPair {
        KeyPair(
            id: try row[0], userID: try row[1], name: try row[2], kind: try row[3], publicKey: try row[4],
            fingerprint: try row[5], createdAt: try row[6])
    }

    static func find(userID: String, name: String, in reader: any Reader) throws -> KeyPair? {
        try reader.first("SELECT \(columns) FROM compute_keypairs WHERE user_id = \(userID) AND name = \(name)", keyPair)
    }

    /// A user's key pairs by name, after a name, so many at most.
    static func list(userID: String, after marker: String?, limit: Int, in reader: any Reader) throws -> [KeyPair] {
        let start: SQL = marker.map { " AND name > \($0)" } ?? ""
        return try reader.all(
            "SELECT \(columns) FROM compute_keypairs WHERE user_id = \(userID)\(start) ORDER BY name LIMIT \(limit)", keyPair)
    }

    static func count(userID: String, in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COUNT(*) FROM compute_keypairs WHERE user_id = \(userID)") ?? 0
    }

    static func nextID(in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM compute_keypairs") ?? 1
    }

    static func insert(_ pair: KeyPair, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_keypairs (\(columns)) VALUES (\(pair.id), \(pair.userID), \(pair.name), \(pair.kind),
                \(pair.publicKey), \(pair.fingerprint), \(pair.createdAt))
            """)
    }

    /// - Returns: whether there was such a key pair.
    static func delete(userID: String, name: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM compute_keypairs WHERE user_id = \(userID) AND name = \(name)") > 0
    }
}
