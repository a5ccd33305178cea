import ComputeMessages
import FoundationXML
import Testing

@testable import ComputeAgent

/// What flavors allow of the host, in libvirt's words.
@Suite(.timeLimit(.minutes(2))) struct DomainLimitsTests {
    private func document(
        _ properties: [String: String], limitsProcessors: Bool = true, volumes: [GuestVolume] = []
    ) throws -> XMLDocument {
        var guest = specification(properties: properties)
        guest.volumes = volumes
        let disks = GuestDisks(
            root: .init(path: "/data/disk", format: "qcow2"), swap: .init(path: "/data/disk.swap", format: "raw"), console: "/data/console.log")
        let devices = guest.interfaces.map { GuestDevice(interface: $0, device: "tap0", offload: true) }
        var host = DomainXML.Host(hasKVM: false, hasDirectIO: true)
        (host.limitsProcessors, host.cells) = (limitsProcessors, [HostCell(id: 0, memoryMiB: 1024, dedicated: [3])])
        let definition = GuestDefinition(guest: guest, disks: disks, interfaces: devices)
        return try XMLDocument(xmlString: try DomainXML(definition, host: host).text)
    }

    private func values(_ path: String, _ document: XMLDocument) throws -> [String] {
        try document.nodes(forXPath: path).compactMap(\.stringValue)
    }

    @Test func withoutQuotasThereAreNoLimits() throws {
        let document = try document([:], limitsProcessors: false)
        for path in ["//cputune", "//iotune", "//bandwidth", "//rng/rate"] { #expect(try values(path, document).isEmpty) }
    }

    @Test func processorsAreLimitedBesideTheirPins() throws {
        let quotas = ["quota:cpu_shares": "512", "quota:cpu_period": "100000", "quota:cpu_quota": "-1"]
        let document = try document(quotas.merging(["hw:cpu_policy": "dedicated"]) { $1 })
        #expect(try values("//cputune", document).count == 1)
        #expect(try values("//cputune/shares", document) == ["512"])
        #expect(try values("//cputune/period", document) == ["100000"])
        #expect(try values("//cputune/quota", document) == ["-1"])
        #expect(try values("//cputune/vcpupin/@cpuset", document) == ["3"])
    }

    @Test func aHostThatCannotLimitProcessorsRefuses() {
        let failure = #expect(throws: GuestFailure.self) { try document(["quota:cpu_shares": "512"], limitsProcessors: false) }
        #expect(failure?.code == .unsupported)
    }

    @Test func disksOfTheHostAreLimitedAndVolumesAreNot() throws {
        let volume = GuestVolume(id: "00000000-0000-4000-8000-000000000001", connection: .file(path: "/volumes/1", format: "raw"))
        let document = try document(
            ["quota:disk_read_bytes_sec": "1048576", "quota:disk_total_iops_sec": "100", "quota:disk_io_limit": "7"], volumes: [volume])
        #expect(try values("//disk[iotune]/target/@dev", document) == ["vda", "vdb"])
        #expect(try values("//disk/iotune/read_bytes_sec", document) == ["1048576", "1048576"])
        #expect(try values("//disk[1]/iotune/*", document) == ["1048576", "100"])
    }

    private func limited(_ specs: [String: String]) -> GuestVolume {
        GuestVolume(
            id: "00000000-0000-4000-8000-000000000001", connection: .file(path: "/volumes/1", format: "raw"), qosSpecs: specs)
    }

    @Test func volumesAreLimitedByTheirTypes() throws {
        let specs = [
            "read_bytes_sec": "1000", "read_bytes_sec_max": "2000", "read_bytes_sec_max_length": "5", "total_iops_sec": "300",
            "size_iops_sec": "4096", "unheard": "of", "consumer": "both",
        ]
        let document = try document(["quota:disk_write_iops_sec": "7"], volumes: [limited(specs)])
        #expect(try values("//disk[1]/iotune/*", document) == ["7"])
        let path = "//disk[target/@dev='vdc']/iotune/"
        #expect(try values(path + "*", document).count == 5)
        for (measure, amount) in specs where !["unheard", "consumer"].contains(measure) {
            #expect(try values(path + measure, document) == [amount])
        }
        #expect(try values("//disk/iotune", try self.document([:], volumes: [limited([:])])).isEmpty)
    }

    @Test(arguments: [
        ["total_iops_sec": "500", "write_iops_sec": "1"], ["total_bytes_sec": "500", "read_bytes_sec": "1"],
        ["total_iops_sec": "5", "total_iops_sec_max": "9", "read_iops_sec": "0", "read_iops_sec_max": "9"],
        ["total_iops_sec_max": "9"], ["total_iops_sec": "9", "total_iops_sec_max": "8"], ["size_iops_sec": "4096"],
        ["read_iops_sec": "9", "read_iops_sec_max_length": "8"], ["read_iops_sec": "-1"], ["read_iops_sec": "much"],
        ["read_iops_sec": "1000000000000001"],
    ])
    func whatNoHypervisorCanKeepIsRefusedBeforeItIsTried(specs: [String: String]) {
        let failure = #expect(throws: GuestFailure.self) { try document([:], volumes: [limited(specs)]) }
        #expect(failure?.code == .unsupported)
        #expect(failure?.message.contains("00000000-0000-4000-8000-000000000001") == true)
    }

    @Test func zerosLimitNothingAndContradictNothing() throws {
        let specs = ["total_iops_sec": "500", "read_iops_sec": "0", "total_iops_sec_max": "0"]
        #expect(try values("//disk/iotune/total_iops_sec", try document([:], volumes: [limited(specs)])) == ["500"])
        #expect(throws: GuestFailure.self) { try document(["quota:disk_total_iops_sec": "9", "quota:disk_read_iops_sec": "9"]) }
    }

    @Test func allLimitsOfARunningDiskAreSetAtOnce() throws {
        let parameters = try DiskLimits(limited(["total_iops_sec": "500", "unheard": "of"])).parameters
        #expect(parameters.count == 19)
        #expect(parameters.filter { $0.value > 0 }.map { "\($0.name) \($0.value)" } == ["total_iops_sec 500"])
    }

    @Test func interfacesAreLimitedByDirection() throws {
        let document = try document([
            "quota:vif_inbound_average": "1000", "quota:vif_inbound_burst": "512", "quota:vif_outbound_peak": "2000",
        ])
        #expect(try values("//interface/bandwidth/inbound/@average", document) == ["1000"])
        #expect(try values("//interface/bandwidth/inbound/@burst", document) == ["512"])
        #expect(try values("//interface/bandwidth/inbound/@peak", document).isEmpty)
        // A peak without an average says nothing.
        #expect(try values("//interface/bandwidth/outbound", document).isEmpty)
    }

    @Test func randomNumbersComeAtARate() throws {
        let document = try document(["hw_rng:rate_bytes": "2048", "hw_rng:rate_period": "500"])
        #expect(try values("//rng/rate/@bytes", document) == ["2048"])
        #expect(try values("//rng/rate/@period", document) == ["500"])
        #expect(try values("//rng/rate/@period", try self.document(["hw_rng:rate_bytes": "2048"])).isEmpty)
        #expect(try values("//rng/rate", try self.document(["hw_rng:rate_bytes": "0", "hw_rng:rate_period": "500"])).isEmpty)
    }

    @Test(arguments: ["quota:cpu_shares", "quota:cpu_quota", "quota:disk_write_iops_sec", "quota:vif_outbound_average", "hw_rng:rate_bytes"])
    func aLimitIsANumber(name: String) {
        let failure = #expect(throws: GuestFailure.self) { try document([name: "much"]) }
        #expect(failure?.message.contains(name) == true)
    }
}

/// What a machine's control groups can do.
@Suite(.timeLimit(.minutes(2))) struct ProcessorControlTests {
    private func mounts(_ lines: String...) -> ProcessorControl { ProcessorControl(mounts: lines.joined(separator: "\n") + "\n") }

    @Test func theControllerIsFoundInBothVersions() throws {
        let folder = try TemporaryFolder()
        let second = "cgroup2 \(folder.path) cgroup2 rw 0 0"
        #expect(!mounts().isOffered)
        #expect(mounts("cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu,cpuacct 0 0").isOffered)
        #expect(!mounts("cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0", second).isOffered)
        try FileSystem.write("cpuset cpu io\n", to: folder.path + "/cgroup.controllers")
        #expect(mounts(second).isOffered)
    }

    @Test func aControllerThatIsClosedIsOfNoUse() throws {
        let folder = try TemporaryFolder()
        let (first, second) = ("cgroup \(folder.path) cgroup rw,cpu 0 0", "cgroup2 \(folder.path) cgroup2 rw 0 0")
        try FileSystem.write("cpu\n", to: folder.path + "/cgroup.controllers")
        // A plain folder has none of the controller's files, and both versions together are not to be used.
        for control in [mounts(), mounts(first), mounts(second), mounts(first, second)] { #expect(!control.isUsable) }
        #expect(try FileSystem.names(in: folder.path) == ["cgroup.controllers"])
    }

    @Test func libvirtdIsToldWhatCanBeHad() {
        #expect(LibvirtDaemon.driverConfiguration(limitsProcessors: true).contains("cgroup_controllers = [\"cpu\"]\n"))
        #expect(LibvirtDaemon.driverConfiguration(limitsProcessors: false).contains("cgroup_controllers = []\n"))
    }
}
