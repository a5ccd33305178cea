import CloudStore

extension Identity {
    /// What the rules about passwords need to know of them: whether their users chose them.
    static let complianceTables: [SQL] = [
        "ALTER TABLE identity_local_users ADD COLUMN password_self_service BIGINT NOT NULL DEFAULT 0"
    ]
}
