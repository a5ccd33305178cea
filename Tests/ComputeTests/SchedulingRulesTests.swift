import CloudCore
import ComputeMessages
import Testing

@testable import Compute

/// What is asked of placement for a flavor, an image and ports.
@Suite struct ResourceTranslationTests {
    private func request(
        _ specs: [String: String] = [:], properties: [String: String] = [:], bootsFromVolume: Bool = false,
        ports: [PortResourceRequest] = []
    ) -> ResourceRequest {
        var scheduling = SchedulingRequest(
            serverID: "s", projectID: "p", userID: "u", flavor: Sample.flavor(specs), image: Sample.image(properties))
        (scheduling.bootsFromVolume, scheduling.portRequests) = (bootsFromVolume, ports)
        return ResourceTranslation.request(for: scheduling)
    }

    @Test func takesTheFlavorsSizeWithItsOtherDisks() {
        #expect(request().main.resources == ["VCPU": 4, "MEMORY_MB": 2048, "DISK_GB": 10 + 5 + 2])
        #expect(request(bootsFromVolume: true).main.resources["DISK_GB"] == 7)
    }

    @Test func asksForWhatTheRootVolumesImageSays() {
        var scheduling = SchedulingRequest(serverID: "s", projectID: "p", userID: "u", flavor: Sample.flavor([:]), image: nil)
        scheduling.bootsFromVolume = true
        scheduling.volumeProperties = ["hw_cpu_policy": "dedicated", "trait:CUSTOM_FAST": "required"]
        let wanted = ResourceTranslation.request(for: scheduling)
        #expect(wanted.main.resources["PCPU"] == 4)
        #expect(wanted.main.requiredTraits.contains("CUSTOM_FAST"))
        scheduling.image = Sample.image([:])
        #expect(scheduling.properties == [:])
    }

    @Test func letsExtraSpecsOverrideTheSize() {
        let wanted = request([
            "resources:VCPU": "0", "resources:MEMORY_MB": "512", "resources1:CUSTOM_GPU": "2", "trait1:CUSTOM_FAST": "required",
        ])
        #expect(wanted.main.resources == ["MEMORY_MB": 512, "DISK_GB": 17])
        #expect(wanted.named["1"] == ResourceRequest.Group(resources: ["CUSTOM_GPU": 2], requiredTraits: ["CUSTOM_FAST"]))
    }

    @Test func asksForDedicatedProcessors() {
        let wanted = request(["hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate", "hw:cpu_thread_policy": "isolate"])
        #expect(wanted.main.resources["PCPU"] == 5)
        #expect(wanted.main.resources["VCPU"] == nil)
        #expect(wanted.main.forbiddenTraits == ["HW_CPU_HYPERTHREADING"])
        let mixed = request(["hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"])
        #expect((mixed.main.resources["VCPU"], mixed.main.resources["PCPU"]) == (1, 3))
    }

    @Test func takesTraitsFromImagesAndGroupsFromPorts() {
        let port = PortResourceRequest(id: "port", resources: ["NET_BW_EGR_KILOBIT_PER_SEC": 1000], requiredTraits: ["CUSTOM_PHYSNET"])
        let wanted = request(properties: ["trait:HW_CPU_X86_AVX2": "required", "hw_tpm_version": "2.0"], ports: [port])
        #expect(wanted.main.requiredTraits == ["HW_CPU_X86_AVX2", "COMPUTE_SECURITY_TPM_TIS", "COMPUTE_SECURITY_TPM_2_0"])
        #expect(wanted.named["port"]?.resources == ["NET_BW_EGR_KILOBIT_PER_SEC": 1000])
    }

    @Test(arguments: [("0-2,^1", [0, 2]), ("^0", [1, 2, 3]), ("3", [3]), ("1-9", [1, 2, 3]), ("x", []), ("", [])])
    func readsMasks(mask: String, expected: [Int]) {
        #expect(ProcessorMask.processors(mask, count: 4).sorted() == expected)
    }
}

/// The little languages of filters.
@Suite struct FilterConditionTests {
    @Test(arguments: [
        ("= 4", "8", true), ("= 4", "2", false), ("<in> avx", "sse avx", true), ("<all-in> a b", "a b c", true),
        ("<or> x <or> y", "y", true), ("<or> x <or> y", "z", false), ("s== text", "text", true), ("text", "text", true),
        (">= 2", "no number", false), ("s< b", "a", true), ("=", "1", false),
    ])
    func comparesExtraSpecs(condition: String, value: String, expected: Bool) {
        #expect(ExtraSpecCondition.holds(condition, for: value) == expected)
    }

    @Test(arguments: [(">=6.0,<8", true), (">7.2", true), ("<7.0", false), ("!=7.2.22", false), ("7", false)])
    func comparesVersions(condition: String, expected: Bool) {
        #expect(VersionCondition.holds(condition, for: 7_002_022) == expected)
    }

    @Test func knowsWhatIsInANetwork() throws {
        let range = try #require(AddressRange("192.0.2.77", prefix: "/25"))
        #expect(range.contains("192.0.2.1"))
        #expect(!range.contains("192.0.2.200"))
        #expect(!range.contains("2001:db8::1"))
        #expect(AddressRange("192.0.2.77", prefix: "/33") == nil)
    }

    @Test func evaluatesQueries() throws {
        let state = Sample.state(memory: 4096)
        let query = try #require(JSONQuery(#"["and", [">=", "$free_ram_mb", 1024], ["not", ["=", "$host", "other"]]]"#))
        #expect(query.isTrue(state))
        #expect(try #require(JSONQuery(#"["<", "$free_ram_mb", 1024]"#)).isTrue(state) == false)
        #expect(try #require(JSONQuery(#"["nonsense", 1, 2]"#)).isTrue(state) == false)
        #expect(JSONQuery("true") == nil)
    }

    @Test func fitsCells() throws {
        let guest = try #require(GuestTopology(Sample.flavor(["hw:numa_nodes": "2", "hw:mem_page_size": "large"]), [:]))
        let cell = ComputeHost.Cell(id: 0, processors: [0, 1], memoryMiB: 4096, hugePages: [2048: 512])
        #expect(guest.fits([cell, cell], free: []))
        #expect(!guest.fits([cell], free: []))
        var small = cell
        small.hugePages = [2048: 511]
        #expect(!guest.fits([cell, small], free: []))
        #expect(GuestTopology(Sample.flavor([:]), [:]) == nil)
    }

    @Test func pinnedProcessorsTakeFreeOnesOfOneCell() throws {
        let pinned = try #require(GuestTopology(Sample.flavor(["hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-1"]), [:]))
        let cells = [
            ComputeHost.Cell(id: 0, processors: [0, 1, 2, 3], memoryMiB: 4096), ComputeHost.Cell(id: 1, processors: [4, 5, 6, 7], memoryMiB: 4096),
        ]
        #expect(pinned.fits(cells, free: [5, 7]))
        #expect(!pinned.fits(cells, free: [3, 7]))
        #expect(ProcessorMask.text([7, 0, 2, 1, 5]) == "0-2,5,7")
    }
}

/// What makes one host better than another.
@Suite struct HostWeigherTests {
    private func scores(_ states: [HostState], _ weights: SchedulerOptions.Weights = .init()) throws -> [Double] {
        var scores = Array(repeating: 0.0, count: states.count)
        var context = SchedulingContext(Sample.request(), ComputeOptions())
        context.overriddenWeights = ["ram_weight_multiplier"]
        for weigher in HostWeigher.all(weights) { weigher.weigh(states, context, into: &scores) }
        return scores
    }

    @Test func spreadsByFreeMemory() throws {
        let scores = try scores([Sample.state(memory: 1024), Sample.state(memory: 4096), Sample.state(memory: 2048)])
        #expect(scores[1] > scores[2] && scores[2] > scores[0])
    }

    @Test func avoidsHostsWhereBuildsFail() throws {
        let scores = try scores([Sample.state(memory: 4096, failures: 1), Sample.state(memory: 1024)])
        #expect(scores[1] > scores[0])
    }

    @Test func leavesHostsWithDevicesToThoseThatNeedThem() throws {
        func state(_ devices: [String: Int]) -> HostState { Sample.state(memory: 1024, devices: devices) }
        let scores = try scores([state(["gpu": 2, "nic": 1]), state([:]), state(["gpu": 1])])
        #expect(scores[1] > scores[2] && scores[2] > scores[0])
        let plenty = try self.scores([state(["gpu": 99]), state(["gpu": 2000])])
        #expect(plenty[0] == plenty[1])
        var weights = SchedulerOptions.Weights()
        weights.devices = 0
        let even = try self.scores([state(["gpu": 2]), state([:])], weights)
        #expect(even[0] == even[1])
    }

    @Test func letsAggregatesOverrideMultipliers() throws {
        let aggregate = Aggregate(
            id: 1, uuid: "a", name: "a", metadata: ["ram_weight_multiplier": "-1.0"], hosts: ["host"], createdAt: .now, updatedAt: nil)
        let scores = try scores([Sample.state(memory: 4096, aggregates: [aggregate]), Sample.state(memory: 2048)])
        #expect(scores[0] < scores[1])
    }
}

/// When the zone of hosts may change.
@Suite struct AggregateRulesTests {
    private func rules(_ zone: String?, hosts: [String], others: [Aggregate] = [], servers: [String: Int] = [:]) -> AggregateRules {
        let aggregate = Aggregate(
            id: 1, uuid: "a", name: "a", metadata: zone.map { ["availability_zone": $0] } ?? [:], hosts: hosts, createdAt: .now,
            updatedAt: nil)
        return AggregateRules(aggregate: aggregate, all: [aggregate] + others, servers: servers)
    }

    private let other = Aggregate(
        id: 2, uuid: "b", name: "b", metadata: ["availability_zone": "east"], hosts: ["h"], createdAt: .now, updatedAt: nil)

    @Test func keepsAHostInOneZone() {
        #expect(throws: AggregateRefusal.self) { try rules("west", hosts: [], others: [other]).checkAddition(of: "h") }
        #expect(throws: Never.self) { try rules("east", hosts: [], others: [other]).checkAddition(of: "h") }
        #expect(throws: Never.self) { try rules(nil, hosts: [], others: [other]).checkAddition(of: "h") }
    }

    @Test func doesNotMoveServersBetweenZones() {
        #expect(throws: AggregateRefusal.self) { try rules("west", hosts: [], servers: ["h": 1]).checkAddition(of: "h") }
        #expect(throws: AggregateRefusal.self) { try rules("west", hosts: ["h"], servers: ["h": 1]).checkRemoval(of: "h") }
        #expect(throws: Never.self) { try rules("east", hosts: ["h"], others: [other], servers: ["h": 1]).checkRemoval(of: "h") }
        #expect(throws: AggregateRefusal.self) {
            try rules("west", hosts: ["h"], servers: ["h": 1]).checkUpdate(["availability_zone": "north"], action: "update")
        }
    }

    @Test func takesNoZoneAway() {
        #expect(throws: AggregateRefusal.self) {
            try rules("west", hosts: []).checkUpdate(["availability_zone": nil], action: "update metadata of")
        }
    }
}

/// Values for tests of rules.
enum Sample {
    static func flavor(_ specs: [String: String]) -> Flavor {
        Flavor(
            id: "f", name: "f", vcpus: 4, memoryMiB: 2048, diskGiB: 10, ephemeralGiB: 5, swapMiB: 1500, rxtxFactor: 1, isPublic: true,
            isDisabled: false, description: nil, extraSpecs: specs)
    }

    static func image(_ properties: [String: String]) -> ServerImage {
        ServerImage(
            id: "i", name: nil, status: "active", diskFormat: "qcow2", minDiskGiB: 0, minMemoryMiB: 0, sizeBytes: 0, checksum: nil,
            properties: properties)
    }

    static func request() -> SchedulingRequest {
        SchedulingRequest(serverID: "s", projectID: "p", userID: "u", flavor: flavor([:]), image: image([:]))
    }

    static func state(memory: Int, failures: Int = 0, devices: [String: Int] = [:], aggregates: [Aggregate] = []) -> HostState {
        var host = ComputeHost(
            serviceID: "s", id: "h", name: "host", hypervisorType: "QEMU", hypervisorVersion: 7_002_022, vcpus: 16, memoryMiB: 32768,
            diskGiB: 1000, cpuInfo: "{}", isDisabled: false, disabledReason: nil, isForcedDown: false, seenAt: .now, createdAt: .now)
        host.details.freeDevices = devices
        return HostState(
            known: KnownHost(host, aggregates), room: HostCandidates.Room(vcpus: 8, memoryMiB: memory, diskGiB: 100), diskWork: 0,
            servers: 0, buildFailures: failures, place: 0)
    }
}
