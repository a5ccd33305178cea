import BlockStorage
import CloudSettings

/// The settings of block storage, under upstream's names where there are such.
enum VolumeSettingKeys {
    private static let defaults = BlockStorageOptions()
    private static let amount = -1...1_000_000_000

    static let availabilityZone = SettingKey(
        "volume.storage_availability_zone", default: defaults.availabilityZone, "The zone of storage hosts and their volumes.")
    static let defaultType = SettingKey(
        "volume.default_volume_type", default: defaults.defaultVolumeType, "The type of volumes that name none.")
    static let serviceDownTime = SettingKey<Duration>(
        "volume.service_down_time", default: defaults.serviceDownTime, in: .seconds(5)...(.seconds(86400)),
        "After how many seconds of silence a storage host counts as down.")
    static let clonesInSameZone = SettingKey(
        "volume.cloned_volume_same_az", default: defaults.clonesInSameZone, "Whether a volume made of another is made in its zone.")
    static let countsNoSnapshots = SettingKey(
        "volume.no_snapshot_gb_quota", default: !defaults.countsSnapshotGigabytes, "Whether snapshots' gigabytes count in no quota.")
    static let schedulerAttempts = SettingKey(
        "volume.scheduler_max_attempts", default: defaults.schedulerAttempts, in: 1...100, "On how many back ends a volume's making is tried.")
    static let capacityWeight = SettingKey(
        "volume.capacity_weight_multiplier", default: defaults.capacityWeight, in: -1_000_000.0...1_000_000.0,
        "How much free capacity counts among the pools that will do; below zero volumes are packed.")
    static let allocatedWeight = SettingKey(
        "volume.allocated_capacity_weight_multiplier", default: defaults.allocatedWeight, in: -1_000_000.0...1_000_000.0,
        "How much what a pool has promised counts; below zero those with less are better.")
    static let quotaVolumes = quota("volumes", defaults.quota.volumes, "Volumes of a project")
    static let quotaSnapshots = quota("snapshots", defaults.quota.snapshots, "Snapshots of a project")
    static let quotaGigabytes = quota("gigabytes", defaults.quota.gigabytes, "GiB of a project's volumes and snapshots")
    static let quotaBackups = quota("backups", defaults.quota.backups, "Backups of a project")
    static let quotaBackupGigabytes = quota("backup_gigabytes", defaults.quota.backupGigabytes, "GiB of a project's backups")
    static let quotaGroups = quota("groups", defaults.quota.groups, "Groups of volumes of a project")
    static let quotaPerVolume = quota("per_volume_gigabytes", defaults.quota.perVolumeGigabytes, "GiB of one volume")

    private static func quota(_ name: String, _ value: Int, _ what: String) -> SettingKey<Int> {
        SettingKey("volume.quota.\(name)", default: value, in: amount, "\(what); -1 for any number.")
    }

    /// One key, or list of keys, a line.
    static let all: [any SettingDeclaration] = [
        availabilityZone, defaultType, serviceDownTime, clonesInSameZone, countsNoSnapshots,
        schedulerAttempts, capacityWeight, allocatedWeight,
        quotaVolumes, quotaSnapshots, quotaGigabytes, quotaBackups, quotaBackupGigabytes, quotaGroups, quotaPerVolume,
    ]

    static func options(_ settings: Settings, hostName: String) -> BlockStorageOptions {
        var options = BlockStorageOptions()
        options.availabilityZone = settings[availabilityZone]
        options.defaultVolumeType = settings[defaultType]
        options.serviceDownTime = settings[serviceDownTime]
        options.clonesInSameZone = settings[clonesInSameZone]
        options.countsSnapshotGigabytes = !settings[countsNoSnapshots]
        options.schedulerAttempts = settings[schedulerAttempts]
        options.capacityWeight = settings[capacityWeight]
        options.allocatedWeight = settings[allocatedWeight]
        options.controllerHostName = hostName
        options.quota.volumes = settings[quotaVolumes]
        options.quota.snapshots = settings[quotaSnapshots]
        options.quota.gigabytes = settings[quotaGigabytes]
        options.quota.backups = settings[quotaBackups]
        options.quota.backupGigabytes = settings[quotaBackupGigabytes]
        options.quota.groups = settings[quotaGroups]
        options.quota.perVolumeGigabytes = settings[quotaPerVolume]
        return options
    }
}
