import CloudStore

/// What depends on volume types.
enum CatalogueUse {
    /// Whether a volume has a type.
    static func hasVolumes(type id: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM volumes WHERE type_id = \(id) LIMIT 1", as: Int.self) != nil
    }

    /// Whether a volume, a snapshot or a group has a type.
    static func isUsed(type id: String, in reader: any Reader) throws -> Bool {
        if try hasVolumes(type: id, in: reader) { return true }
        let snapshot = try reader.scalar("SELECT 1 FROM volume_snapshots WHERE type_id = \(id) LIMIT 1", as: Int.self)
        let group = try reader.scalar("SELECT 1 FROM volume_group_volume_types WHERE type_id = \(id) LIMIT 1", as: Int.self)
        return snapshot != nil || group != nil
    }
}

extension VolumeQuotaRecords {
    /// Renames a volume type in the limits of projects and classes. Limits that the new name has already give way.
    static func rename(type name: String, to newName: String, in transaction: any Transaction) throws {
        for part in ["volumes", "gigabytes", "snapshots"] {
            let (old, new) = ("\(part)_\(name)", "\(part)_\(newName)")
            for table in ["volume_quotas", "volume_quota_classes"] as [SQL] {
                try transaction.execute("DELETE FROM \(table) WHERE resource = \(new)")
                try transaction.execute("UPDATE \(table) SET resource = \(new) WHERE resource = \(old)")
            }
        }
    }
}
