import CloudSettings
import Compute

/// The settings of the choice of hosts, under upstream's names where there are such.
enum SchedulerSettingKeys {
    private static let defaults = SchedulerOptions()
    private static let weights = SchedulerOptions.Weights()
    private static let weightRange = -1_000_000_000.0...1_000_000_000.0

    static let enabledFilters = SettingKey<[String]>(
        "compute.scheduler.enabled_filters", default: defaults.enabledFilters, "The filters that a host must pass, by name."
    ) { names in
        names.first { !SchedulerOptions.knownFilters.contains($0) }.map { "there is no filter \($0)" }
    }
    static let maximumCandidates = SettingKey(
        "compute.scheduler.max_placement_results", default: defaults.maximumCandidates, in: 1...1_000_000,
        "How many hosts with room are looked at for one server; all of them when none of those will do.")
    static let hostSubsetSize = SettingKey(
        "compute.scheduler.host_subset_size", default: defaults.hostSubsetSize, in: 1...1000,
        "Out of how many of the best hosts one is drawn.")
    static let isolatesAggregates = SettingKey(
        "compute.scheduler.enable_isolated_aggregate_filtering", default: defaults.isolatesAggregates,
        "Whether aggregates with trait:NAME=required take only servers that require the trait.")
    static let limitsProjects = SettingKey(
        "compute.scheduler.limit_tenants_to_placement_aggregate", default: defaults.limitsProjectsToAggregates,
        "Whether projects that filter_tenant_id of an aggregate names go only there.")
    static let requiresProjects = SettingKey(
        "compute.scheduler.placement_aggregate_required_for_tenants", default: defaults.requiresProjectAggregates,
        "Whether projects that no aggregate names get no host.")
    static let imageTypes = SettingKey(
        "compute.scheduler.query_placement_for_image_type_support", default: defaults.requiresImageTypeSupport,
        "Whether hosts must have the trait of the image's format.")
    static let imageMetadata = SettingKey(
        "compute.scheduler.image_metadata_prefilter", default: defaults.requiresImageMetadataSupport,
        "Whether hosts must have the traits of what image properties name.")
    static let maximumDiskWork = SettingKey(
        "compute.scheduler.max_io_ops_per_host", default: defaults.maximumDiskWork, in: 0...10_000,
        "How many servers may keep a host's disks busy, for IoOpsFilter.")
    static let maximumServers = SettingKey(
        "compute.scheduler.max_instances_per_host", default: defaults.maximumServersPerHost, in: 1...100_000,
        "How many servers a host may have, for NumInstancesFilter.")
    static let ramWeight = weight("ram", weights.ram, "free memory")
    static let cpuWeight = weight("cpu", weights.cpu, "free processors")
    static let diskWeight = weight("disk", weights.disk, "free disk")
    static let diskWorkWeight = weight("io_ops", weights.diskWork, "busy disks")
    static let softAffinityWeight = weight("soft_affinity", weights.softAffinity, "members of a group with soft affinity")
    static let softAntiAffinityWeight = weight(
        "soft_anti_affinity", weights.softAntiAffinity, "members of a group with soft anti-affinity")
    static let buildFailureWeight = weight("build_failure", weights.buildFailure, "builds that failed there")
    static let versionWeight = weight("hypervisor_version", weights.hypervisorVersion, "the hypervisor's version")
    static let deviceWeight = weight("pci", weights.devices, "want of free PCI devices")
    static let serversWeight = weight("num_instances", weights.servers, "servers there")

    private static func weight(_ name: String, _ value: Double, _ what: String) -> SettingKey<Double> {
        SettingKey(
            "compute.scheduler.\(name)_weight_multiplier", default: value, in: weightRange,
            "How much a host's \(what) counts among those that will do.")
    }

    static let all: [any SettingDeclaration] = [
        enabledFilters, maximumCandidates, hostSubsetSize, isolatesAggregates, limitsProjects, requiresProjects, imageTypes,
        imageMetadata, maximumDiskWork, maximumServers, ramWeight, cpuWeight, diskWeight, diskWorkWeight, softAffinityWeight,
        softAntiAffinityWeight, buildFailureWeight, versionWeight, deviceWeight, serversWeight,
    ]

    static func apply(_ settings: Settings, to options: inout SchedulerOptions) {
        options.enabledFilters = settings[enabledFilters]
        options.maximumCandidates = settings[maximumCandidates]
        options.hostSubsetSize = settings[hostSubsetSize]
        options.isolatesAggregates = settings[isolatesAggregates]
        options.limitsProjectsToAggregates = settings[limitsProjects]
        options.requiresProjectAggregates = settings[requiresProjects]
        options.requiresImageTypeSupport = settings[imageTypes]
        options.requiresImageMetadataSupport = settings[imageMetadata]
        options.maximumDiskWork = settings[maximumDiskWork]
        options.maximumServersPerHost = settings[maximumServers]
        options.weights.ram = settings[ramWeight]
        options.weights.cpu = settings[cpuWeight]
        options.weights.disk = settings[diskWeight]
        options.weights.diskWork = settings[diskWorkWeight]
        options.weights.softAffinity = settings[softAffinityWeight]
        options.weights.softAntiAffinity = settings[softAntiAffinityWeight]
        options.weights.buildFailure = settings[buildFailureWeight]
        options.weights.hypervisorVersion = settings[versionWeight]
        options.weights.devices = settings[deviceWeight]
        options.weights.servers = settings[serversWeight]
    }
}
