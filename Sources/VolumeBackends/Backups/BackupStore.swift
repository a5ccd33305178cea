import VolumeMessages

/// Where backups are kept. Every method may be repeated.
public protocol BackupStore: Sendable {
    /// Keeps a volume's bytes: all of them, or what differs from the parent. A backup is there whole or not at all.
    /// - Throws: `VolumeFailure` with `full`, or `backupDamaged` where the parent can't be read.
    func keep(_ backup: BackupSpecification, _ bytes: any VolumeBytes) async throws -> CreateBackup.Reply

    /// Writes a backup's bytes, each piece checked against its digest, and zeros where it has none.
    /// - Throws: `VolumeFailure` with `backupDamaged`; the volume is then as far as it was written.
    func restore(_ backup: BackupSpecification, to bytes: any VolumeBytes) async throws

    /// Removes a backup; an unknown one is success.
    func remove(_ backup: BackupSpecification) async throws
}
