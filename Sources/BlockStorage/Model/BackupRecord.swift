import CloudCore
import Foundation

/// A backup's record as it is exported and imported: base64 of JSON with Cinder's names, so that a cloud that has lost its
/// database finds its backups again.
enum BackupRecord {
    /// Cinder's name of the program that keeps backups in such a place.
    static func service(of driver: String) -> String {
        switch driver {
        case "nfs": "cinder.backup.drivers.nfs.NFSBackupDriver"
        case "swift": "cinder.backup.drivers.swift.SwiftBackupDriver"
        default: "cinder.backup.drivers.posix.PosixBackupDriver"
        }
    }

    /// The place that a program's name means; nil for one that there is not here.
    static func driver(of service: String) -> String? {
        ["file", "nfs", "swift"].first { self.service(of: $0) == service }
    }

    static func text(of backup: Backup) -> String {
        var record: JSONObject = [
            "id": .string(backup.id), "user_id": .string(backup.userID), "project_id": .string(backup.projectID),
            "volume_id": .string(backup.volumeID), "status": .string(backup.status.rawValue), "size": .int(backup.size),
            "object_count": .int(backup.objectCount), "service": .string(service(of: backup.driver)),
            "service_metadata": .string(backup.dataID), "metadata": JSON(backup.metadata), "driver_info": .object([:]),
            "created_at": .string(backup.createdAt.iso8601),
            "volume_metadata": JSON(backup.details.volumeMetadata), "volume_image_metadata": JSON(backup.details.imageMetadata),
            "volume_bootable": .bool(backup.details.isBootable),
        ]
        let texts: [(String, String?)] = [
            ("display_name", backup.name), ("display_description", backup.description), ("snapshot_id", backup.snapshotID),
            ("parent_id", backup.parentID), ("parent_service_metadata", backup.details.parentDataID), ("container", backup.container),
            ("availability_zone", backup.availabilityZone), ("host", backup.host), ("fail_reason", backup.failReason),
            ("data_timestamp", backup.dataTimestamp?.iso8601), ("encryption_key_id", backup.details.encryptionKeyID),
            ("volume_type_id", backup.details.typeID),
        ]
        for (name, value) in texts { record[name] = value.map { .string($0) } ?? .null }
        return Data(JSON.object(record).bytes).base64EncodedString()
    }

    /// Reads a record into a backup of the importing user.
    /// - Throws: 400 for a text that is no record.
    static func backup(_ text: String, driver: String, projectID: String, userID: String) throws -> Backup {
        guard let data = Data(base64Encoded: text), let record = try? JSON(parsing: Array(data)), record.object != nil else {
            throw BlockStorageError.invalidInput("Can't parse backup record.")
        }
        guard let id = record["id"]?.string else { throw BlockStorageError.invalidInput("Provided backup record is missing an id") }
        guard Identifier.isUUID(id) else { throw BlockStorageError.invalidInput("The backup record's id is no UUID.") }
        guard let size = record["size"]?.int, (1...Int(Int32.max)).contains(size) else {
            throw BlockStorageError.invalidInput("Provided backup record is missing size attribute")
        }
        let volumeID = record["volume_id"]?.string.flatMap { Identifier.isUUID($0) ? $0 : nil }
        var backup = Backup(
            id: id, projectID: projectID, userID: userID, name: short(record["display_name"]),
            description: short(record["display_description"]), volumeID: volumeID ?? "00000000-0000-0000-0000-000000000000",
            snapshotID: uuid(record["snapshot_id"]), parentID: uuid(record["parent_id"]), status: .available, size: size,
            objectCount: record["object_count"]?.int ?? 0, container: short(record["container"]),
            availabilityZone: short(record["availability_zone"]), host: nil, driver: driver, createdAt: .now)
        backup.metadata = record["metadata"]?.stringDictionary ?? [:]
        backup.dataTimestamp = record["data_timestamp"]?.string.flatMap { Timestamp(iso8601: $0) }
        backup.details.dataID = uuid(record["service_metadata"])
        backup.details.parentDataID = uuid(record["parent_service_metadata"])
        backup.details.volumeMetadata = record["volume_metadata"]?.stringDictionary ?? [:]
        backup.details.imageMetadata = record["volume_image_metadata"]?.stringDictionary ?? [:]
        backup.details.isBootable = record["volume_bootable"]?.bool ?? false
        backup.details.encryptionKeyID = uuid(record["encryption_key_id"])
        backup.details.typeID = uuid(record["volume_type_id"])
        return backup
    }

    /// Ids become names of files: nothing else passes.
    private static func uuid(_ value: JSON?) -> String? { value?.string.flatMap { Identifier.isUUID($0) ? $0 : nil } }
    private static func short(_ value: JSON?) -> String? { value?.string.map { String($0.prefix(255)) } }
}
