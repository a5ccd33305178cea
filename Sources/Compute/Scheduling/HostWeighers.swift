/// A quality of hosts that decides between those that pass every filter (nova.scheduler.weights).
struct HostWeigher: Sendable {
    /// The item of aggregates' metadata that overrides how much it counts.
    private let key: String
    private let multiplier: Double
    /// What counts as nothing; nil: the least among the hosts.
    private let minimum: Double?
    private let weight: @Sendable (HostState, SchedulingContext) -> Double
    /// Upstream negates the multiplier of build failures after reading it.
    private let sign: Double

    private init(
        _ key: String, _ multiplier: Double, minimum: Double? = nil, sign: Double = 1,
        _ weight: @escaping @Sendable (HostState, SchedulingContext) -> Double
    ) {
        (self.key, self.multiplier, self.minimum, self.sign, self.weight) = (key, multiplier, minimum, sign, weight)
    }

    /// Every quality, with how much it counts.
    static func all(_ weights: SchedulerOptions.Weights) -> [HostWeigher] {
        [
            HostWeigher("ram_weight_multiplier", weights.ram, minimum: 0) { state, _ in Double(state.room.memoryMiB) },
            HostWeigher("cpu_weight_multiplier", weights.cpu, minimum: 0) { state, _ in Double(state.room.vcpus) },
            HostWeigher("disk_weight_multiplier", weights.disk, minimum: 0) { state, _ in Double(state.room.diskGiB) },
            HostWeigher("io_ops_weight_multiplier", weights.diskWork, minimum: 0) { state, _ in Double(state.diskWork) },
            HostWeigher("soft_affinity_weight_multiplier", weights.softAffinity) { state, context in
                context.group?.policy == .softAffinity ? Double(context.members[state.host.name] ?? 0) : 0
            },
            HostWeigher("soft_anti_affinity_weight_multiplier", weights.softAntiAffinity) { state, context in
                context.group?.policy == .softAntiAffinity ? -Double(context.members[state.host.name] ?? 0) : 0
            },
            HostWeigher("build_failure_weight_multiplier", weights.buildFailure, sign: -1) { state, _ in Double(state.buildFailures) },
            HostWeigher("hypervisor_version_weight_multiplier", weights.hypervisorVersion) { state, _ in
                Double(state.host.hypervisorVersion)
            },
            HostWeigher("pci_weight_multiplier", weights.devices) { state, _ in
                Double(deviceLimit - min(state.freeDevices, deviceLimit - 1))
            },
            HostWeigher("num_instances_weight_multiplier", weights.servers) { state, _ in Double(state.servers) },
        ]
    }

    /// From so many free devices on a host counts as having plenty, as upstream has it.
    private static let deviceLimit = 100

    /// Adds to each host's score: its weight between 0 and 1, times how much that counts.
    func weigh(_ states: [HostState], _ context: SchedulingContext, into scores: inout [Double]) {
        let isOverridden = context.overriddenWeights.contains(key)
        guard multiplier != 0 || isOverridden else { return }
        let weights = states.map { state in max(weight(state, context), minimum ?? -.infinity) }
        guard let highest = weights.max(), let lowest = minimum ?? weights.min(), highest != lowest else { return }
        let range = highest - lowest
        // By places: a state is a large value to copy.
        for place in states.indices {
            let multiplier = isOverridden ? states[place].least(key, fallback: multiplier) : multiplier
            scores[place] += sign * multiplier * (weights[place] - lowest) / range
        }
    }
}
