import CloudCore
import Foundation

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
    /// Where the proxy of consoles is reached, `http://host:port`; nil when none is served.
    public var consoleURL: String?
    /// Whether a server may be resized where it is (upstream's allow_resize_to_same_host; needed where there is one host).
    public var allowsResizeToSameHost = false
    /// After how long a resize that nobody confirmed is confirmed by itself; zero for never (resize_confirm_window).
    public var resizeConfirmWindow: Duration = .zero
    /// How long a shelved server stays on its host, in seconds; zero to leave at once, -1 for never (shelved_offload_time).
    public var shelvedOffloadSeconds = 0
    /// How long the deletion of a server can be taken back; zero deletes at once (upstream's reclaim_instance_interval).
    public var reclaimInterval: Duration = .zero
    /// How long deleted servers' rows are kept.
    public var deletedRetention: Duration = .seconds(7 * 24 * 3600)
    /// The name under which the controller's own services are listed.
    public var controllerHostName = ProcessInfo.processInfo.hostName
    /// The zone of those services.
    public var internalAvailabilityZone = "internal"
    /// How hosts are chosen for servers.
    public var scheduler = SchedulerOptions()
    /// What the operator tells every guest (vendor_data.json), an object; nil for nothing.
    public var vendorData: JSON?
    /// Whether no guest is made while one of the operator's services that tell guests more does not answer
    /// (vendordata_dynamic_failure_fatal).
    public var isVendorDataFailureFatal = false
    /// Whether usage is audited (upstream's instance_usage_audit), and over which periods.
    public var auditsUsage = false
    /// The periods.
    public var auditSchedule = AuditSchedule.monthly
    /// The names under which flavors may ask for devices (nova's pci alias).
    public var deviceAliases: Set<String> = []
    /// The limits of a project that has none of its own.
    public var quota = ComputeQuota()
    /// Whether projects' limits are the unified ones that Identity keeps, instead of quota sets.
    public var usesUnifiedLimits = false

    /// Upstream's defaults.
    public init() {}
}
