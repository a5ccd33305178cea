import CloudCore
import CloudStore

/// An offer of a volume to whoever has its key.
struct VolumeTransfer: Sendable, Hashable {
    var id: String
    var volumeID: String
    var name: String?
    /// What the key was hashed with, and the hash; the key itself is shown once and not kept.
    var salt: String
    var digest: String
    /// Whether the volume's snapshots stay behind.
    var leavesSnapshots: Bool
    var sourceProjectID: String
    var createdAt: Timestamp
}

/// The transfers' rows. One that was accepted is gone.
enum TransferRecords {
    static let migration = Migration(11, "transfers of volumes", [
        """
        CREATE TABLE volume_transfers (
            id TEXT PRIMARY KEY, volume_id TEXT NOT NULL UNIQUE REFERENCES volumes (id) ON DELETE CASCADE, name TEXT, salt TEXT NOT NULL,
            digest TEXT NOT NULL, leaves_snapshots BIGINT NOT NULL, source_project_id TEXT NOT NULL, created_at BIGINT NOT NULL)
        """,
        "CREATE INDEX volume_transfers_by_project ON volume_transfers (source_project_id, created_at, id)",
    ])

    private static let columns: SQL = "id, volume_id, name, salt, digest, leaves_snapshots, source_project_id, created_at"

    private static func transfer(_ row: borrowing Row) throws -> VolumeTransfer {
        VolumeTransfer(
            id: try row[0], volumeID: try row[1], name: try row[2], salt: try row[3], digest: try row[4],
            leavesSnapshots: try row[5], sourceProjectID: try row[6], createdAt: try row[7])
    }

    static func find(_ id: String, in reader: any Reader) throws -> VolumeTransfer? {
        try reader.first("SELECT \(columns) FROM volume_transfers WHERE id = \(id)", transfer)
    }

    /// A page of a list.
    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [VolumeTransfer] {
        try reader.all("SELECT \(columns) FROM volume_transfers\(try selection.clause(table, in: reader))", transfer)
    }

    /// What transfers can be sorted by.
    static let table = ListTable(
        "volume_transfers",
        keys: [
            "id": "id", "created_at": "created_at", "name": "COALESCE(name, '')", "display_name": "COALESCE(name, '')",
            "volume_id": "volume_id",
        ])

    static func insert(_ transfer: VolumeTransfer, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_transfers (\(columns)) VALUES (\(transfer.id), \(transfer.volumeID), \(transfer.name), \(transfer.salt),
                \(transfer.digest), \(transfer.leavesSnapshots), \(transfer.sourceProjectID), \(transfer.createdAt))
            """)
    }

    /// Removes the offer of a volume, if there is one.
    static func delete(volume id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_transfers WHERE volume_id = \(id)")
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_transfers WHERE id = \(id)")
    }
}
