import CloudCore

/// The operator's choices for compute.
public struct ComputeOptions: Sendable {
    /// How long after its last report a host counts as down.
    public var serviceDownTime: Duration = .seconds(60)
    /// On how many hosts a build is tried before it fails (upstream's max_attempts).
    public var maximumBuildAttempts = 3
    /// How long a build may take, with the image's way to the host.
    public var buildDeadline: Duration = .seconds(1800)
    /// How long a guest may take to shut down before it is turned off, in seconds (upstream's shutdown_timeout).
    public var shutdownGraceSeconds = 60
    /// The availability zone of hosts that are in no other.
    public var defaultAvailabilityZone = "nova"
    /// How many times processors may be given away.
    public var cpuAllocationRatio = 4.0
    /// How many times memory may be given away.
    public var memoryAllocationRatio = 1.0
    /// How many times disk may be given away.
    public var diskAllocationRatio = 1.0
    /// Memory in MiB that a host keeps for itself.
    public var reservedHostMemoryMiB = 512
    /// How many items a list answers at most.
    public var maximumListLength = 1000
    /// How long deleted servers' rows are kept.
    public var deletedRetention: Duration = .seconds(7 * 24 * 3600)
    /// The limits of a project that has none of its own.
    public var quota = ComputeQuota()

    /// Upstream's defaults.
    public init() {}
}

/// The limits of a project or user; -1 means none (nova's quota resources).
public struct ComputeQuota: Sendable, Hashable, Codable {
    /// Servers.
    public var instances = 10
    /// Virtual processors of all servers.
    public var cores = 20
    /// Memory of all servers in MiB.
    public var ram = 51200
    /// Metadata items of a server.
    public var metadataItems = 128
    /// Key pairs of a user.
    public var keyPairs = 100
    /// Server groups.
    public var serverGroups = 10
    /// Members of a server group.
    public var serverGroupMembers = 10

    /// Upstream's defaults.
    public init() {}
}
