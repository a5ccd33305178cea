import CloudCore
import CloudStore

/// Credentials in the database.
enum CredentialRecords {
    static let filters = FilterColumns(["user_id": ("c.user_id", .text), "type": ("c.type", .text)])

    private static let columns: SQL = "c.id, c.user_id, c.project_id, c.type, c.sealed_blob, c.extra"

    private static func credential(_ row: borrowing Row) throws -> Credential {
        Credential(
            id: try row[0], userID: try row[1], projectID: try row[2], type: try row[3], sealedBlob: try row[4],
            extra: (try row[5] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Credential? {
        try reader.first("SELECT \(columns) FROM identity_credentials c WHERE c.id = \(id)", credential)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [Credential] {
        let matching = query.whereClause(filters, id: "c.id")
        return try reader.all("SELECT \(columns) FROM identity_credentials c\(matching)\(query.pageClause(id: "c.id"))", credential)
    }

    /// A user's credentials of one type, in order of their ids.
    static func list(ofUser userID: String, type: String, _ reader: any Reader) throws -> [Credential] {
        try reader.all(
            "SELECT \(columns) FROM identity_credentials c WHERE c.user_id = \(userID) AND c.type = \(type) ORDER BY c.id", credential)
    }

    static func insert(_ credential: Credential, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_credentials (id, user_id, project_id, type, sealed_blob, extra)
            VALUES (\(credential.id), \(credential.userID), \(credential.projectID), \(credential.type),
                \(credential.sealedBlob), \(JSON.object(credential.extra)))
            """)
    }

    static func setBlob(_ sealedBlob: String, of id: String, _ transaction: any Transaction) throws {
        try transaction.execute("UPDATE identity_credentials SET sealed_blob = \(sealedBlob) WHERE id = \(id)")
    }

    /// Whether there was such a credential.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_credentials WHERE id = \(id)") > 0
    }
}

/// Everything that is sealed under the credential keys.
enum SealedRecords {
    /// The tables with their columns of sealed text.
    private static let columns: [(table: SQL, column: SQL)] = [
        ("identity_credentials", "sealed_blob"), ("identity_oauth_consumers", "sealed_secret"),
        ("identity_oauth_request_tokens", "sealed_secret"), ("identity_oauth_request_tokens", "sealed_verifier"),
        ("identity_oauth_access_tokens", "sealed_secret"),
    ]

    /// Puts another text in the place of every sealed one.
    static func replace(_ transaction: any Transaction, with replacement: (String) throws -> String) throws {
        for (table, column) in columns {
            let rows: [(id: String, sealed: String)] = try transaction.all(
                "SELECT id, \(column) FROM \(table) WHERE \(column) IS NOT NULL ORDER BY id"
            ) { (try $0[0], try $0[1]) }
            for row in rows {
                try transaction.execute("UPDATE \(table) SET \(column) = \(try replacement(row.sealed)) WHERE id = \(row.id)")
            }
        }
    }
}
