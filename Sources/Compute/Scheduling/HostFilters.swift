import CloudCore
import ComputeMessages
import Foundation

/// A condition on hosts (nova.scheduler.filters), by upstream's name.
struct HostFilter: Sendable {
    /// The name in the setting.
    let name: String
    /// Whether it also decides if a server may be rebuilt where it is.
    let countsOnRebuild: Bool
    /// Whether it asks how many servers a host has.
    let countsServers: Bool
    let passes: @Sendable (HostState, SchedulingContext) -> Bool

    init(
        _ name: String, rebuild: Bool = false, countsServers: Bool = false,
        _ passes: @escaping @Sendable (HostState, SchedulingContext) -> Bool
    ) {
        (self.name, countsOnRebuild, self.countsServers, self.passes) = (name, rebuild, countsServers, passes)
    }

    /// Every filter there is.
    static let all: [HostFilter] = plain + machine + aggregate

    /// The filters of these names; unknown ones are left out.
    static func named(_ names: [String]) -> [HostFilter] { names.compactMap { name in all.first { $0.name == name } } }

    private static let plain: [HostFilter] = [
        HostFilter("AllHostsFilter") { _, _ in true },
        HostFilter("ComputeFilter") { state, context in
            !state.host.isDisabled && state.host.isUp(after: context.options.serviceDownTime, now: context.now)
        },
        HostFilter("ServerGroupAntiAffinityFilter") { state, context in
            context.group?.policy != .antiAffinity || context.groupAdmits(state.host.name)
        },
        HostFilter("ServerGroupAffinityFilter") { state, context in
            context.group?.policy != .affinity || context.groupAdmits(state.host.name)
        },
        HostFilter("SameHostFilter") { state, context in
            context.request.hints.sameHost.isEmpty || context.sameHosts.contains(state.host.name)
        },
        HostFilter("DifferentHostFilter") { state, context in !context.differentHosts.contains(state.host.name) },
        HostFilter("SimpleCIDRAffinityFilter") { state, context in
            guard let address = context.request.hints.buildNearHostAddress else { return true }
            return AddressRange(address, prefix: context.request.hints.cidr ?? "/24")?.contains(state.host.details.address) ?? false
        },
        HostFilter("JsonFilter") { state, context in
            guard let query = context.request.hints.query else { return true }
            return JSONQuery(query)?.isTrue(state) ?? false
        },
        HostFilter("IoOpsFilter") { state, context in state.diskWork < context.options.scheduler.maximumDiskWork },
        HostFilter("NumInstancesFilter", countsServers: true) { state, context in
            state.servers < context.options.scheduler.maximumServersPerHost
        },
        HostFilter("IsolatedHostsFilter", rebuild: true, isolated),
    ]

    @Sendable private static func isolated(_ state: HostState, _ context: SchedulingContext) -> Bool {
        let options = context.options.scheduler
        let hostIsIsolated = options.isolatedHosts.contains(state.host.name)
        guard !options.isolatedImages.isEmpty else { return !options.restrictsIsolatedHosts || !hostIsIsolated }
        let imageIsIsolated = context.request.image.map { options.isolatedImages.contains($0.id) } ?? false
        return options.restrictsIsolatedHosts ? imageIsIsolated == hostIsIsolated : !imageIsIsolated || hostIsIsolated
    }
}

// MARK: What the machine can do

extension HostFilter {
    private static let machine: [HostFilter] = [
        HostFilter("ComputeCapabilitiesFilter", capabilities), HostFilter("ImagePropertiesFilter", rebuild: true, imageProperties),
        HostFilter("NUMATopologyFilter", rebuild: true) { state, context in
            let (details, isHere) = (state.host.details, state.host.name == context.currentHost)
            // What the server has where it is, it may keep.
            let free = Set(isHere ? details.dedicated : details.freeDedicated)
            return GuestTopology(context.request.flavor, context.request.properties)?.fits(details.cells, free: free) ?? true
        },
        HostFilter("PciPassthroughFilter", rebuild: true) { state, context in
            // What the server has where it is, it may keep.
            state.host.name == context.currentHost
                || DeviceAliases.wanted(context.request.flavor.extraSpecs[DeviceAliases.property]).allSatisfy { name, count in
                    state.host.details.freeDevices[name] ?? 0 >= count
                }
        },
    ]

    @Sendable private static func capabilities(_ state: HostState, _ context: SchedulingContext) -> Bool {
        context.capabilities.allSatisfy { path, isOptional, condition in
            guard let found = state.capability(path) else { return isOptional }
            return ExtraSpecCondition.holds(condition, for: found.string ?? found.text)
        }
    }

    /// The image's architecture, hypervisor type and mode are among those the host runs, and its hypervisor is new enough.
    @Sendable private static func imageProperties(_ state: HostState, _ context: SchedulingContext) -> Bool {
        let properties = context.request.properties
        let architecture = properties["hw_architecture"] ?? properties["architecture"] ?? context.options.scheduler.defaultArchitecture
        let wanted = [
            architecture.map(canonicalArchitecture), (properties["img_hv_type"] ?? properties["hypervisor_type"])?.lowercased(),
            (properties["hw_vm_mode"] ?? properties["vm_mode"])?.lowercased(),
        ].compactMap { $0 }
        guard !wanted.isEmpty else { return true }
        let runs = state.host.details.supportedInstances
        // Hosts that tell nothing run what a libvirt host on this architecture runs.
        let kinds = runs.isEmpty ? [["x86_64", state.host.hypervisorType.lowercased(), "hvm"]] : runs.map { $0.map { $0.lowercased() } }
        let required = properties["img_hv_requested_version"] ?? properties["hypervisor_version_requires"]
        return kinds.contains { kind in wanted.allSatisfy(kind.contains) }
            && (required.map { VersionCondition.holds($0, for: state.host.hypervisorVersion) } ?? true)
    }

    private static func canonicalArchitecture(_ name: String) -> String {
        switch name.lowercased() {
        case "x86", "i386", "i486", "i586", "i686": "i686"
        case "amd64", "x86_64": "x86_64"
        case let other: other
        }
    }
}

// MARK: Aggregates

extension HostFilter {
    private static let aggregate: [HostFilter] = [
        HostFilter("AggregateInstanceExtraSpecsFilter", aggregateSpecs),
        HostFilter("AggregateImagePropertiesIsolation", rebuild: true) { state, context in
            let properties = context.request.properties
            return state.metadata.allSatisfy { key, options in properties[key].map { options.contains($0) } ?? true }
        },
        HostFilter("AggregateMultiTenancyIsolation") { state, context in
            let projects = state.metadata.filter { $0.key.hasPrefix(AggregateKey.project) }.flatMap(\.value)
            return projects.isEmpty || projects.contains(context.request.projectID)
        },
        HostFilter("AggregateIoOpsFilter") { state, context in
            state.diskWork < state.least("max_io_ops_per_host", fallback: context.options.scheduler.maximumDiskWork)
        },
        HostFilter("AggregateNumInstancesFilter", countsServers: true) { state, context in
            state.servers < state.least("max_instances_per_host", fallback: context.options.scheduler.maximumServersPerHost)
        },
        HostFilter("AggregateTypeAffinityFilter") { state, context in
            let types = state.values("instance_type").flatMap { $0.split(separator: ",").map(\.trimmed) }
            return types.isEmpty || types.contains(context.request.flavor.name)
        },
    ]

    /// Extra specs without a scope, or in the scope `aggregate_instance_extra_specs`, hold for one of the host's
    /// aggregates.
    @Sendable private static func aggregateSpecs(_ state: HostState, _ context: SchedulingContext) -> Bool {
        guard !context.request.flavor.extraSpecs.isEmpty else { return true }
        let metadata = state.metadata
        return context.request.flavor.extraSpecs.allSatisfy { key, wanted in
            var name = key[...]
            if let colon = key.firstIndex(of: ":") {
                guard key[..<colon] == "aggregate_instance_extra_specs" else { return true }
                name = key[key.index(after: colon)...]
            }
            return metadata[String(name)]?.contains { ExtraSpecCondition.holds(wanted, for: $0) } ?? false
        }
    }
}

/// What metadata of aggregates means to the scheduler.
enum AggregateKey {
    /// The beginning of items that name a project (filter_tenant_id, filter_tenant_id_2 …).
    static let project = "filter_tenant_id"
    /// The beginning of items that name a trait.
    static let trait = "trait:"
}
