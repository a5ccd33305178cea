import CloudCore
import CloudStore
import VolumeMessages

/// The attachments' rows.
enum AttachmentRecords {
    private static let columns: SQL = """
        id, volume_id, project_id, server_id, host, device, status, mode, connector, connection, attached_at, detached_at, created_at, \
        is_held_by_compute, qos_specs
        """

    private static func attachment(_ row: borrowing Row) throws -> Attachment {
        let connection: Stored<VolumeConnection>? = try row[9]
        return Attachment(
            id: try row[0], volumeID: try row[1], projectID: try row[2], serverID: try row[3], host: try row[4], device: try row[5],
            status: try row[6], mode: try row[7], connector: try row[8], connection: connection?.value, qosSpecs: try row[14],
            attachedAt: try row[10], detachedAt: try row[11], createdAt: try row[12], isHeldByCompute: try row[13])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Attachment? {
        try reader.first("SELECT \(columns) FROM volume_attachments WHERE id = \(id)", attachment)
    }

    /// A volume's attachments, the oldest first.
    static func of(volume id: String, in reader: any Reader) throws -> [Attachment] {
        try all(where: "volume_id = \(id)", in: reader)
    }

    /// The attachments of several volumes, by volume.
    static func of(volumes ids: [String], in reader: any Reader) throws -> [String: [Attachment]] {
        guard !ids.isEmpty else { return [:] }
        return Dictionary(grouping: try all(where: "volume_id IN \(in: ids)", in: reader), by: \.volumeID)
    }

    /// The attachments that a condition on the table's columns holds for, the oldest first.
    static func all(where condition: SQL, in reader: any Reader) throws -> [Attachment] {
        try reader.all("SELECT \(columns) FROM volume_attachments WHERE \(condition) ORDER BY created_at, id", attachment)
    }

    /// A page of a list.
    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [Attachment] {
        try reader.all("SELECT \(columns) FROM volume_attachments\(try selection.clause(table, in: reader))", attachment)
    }

    /// What attachments can be sorted by.
    static let table = ListTable(
        "volume_attachments",
        keys: [
            "id": "id", "created_at": "created_at", "volume_id": "volume_id", "attach_status": "status", "status": "status",
            "instance_uuid": "COALESCE(server_id, '')", "attached_host": "COALESCE(host, '')",
            "mountpoint": "COALESCE(device, '')", "attach_time": "COALESCE(attached_at, 0)",
        ])

    static func insert(_ attachment: Attachment, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_attachments (\(columns)) VALUES (\(attachment.id), \(attachment.volumeID), \(attachment.projectID),
                \(attachment.serverID), \(attachment.host), \(attachment.device), \(attachment.status), \(attachment.mode),
                \(attachment.connector), \(attachment.connection.map { Stored($0.withoutSecrets) }), \(attachment.attachedAt),
                \(attachment.detachedAt), \(attachment.createdAt), \(attachment.isHeldByCompute), \(attachment.qosSpecs))
            """)
    }

    /// Saves an attachment as it is.
    static func update(_ attachment: Attachment, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volume_attachments SET volume_id = \(attachment.volumeID), project_id = \(attachment.projectID),
                server_id = \(attachment.serverID), host = \(attachment.host), device = \(attachment.device),
                status = \(attachment.status), mode = \(attachment.mode), connector = \(attachment.connector),
                connection = \(attachment.connection.map { Stored($0.withoutSecrets) }), attached_at = \(attachment.attachedAt),
                detached_at = \(attachment.detachedAt),
                is_held_by_compute = \(attachment.isHeldByCompute), qos_specs = \(attachment.qosSpecs)
            WHERE id = \(attachment.id)
            """)
    }

    /// Reads an attachment, changes it and saves it.
    /// - Returns: the attachment as saved, or nil when there is none.
    @discardableResult
    static func change(
        _ id: String, in transaction: any Transaction, _ change: (inout Attachment) throws -> Void
    ) throws -> Attachment? {
        guard var attachment = try find(id, in: transaction) else { return nil }
        try change(&attachment)
        try update(attachment, in: transaction)
        return attachment
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_attachments WHERE id = \(id)")
    }
}
