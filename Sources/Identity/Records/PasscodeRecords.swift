import CloudStore

/// Which one-time passwords were used, and how often wrong ones were tried, by user and half minute.
enum PasscodeRecords {
    static let tables: [SQL] = [
        """
        CREATE TABLE identity_passcodes (
            user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
            step BIGINT NOT NULL,
            accepted BIGINT NOT NULL,
            failures BIGINT NOT NULL,
            PRIMARY KEY (user_id, step)
        )
        """,
        "CREATE INDEX identity_passcodes_by_step ON identity_passcodes (step)",
    ]

    static func failures(of userID: String, step: Int, _ reader: any Reader) throws -> Int {
        try reader.scalar("SELECT failures FROM identity_passcodes WHERE user_id = \(userID) AND step = \(step)", as: Int.self) ?? 0
    }

    /// Uses up the password of a step; whether it was still there.
    static func accept(of userID: String, step: Int, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO identity_passcodes (user_id, step, accepted, failures) VALUES (\(userID), \(step), 1, 0)
            ON CONFLICT (user_id, step) DO UPDATE SET accepted = 1 WHERE identity_passcodes.accepted = 0
            """) > 0
    }

    static func countFailure(of userID: String, step: Int, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_passcodes (user_id, step, accepted, failures) VALUES (\(userID), \(step), 0, 1)
            ON CONFLICT (user_id, step) DO UPDATE SET failures = identity_passcodes.failures + 1
            """)
    }

    static func forget(before step: Int, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_passcodes WHERE step < \(step)")
    }
}
