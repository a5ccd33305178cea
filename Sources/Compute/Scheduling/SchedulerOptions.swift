/// How hosts are chosen (nova's sections scheduler and filter_scheduler).
public struct SchedulerOptions: Sendable {
    /// The filters that a host must pass, by upstream's names.
    public var enabledFilters = [
        "ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter", "ServerGroupAntiAffinityFilter",
        "ServerGroupAffinityFilter", "SameHostFilter", "DifferentHostFilter",
    ]
    /// How many candidates, from a random place on, are looked at for one server (max_placement_results); all of them
    /// when none of those passes, or when the members of a group are to be found. Upstream looks at a thousand; the best of
    /// two hundred is hardly worse, and found in a fifth of the time.
    public var maximumCandidates = 200
    /// Out of how many of the best hosts one is drawn (host_subset_size).
    public var hostSubsetSize = 1
    /// How many further hosts are kept in reserve in case the best is full by the time of the claim.
    public var alternates = 4
    /// How much each quality of a host counts.
    public var weights = Weights()
    /// Whether an aggregate with traits takes only servers that require them (enable_isolated_aggregate_filtering).
    public var isolatesAggregates = false
    /// Whether projects with an aggregate of their own go only there (limit_tenants_to_placement_aggregate).
    public var limitsProjectsToAggregates = false
    /// Whether a project without an aggregate of its own gets no host (placement_aggregate_required_for_tenants).
    public var requiresProjectAggregates = false
    /// Whether hosts must have a trait for the image's format (query_placement_for_image_type_support).
    public var requiresImageTypeSupport = false
    /// Whether hosts must have traits for what image properties name (image_metadata_prefilter).
    public var requiresImageMetadataSupport = false
    /// The architecture of images that name none; nil for any (image_properties_default_architecture).
    public var defaultArchitecture: String?
    /// How many servers may keep a host's disks busy (max_io_ops_per_host).
    public var maximumDiskWork = 8
    /// How many servers a host may have under NumInstancesFilter (max_instances_per_host).
    public var maximumServersPerHost = 50
    /// The hosts that take only isolated images, by name (isolated_hosts).
    public var isolatedHosts: Set<String> = []
    /// The images that go only to isolated hosts, by UUID (isolated_images).
    public var isolatedImages: Set<String> = []
    /// Whether isolated hosts take nothing else (restrict_isolated_hosts_to_isolated_images).
    public var restrictsIsolatedHosts = true

    /// How much each quality of a host counts; negative numbers turn it round. Metadata of aggregates overrides them for
    /// their hosts.
    public struct Weights: Sendable {
        /// Free memory: spread by it.
        public var ram = 1.0
        /// Free processors: spread by them.
        public var cpu = 1.0
        /// Free disk: spread by it.
        public var disk = 1.0
        /// Servers that keep its disks busy: avoid them.
        public var diskWork = -1.0
        /// Members of a group with soft affinity.
        public var softAffinity = 1.0
        /// Members of a group with soft anti-affinity.
        public var softAntiAffinity = 1.0
        /// Builds that failed there one after the other: avoid it.
        public var buildFailure = 1_000_000.0
        /// The hypervisor's version: newer ones first.
        public var hypervisorVersion = 1.0
        /// That few devices for one guest alone are free: servers that ask for none stay away from those that have them, and those
        /// that ask are put together.
        public var devices = 1.0
        /// Servers there: positive packs, negative spreads.
        public var servers = 0.0

        /// Upstream's defaults.
        public init() {}
    }

    /// The names of all filters there are.
    public static var knownFilters: [String] { HostFilter.all.map(\.name) }

    /// Upstream's defaults, with the two filters for hints that clients expect to work.
    public init() {}
}
