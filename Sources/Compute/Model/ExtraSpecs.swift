import CloudAPI
import CloudCore

/// What values a known extra spec may have (nova.api.validation.extra_specs), checked from microversion 2.86 on.
enum ExtraSpecValue: Sendable {
    case text
    case boolean
    case integer(ClosedRange<Int>)
    case oneOf([String])
    /// A regular expression that the whole value matches.
    case pattern(String)

    static let anyInteger = ExtraSpecValue.integer(.min ... .max)
    static let natural = ExtraSpecValue.integer(0 ... .max)
    static let positive = ExtraSpecValue.integer(1 ... .max)

    /// - Throws: 400 for another value.
    func check(_ value: String) throws {
        switch self {
        case .text: return
        case .boolean:
            guard JSON.string(value).lenientBool == nil else { return }
            throw refusal("'\(value)' is not a valid boolean-like value.")
        case .integer(let range):
            guard let number = Int(value.trimmingPrefix("+")) else { throw refusal("'\(value)' is not a valid integer value.") }
            guard number <= range.upperBound else {
                throw refusal("'\(value)' is greater than the max value of '\(range.upperBound)'.")
            }
            guard number >= range.lowerBound else {
                throw refusal("'\(value)' is less than the min value of '\(range.lowerBound)'.")
            }
        case .oneOf(let values):
            guard !values.contains(value) else { return }
            throw refusal("'\(value)' is not one of: \(values.joined(separator: ", ")).")
        case .pattern(let pattern):
            guard !ExtraSpecValue.matches(value, pattern) else { return }
            throw refusal("'\(value)' is not of the format '\(pattern)'.")
        }
    }

    private func refusal(_ reason: String) -> ComputeError { .badRequest("Validation failed; \(reason)") }

    static func matches(_ text: String, _ pattern: String) -> Bool {
        (try? Schema.string(pattern: pattern).validate(.string(text))) != nil
    }
}

/// The extra specs that are known, by namespace.
struct ExtraSpecCatalog: Sendable {
    /// The resource classes and traits that are not custom; nil where nobody knows them, so that any well-formed name passes.
    let names: (any StandardNames)?

    /// - Throws: 400 for a name that a known namespace does not have, or a value that its spec can't have. Names
    ///   without a namespace and names in others are everybody's own.
    func check(_ name: String, _ value: String) throws {
        if let known = Self.known[name] { return try known.check(value) }
        if let known = Self.families.first(where: { ExtraSpecValue.matches(name, $0.pattern) })?.value {
            return try known.check(value)
        }
        guard let colon = name.firstIndex(of: ":") else { return }
        let (namespace, key) = (String(name[..<colon]), String(name[name.index(after: colon)...]))
        if let known = self.value(ofGroup: namespace, key) { return try known.check(value) }
        guard Self.namespaces.contains(namespace) || Self.isGroup(namespace) else { return }
        throw ComputeError.badRequest("Validation failed; extra spec '\(name)' does not appear to be a valid extra spec.")
    }

    private static let group = "(?:[a-zA-Z0-9_-]{1,64})?"

    private static func isGroup(_ namespace: String) -> Bool {
        ExtraSpecValue.matches(namespace, "(?:resources|trait)\(group)")
    }

    /// The values of `resources{group}:{class}` and `trait{group}:{trait}`.
    private func value(ofGroup namespace: String, _ key: String) -> ExtraSpecValue? {
        let isCustom = ExtraSpecValue.matches(key, "CUSTOM_[A-Z0-9_]+")
        if ExtraSpecValue.matches(namespace, "resources\(Self.group)") {
            return isCustom || names?.isResourceClass(key) ?? Self.isWellFormed(key) ? .anyInteger : nil
        }
        if ExtraSpecValue.matches(namespace, "trait\(Self.group)") {
            return isCustom || names?.isTrait(key) ?? Self.isWellFormed(key) ? .oneOf(["required", "forbidden"]) : nil
        }
        return nil
    }

    private static func isWellFormed(_ name: String) -> Bool { ExtraSpecValue.matches(name, "[A-Z][A-Z0-9_]*") }

    private static let namespaces: Set = [
        "accel", "aggregate_instance_extra_specs", "capabilities", "hw", "hw_rng", "hw_video", "os", "pci_passthrough", "quota",
        "vmware",
    ]

    /// Specs whose names have a part that varies.
    private static let families: [(pattern: String, value: ExtraSpecValue)] = [
        (#"hw:numa_cpus\.\d+"#, .pattern(cpuList)),
        (#"hw:numa_mem\.\d+"#, .positive),
        ("aggregate_instance_extra_specs:.+", .text),
        (
            "capabilities:(?:cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|"
                + #"supported_instances|limits|instances)(?::\w+)*"#, .text
        ),
    ]

    private static let cpuList = #"\^?\d+(?:(?:-\d+)?(?:,\^?\d+(?:-\d+)?)?)*"#

    private static let known: [String: ExtraSpecValue] = {
        var known = hardware.merging(quotas) { $1 }
        known.merge(others) { $1 }
        for name in capabilities { known["capabilities:\(name)"] = .text }
        return known
    }()

    private static let hardware: [String: ExtraSpecValue] = [
        "hw:cpu_realtime": .boolean,
        "hw:cpu_realtime_mask": .pattern(cpuList),
        "hw:hide_hypervisor_id": .boolean,
        "hw:cpu_policy": .oneOf(["dedicated", "shared", "mixed"]),
        "hw:cpu_thread_policy": .oneOf(["prefer", "isolate", "require"]),
        "hw:emulator_threads_policy": .oneOf(["isolate", "share"]),
        "hw:cpu_dedicated_mask": .pattern(cpuList),
        "hw:mem_page_size": .pattern(#"(?:large|small|any|\d+(?:[kKMGT]i?)?(?:b|bit|B)?)"#),
        "hw:locked_memory": .boolean,
        "hw:numa_nodes": .positive,
        "hw:pci_numa_affinity_policy": .oneOf(["required", "preferred", "legacy", "socket"]),
        "hw:cpu_sockets": .positive,
        "hw:cpu_cores": .positive,
        "hw:cpu_threads": .positive,
        "hw:cpu_max_sockets": .positive,
        "hw:cpu_max_cores": .positive,
        "hw:cpu_max_threads": .positive,
        "hw:boot_menu": .boolean,
        "hw:vif_multiqueue_enabled": .boolean,
        "hw:mem_encryption": .boolean,
        "hw:mem_encryption_model": .oneOf(["amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx"]),
        "hw:pmem": .pattern("(?:[a-zA-Z0-9_]+,?)+"),
        "hw:pmu": .boolean,
        "hw:serial_port_count": .natural,
        "hw:tpm_model": .oneOf(["tpm-tis", "tpm-crb"]),
        "hw:tpm_version": .oneOf(["1.2", "2.0"]),
        "hw:tpm_secret_security": .oneOf(["user", "host", "deployment"]),
        "hw:watchdog_action": .oneOf(["none", "pause", "poweroff", "reset", "disabled"]),
        "hw:viommu_model": .oneOf(["intel", "smmuv3", "virtio", "auto"]),
        "hw:virtio_packed_ring": .boolean,
        "hw:sound_model": .oneOf(["sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio"]),
        "hw:usb_model": .oneOf(["none", "nec-xhci", "qemu-xhci"]),
        "hw:redirected_usb_ports": .integer(0...15),
        "hw:ephemeral_encryption": .boolean,
        "hw:ephemeral_encryption_format": .oneOf(["plain", "luks", "luksv2"]),
        "hw_rng:allowed": .boolean,
        "hw_rng:rate_bytes": .natural,
        "hw_rng:rate_period": .natural,
        "hw_video:ram_max_mb": .natural,
    ]

    private static let quotas: [String: ExtraSpecValue] = {
        var quotas: [String: ExtraSpecValue] = ["cpu_shares": .natural, "cpu_period": .natural, "cpu_quota": .anyInteger]
        for key in ["cpu", "memory", "disk_io", "vif"] {
            quotas["\(key)_limit"] = .natural
            quotas["\(key)_reservation"] = .anyInteger
            quotas["\(key)_shares_level"] = .oneOf(["custom", "high", "normal", "low"])
            quotas["\(key)_shares_share"] = .natural
        }
        for direction in ["read", "write", "total"] {
            for unit in ["bytes", "iops"] { quotas["disk_\(direction)_\(unit)_sec"] = .natural }
        }
        for direction in ["inbound", "outbound"] {
            for measure in ["average", "peak", "burst"] { quotas["vif_\(direction)_\(measure)"] = .natural }
        }
        return Dictionary(uniqueKeysWithValues: quotas.map { ("quota:\($0)", $1) })
    }()

    private static let others: [String: ExtraSpecValue] = [
        "accel:device_profile": .text,
        "hide_hypervisor_id": .boolean,
        "group_policy": .oneOf(["isolate", "none"]),
        "os:secure_boot": .oneOf(["disabled", "required"]),
        "pci_passthrough:alias": .pattern(#"[^:]+:\d+(?:\s*,\s*[^:]+:\d+)*"#),
        "vmware:hw_version": .text,
        "vmware:storage_policy": .text,
    ]

    /// What hosts tell of themselves.
    private static let capabilities = [
        "id", "uuid", "service_id", "host", "vcpus", "memory_mb", "local_gb", "vcpus_used", "memory_mb_used", "local_gb_used",
        "hypervisor_type", "hypervisor_version", "hypervisor_hostname", "free_ram_mb", "free_disk_gb", "current_workload",
        "running_vms", "disk_available_least", "host_ip", "mapped", "cpu_allocation_ratio", "ram_allocation_ratio",
        "disk_allocation_ratio", "total_usable_ram_mb", "total_usable_disk_gb", "disk_mb_used", "free_disk_mb", "vcpus_total",
        "num_instances", "num_io_ops", "failed_builds", "aggregates", "cell_uuid", "updated",
    ]
}
