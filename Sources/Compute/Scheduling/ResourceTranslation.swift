import CloudCore
import ComputeMessages

/// Turns a flavor, an image and ports into what is asked of placement (nova.scheduler.utils.ResourceRequest).
struct ResourceTranslation: Sendable {
    private let flavor: Flavor
    private let properties: [String: String]
    private let bootsFromVolume: Bool
    private let pinned: Set<Int>
    private var groups: [String: ResourceRequest.Group] = [:]
    private var isIsolated = false

    /// What a server takes, and what its host must have.
    static func request(for scheduling: SchedulingRequest) -> ResourceRequest {
        var translation = ResourceTranslation(
            scheduling.flavor, scheduling.properties, bootsFromVolume: scheduling.bootsFromVolume,
            pinned: GuestTopology.pinned(scheduling.flavor, scheduling.properties))
        translation.addExtraSpecs()
        translation.addImageTraits()
        translation.addProcessorPolicy()
        for port in scheduling.portRequests {
            translation.groups[port.id] = ResourceRequest.Group(
                resources: port.resources, requiredTraits: Set(port.requiredTraits))
        }
        translation.addSize()
        translation.addMachineTraits()
        return translation.finished()
    }

    private init(_ flavor: Flavor, _ properties: [String: String], bootsFromVolume: Bool, pinned: Set<Int>) {
        (self.flavor, self.properties, self.bootsFromVolume) = (flavor, properties, bootsFromVolume)
        self.pinned = pinned
    }

    // MARK: The flavor's extra specs

    /// `resources[S]:CLASS=n`, `trait[S]:NAME=required|forbidden` and `group_policy`.
    private mutating func addExtraSpecs() {
        for (key, value) in flavor.extraSpecs {
            if key == "group_policy" {
                isIsolated = value == "isolate"
                continue
            }
            guard let colon = key.firstIndex(of: ":") else { continue }
            let (scope, name) = (key[..<colon], String(key[key.index(after: colon)...]))
            if let suffix = Self.suffix(of: scope, after: "resources"), let amount = Int(value), amount >= 0 {
                groups[suffix, default: .init()].resources[name] = amount
            } else if let suffix = Self.suffix(of: scope, after: "trait") {
                addTrait(name, value, to: suffix)
            }
        }
    }

    private static func suffix(of scope: Substring, after word: String) -> String? {
        guard scope.hasPrefix(word) else { return nil }
        let suffix = scope.dropFirst(word.count)
        let isName = suffix.utf8.count <= 64 && suffix.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }
        return isName ? String(suffix) : nil
    }

    private mutating func addTrait(_ name: String, _ kind: String, to suffix: String = "") {
        switch kind {
        case "required": groups[suffix, default: .init()].requiredTraits.insert(name)
        case "forbidden": groups[suffix, default: .init()].forbiddenTraits.insert(name)
        default: break
        }
    }

    private mutating func addImageTraits() {
        for (key, value) in properties where key.hasPrefix("trait:") && value == "required" {
            addTrait(String(key.dropFirst("trait:".count)), "required")
        }
    }

    // MARK: Processors

    private func property(_ name: String) -> String? { flavor.extraSpecs["hw:\(name)"] ?? properties["hw_\(name)"] }

    private mutating func addProcessorPolicy() {
        if ["dedicated", "mixed"].contains(property("cpu_policy")) {
            let isolated = flavor.extraSpecs["hw:emulator_threads_policy"] == "isolate" ? 1 : 0
            if pinned.count < flavor.vcpus { add("VCPU", flavor.vcpus - pinned.count) }
            add("PCPU", pinned.count + isolated)
        }
        switch property("cpu_thread_policy") {
        case "isolate": addTrait("HW_CPU_HYPERTHREADING", "forbidden")
        case "require": addTrait("HW_CPU_HYPERTHREADING", "required")
        default: break
        }
    }

    private mutating func add(_ resourceClass: String, _ amount: Int) {
        groups["", default: .init()].resources[resourceClass, default: 0] += amount
    }

    // MARK: The flavor itself

    /// What the extra specs say of a class counts instead of the flavor.
    private mutating func addSize() {
        let named = groups.values.reduce(into: Set<String>()) { $0.formUnion($1.resources.keys) }
        if !named.contains("VCPU"), !named.contains("PCPU") { add("VCPU", flavor.vcpus) }
        if !named.contains("MEMORY_MB") { add("MEMORY_MB", flavor.memoryMiB) }
        if !named.contains("DISK_GB") {
            let root = bootsFromVolume ? 0 : flavor.diskGiB
            add("DISK_GB", root + flavor.ephemeralGiB + (flavor.swapMiB + 1023) / 1024)
        }
    }

    private mutating func addMachineTraits() {
        if property("mem_encryption") == "true" {
            add("MEM_ENCRYPTION_CONTEXT", 1)
            addTrait("HW_CPU_X86_AMD_SEV", "required")
        }
        for label in (flavor.extraSpecs["hw:pmem"] ?? "").split(separator: ",") {
            add("CUSTOM_PMEM_NAMESPACE_" + Self.normalized(String(label)), 1)
        }
        if let version = property("tpm_version") {
            addTrait(property("tpm_model") == "tpm-crb" ? "COMPUTE_SECURITY_TPM_CRB" : "COMPUTE_SECURITY_TPM_TIS", "required")
            addTrait(version == "2.0" ? "COMPUTE_SECURITY_TPM_2_0" : "COMPUTE_SECURITY_TPM_1_2", "required")
        }
        let secureBoot = flavor.extraSpecs["os:secure_boot"] ?? properties["os_secure_boot"]
        if secureBoot == "required" { addTrait("COMPUTE_SECURITY_UEFI_SECURE_BOOT", "required") }
        if property("pci_numa_affinity_policy") == "socket" { addTrait("COMPUTE_SOCKET_PCI_NUMA_AFFINITY", "required") }
        switch property("maxphysaddr_mode") {
        case "passthrough": addTrait("COMPUTE_ADDRESS_SPACE_PASSTHROUGH", "required")
        case "emulate": addTrait("COMPUTE_ADDRESS_SPACE_EMULATED", "required")
        default: break
        }
        if properties["hw_firmware_type"] == "uefi", LenientBoolean.parse(properties["hw_firmware_stateless"] ?? "") == true {
            addTrait("COMPUTE_SECURITY_STATELESS_FIRMWARE", "required")
        }
    }

    private static func normalized(_ name: String) -> String {
        String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    // MARK: Together

    private func finished() -> ResourceRequest {
        var groups = groups.mapValues { group in
            var group = group
            group.resources = group.resources.filter { $0.value > 0 }
            return group
        }.filter { !$0.value.resources.isEmpty || !$0.value.requiredTraits.isEmpty || !$0.value.forbiddenTraits.isEmpty }
        let main = groups.removeValue(forKey: "") ?? .init()
        var request = ResourceRequest(main: main, named: groups)
        request.isIsolated = isIsolated
        if LenientBoolean.parse(property("virtio_packed_ring") ?? "") == true {
            request.rootRequired.insert("COMPUTE_NET_VIRTIO_PACKED")
        }
        if flavor.extraSpecs["accel:device_profile"] != nil { request.rootRequired.insert("COMPUTE_ACCELERATORS") }
        return request
    }
}
