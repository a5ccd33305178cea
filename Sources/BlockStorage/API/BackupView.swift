import CloudAPI
import CloudCore

/// What the API says of backups: those of one answer.
struct BackupView: Sendable {
    let request: APIRequest
    /// Those that others add to.
    let parents: Set<String>

    /// A backup in a list without details, or one just made.
    func writeSummary(_ backup: Backup, to json: inout JSONWriter) {
        json.object {
            $0.member("id", backup.id)
            $0.member("name", backup.name)
            request.writeLinks("backups", backup.id, to: &$0)
        }
    }

    /// A backup with everything.
    func write(_ backup: Backup, to json: inout JSONWriter) {
        json.object {
            $0.member("id", backup.id)
            $0.member("status", backup.status.rawValue)
            $0.member("size", backup.size)
            $0.member("object_count", backup.objectCount)
            $0.member("availability_zone", backup.availabilityZone)
            $0.member("container", backup.container)
            $0.member("created_at", backup.createdAt.iso8601Naive)
            $0.member("updated_at", backup.updatedAt?.iso8601Naive)
            $0.member("name", backup.name)
            $0.member("description", backup.description)
            $0.member("fail_reason", backup.failReason)
            $0.member("volume_id", backup.volumeID)
            request.writeLinks("backups", backup.id, to: &$0)
            $0.member("is_incremental", backup.parentID != nil)
            $0.member("has_dependent_backups", parents.contains(backup.id))
            $0.member("snapshot_id", backup.snapshotID)
            $0.member("data_timestamp", backup.dataTimestamp?.iso8601Naive)
            writeLater(backup, to: &$0)
        }
    }

    private func writeLater(_ backup: Backup, to json: inout JSONWriter) {
        let seesOwner = request.allows("backup:backup_project_attribute", backup.target)
        if request.isFrom(18), seesOwner { json.member("os-backup-project-attr:project_id", backup.projectID) }
        if request.isFrom(43) { json.member("metadata", JSON(backup.metadata)) }
        if request.isFrom(56), seesOwner { json.member("user_id", backup.userID) }
        if request.isFrom(64), let key = backup.details.encryptionKeyID { json.member("encryption_key_id", key) }
    }
}
