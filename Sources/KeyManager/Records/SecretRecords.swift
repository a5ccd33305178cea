import CloudCore
import CloudStore

/// Secrets in the database. One that has expired is as if it were not there.
enum SecretRecords {
    private static let columns: SQL = """
        s.id, s.project_id, s.creator_id, s.created_at, s.updated_at, s.name, s.type, s.algorithm, s.bit_length, s.mode,
        s.expires_at, s.content_type, s.sealed_payload
        """

    private static func secret(_ row: borrowing Row) throws -> StoredSecret {
        var secret = StoredSecret(
            id: try row[0], projectID: try row[1], creatorID: try row[2], createdAt: try row[3], updatedAt: try row[4])
        (secret.name, secret.type, secret.algorithm) = (try row[5], try row[6], try row[7])
        (secret.bitLength, secret.mode, secret.expiration) = (try row[8], try row[9], try row[10])
        (secret.contentType, secret.sealedPayload) = (try row[11], try row[12])
        return secret
    }

    private static func unexpired(_ now: Timestamp) -> SQL { "(s.expires_at IS NULL OR s.expires_at > \(now))" }

    static func find(_ id: String, now: Timestamp, in reader: any Reader) throws -> StoredSecret? {
        try reader.first("SELECT \(columns) FROM key_secrets s WHERE s.id = \(id) AND \(unexpired(now))", secret)
    }

    /// A page of secrets, and how many there are in all.
    static func list(
        _ filter: SecretFilter, _ page: ListPage, now: Timestamp, in reader: any Reader
    ) throws -> (secrets: [StoredSecret], total: Int) {
        let condition = filter.condition(unexpired: unexpired(now))
        let total: Int = try reader.scalar("SELECT COUNT(*) FROM key_secrets s WHERE \(condition)") ?? 0
        let secrets = try reader.all(
            "SELECT \(columns) FROM key_secrets s WHERE \(condition) ORDER BY \(filter.order) LIMIT \(page.limit) OFFSET \(page.offset)",
            secret)
        return (secrets, total)
    }

    /// How many of some secrets a project has.
    static func count(_ ids: [String], of projectID: String, now: Timestamp, in reader: any Reader) throws -> Int {
        try reader.scalar(
            "SELECT COUNT(*) FROM key_secrets s WHERE s.id IN \(in: ids) AND s.project_id = \(projectID) AND \(unexpired(now))") ?? 0
    }

    static func insert(_ secret: StoredSecret, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_secrets (
                id, project_id, creator_id, name, type, algorithm, bit_length, mode, expires_at, content_type, sealed_payload,
                created_at, updated_at)
            VALUES (
                \(secret.id), \(secret.projectID), \(secret.creatorID), \(secret.name), \(secret.type), \(secret.algorithm),
                \(secret.bitLength), \(secret.mode), \(secret.expiration), \(secret.contentType), \(secret.sealedPayload),
                \(secret.createdAt), \(secret.updatedAt))
            """)
    }

    /// Gives a secret its payload.
    static func setPayload(
        _ sealed: String, _ type: PayloadType, of id: String, now: Timestamp, in transaction: any Transaction
    ) throws {
        try transaction.execute(
            "UPDATE key_secrets SET sealed_payload = \(sealed), content_type = \(type), updated_at = \(now) WHERE id = \(id)")
    }

    /// Seals payloads anew: those of secrets after one by their ids, expired ones too.
    /// - Parameter seal: what a payload is to be sealed as; nil when it can't be opened.
    /// - Returns: how many were sealed and how many not, and the last one's id; nil when there was none.
    static func sealAnew(
        after id: String, limit: Int, in transaction: any Transaction, _ seal: (String) -> String?
    ) throws -> (sealed: Int, unreadable: Int, last: String)? {
        let rows: [(String, String)] = try transaction.all(
            """
            SELECT id, sealed_payload FROM key_secrets WHERE sealed_payload IS NOT NULL AND id > \(id)
            ORDER BY id LIMIT \(limit)
            """
        ) { (try $0[0], try $0[1]) }
        guard let last = rows.last?.0 else { return nil }
        var sealed = 0
        for (id, payload) in rows {
            guard let new = seal(payload) else { continue }
            try transaction.execute("UPDATE key_secrets SET sealed_payload = \(new) WHERE id = \(id)")
            sealed += 1
        }
        return (sealed, rows.count - sealed, last)
    }

    /// Makes a secret another project's and user's.
    static func setOwner(
        _ projectID: String, _ userID: String, of id: String, now: Timestamp, in transaction: any Transaction
    ) throws {
        try transaction.execute(
            "UPDATE key_secrets SET project_id = \(projectID), creator_id = \(userID), updated_at = \(now) WHERE id = \(id)")
    }

    /// Removes a secret with all that belongs to it; whether there was one.
    static func delete(_ id: String, in transaction: any Transaction) throws -> Bool {
        try HolderRecords.deleteBelongings(of: id, in: transaction)
        return try transaction.execute("DELETE FROM key_secrets WHERE id = \(id)") > 0
    }

    // MARK: What users note about a secret

    static func metadata(of id: String, in reader: any Reader) throws -> [String: String] {
        let rows: [(String, String)] = try reader.all(
            "SELECT name, value FROM key_secret_metadata WHERE secret_id = \(id) ORDER BY name"
        ) { (try $0[0], try $0[1]) }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    static func setMetadata(_ metadata: [String: String], of id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM key_secret_metadata WHERE secret_id = \(id)")
        for (name, value) in metadata { try setMetadatum(name, value, of: id, in: transaction) }
    }

    static func setMetadatum(_ name: String, _ value: String, of id: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_secret_metadata (secret_id, name, value) VALUES (\(id), \(name), \(value))
            ON CONFLICT (secret_id, name) DO UPDATE SET value = excluded.value
            """)
    }

    /// Whether there was such a note.
    static func deleteMetadatum(_ name: String, of id: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM key_secret_metadata WHERE secret_id = \(id) AND name = \(name)") > 0
    }
}

/// Which secrets a list answers, and in which order.
struct SecretFilter: Sendable {
    /// A moment's bound, such as "later than".
    struct Bound: Sendable {
        let column: SQL
        let comparison: SQL
        let moment: Timestamp
    }

    var projectID: String
    /// The user whose access lists' secrets are asked for, instead of the project's.
    var reader: String?
    /// Conditions of equality on text columns, each a pattern of SQL's LIKE as upstream has it.
    var patterns: [(column: SQL, pattern: String)] = []
    var type: String?
    var bits: Int?
    var bounds: [Bound] = []
    var sort: [(column: SQL, isAscending: Bool)] = []

    func condition(unexpired: SQL) -> SQL {
        var conditions: [SQL] = [unexpired]
        if let reader {
            conditions.append("s.id IN (SELECT holder_id FROM key_access_users WHERE user_id = \(reader))")
        } else {
            conditions.append("s.project_id = \(projectID)")
        }
        for (column, pattern) in patterns {
            conditions.append("\(column) LIKE \(pattern.replacing("!", with: "!!")) ESCAPE '!'")
        }
        if let type { conditions.append("s.type = \(type)") }
        if let bits { conditions.append("s.bit_length = \(bits)") }
        conditions += bounds.map { "\($0.column) \($0.comparison) \($0.moment)" }
        return conditions.joined(separator: " AND ")
    }

    /// The order, which ends with what makes it total.
    var order: SQL {
        let keys = sort.map { column, isAscending -> SQL in "\(column) \(isAscending ? "ASC" as SQL : "DESC")" }
        return (keys + ["s.created_at ASC", "s.id ASC"]).joined(separator: ", ")
    }
}
