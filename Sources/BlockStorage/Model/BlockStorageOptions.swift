/// What an operator decides about block storage.
public struct BlockStorageOptions: Sendable, Hashable {
    /// The zone of storage hosts, and of volumes that name none.
    public var availabilityZone = "nova"
    /// The name of the volume type of volumes that name none.
    public var defaultVolumeType = "__DEFAULT__"
    /// The longest page of a list (osapi_max_limit).
    public var maximumListLength = 1000
    /// How long a storage host may be silent before it counts as down (service_down_time).
    public var serviceDownTime = Duration.seconds(60)
    /// Whether a volume with its source in another zone is made in that one (cloned_volume_same_az).
    public var clonesInSameZone = true
    /// Whether a snapshot's gigabytes count as its volume's do (no_snapshot_gb_quota turned around).
    public var countsSnapshotGigabytes = true
    /// On how many back ends a volume's making is tried (scheduler_max_attempts).
    public var schedulerAttempts = 3
    /// The weight of free capacity; below zero volumes are packed (capacity_weight_multiplier).
    public var capacityWeight = 1.0
    /// The weight of what is promised already; below zero back ends with less are better (allocated_capacity_weight_multiplier).
    public var allocatedWeight = 0.0
    /// The name of the controller's host.
    public var controllerHostName = "controller"
    /// What projects may have when nothing else is set.
    public var quota = VolumeQuota()

    /// The defaults.
    public init() {}
}

/// The limits of a project; -1 means none (Cinder's quota resources).
public struct VolumeQuota: Sendable, Hashable, Codable {
    /// Volumes.
    public var volumes = 10
    /// Snapshots.
    public var snapshots = 10
    /// GiB of volumes and snapshots together.
    public var gigabytes = 1000
    /// Backups.
    public var backups = 10
    /// GiB of backups.
    public var backupGigabytes = 1000
    /// Groups of volumes.
    public var groups = 10
    /// GiB of one volume.
    public var perVolumeGigabytes = -1

    /// Upstream's defaults.
    public init() {}

    /// The limits under upstream's names.
    var limits: [String: Int] {
        [
            "volumes": volumes, "snapshots": snapshots, "gigabytes": gigabytes, "backups": backups,
            "backup_gigabytes": backupGigabytes, "groups": groups, "per_volume_gigabytes": perVolumeGigabytes,
        ]
    }
}
